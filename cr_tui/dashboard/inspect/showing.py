"""What the inspect screen shows, and the images that are decoded for it."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.timer import Timer

from cr_tui.dashboard.inspect.model_reader import ModelReader
from cr_tui.dashboard.inspect.view import Inspection, InspectView
from cr_tui.dashboard.model.data import NoCheckpointError, Run
from cr_tui.dashboard.model.exploration import DecodeJob, Exploration, Frames, ImageKey
from cr_tui.dashboard.model.session import Session
from cr_tui.dashboard.shared.image_queue import ImageQueue
from cr_tui.dashboard.shared.key_footer import KeyFooter
from cr_tui.dashboard.shared.screen import DashboardScreen
from cr_tui.dashboard.shared.text_box import TextBox
from cr_tui.dashboard.shared.title_bar import TitleBar
from engine.errors import CrtuiError, StoreError

FIRST_STEPS = 5
"""Images along a code until it is known how many have room."""
_REST_SECONDS = 0.25
"""Traversals of the other codes follow when a slider has rested for so long: on a slow line they cost the most."""


class ShownInspection(DashboardScreen):
    """The codes of a run, and whatever is known of their images.

    Args:
        session: what all screens share.
        run: whose codes are moved.
    """

    def __init__(self, session: Session, run: Run) -> None:
        super().__init__(session)
        self._inspection = Inspection(run, status="starting PyTorch and reading the newest checkpoint …")
        self._reader = ModelReader(self)
        self._images = ImageQueue(session.source, self._take_image, self._fail)
        self._rest: Timer | None = None
        self._steps_chosen = False

    def compose(self) -> ComposeResult:
        yield TitleBar("inspect")
        yield InspectView(self.session, self._inspection)
        yield TextBox(widget_id="go-to", kind="integer", max_length=9)
        yield KeyFooter()

    @property
    def view(self) -> InspectView:
        """What is drawn."""
        return self.query_one(InspectView)

    @property
    def exploration(self) -> Exploration | None:
        """The models that are looked at, and where their codes stand; None until a checkpoint has been read."""
        return self._inspection.exploration

    @property
    def _run(self) -> Run:
        return self._inspection.run

    def show_runs(self, runs: Sequence[Run]) -> None:
        """The run may have trained on, and have written the checkpoint that was waited for."""
        now = self.session.run_of(self._run.id)
        if now is None or now == self._run:
            return
        is_further = (now.step, now.status) != (self._run.step, self._run.status)
        self._inspection.run = now
        if self.exploration is not None:
            self.exploration.first.run = now
        self.view.draw_words()
        if self._inspection.awaits_checkpoint and is_further:
            self._reader.read(now.id, None)

    def ask_again(self) -> None:
        """Read the run's model, if nothing is shown because the store could not be read."""
        inspection = self._inspection
        if inspection.awaits_store:
            inspection.awaits_store, inspection.status = False, "reading the newest checkpoint …"
            self.view.draw_words()
            self._reader.read(self._run.id, None)

    def restyle(self) -> None:
        """Draw everything in the colours of another theme."""
        super().restyle()
        self.view.draw()

    def on_resize(self, event: events.Resize) -> None:
        self.after_refresh(self._draw_resized)

    def _draw_resized(self) -> None:
        before = self.exploration.steps if self.exploration is not None else 0
        self.view.draw()
        self._fit_steps()
        if self.exploration is not None and self.exploration.steps != before:
            self._wish_all()

    def _fail(self, error: CrtuiError) -> None:
        """Say why something failed: in the middle of the screen as long as there is nothing else to see."""
        inspection = self._inspection
        if inspection.exploration is not None:
            inspection.status = ""
            self.say(str(error), "error")
        else:
            inspection.awaits_checkpoint = isinstance(error, NoCheckpointError)
            inspection.awaits_store = isinstance(error, StoreError)
            inspection.status = "" if inspection.awaits_checkpoint else str(error)
        self.view.draw_words()

    # -- images ------------------------------------------------------------------------------------------------------

    @property
    def _shows_images(self) -> bool:
        return self.session.image_mode != "off"

    def _fit_steps(self) -> None:
        """Take as many images along a code as have room, unless somebody chose their number."""
        steps, exploration = self.view.fitting_steps(), self.exploration
        if steps is not None and exploration is not None and not self._steps_chosen and steps != exploration.steps:
            exploration.steps = steps
            for side in exploration.sides:
                side.strips.clear()
            self.view.draw()

    def _wish_all(self) -> None:
        """Have the image of the held latents and all traversals decoded, unless images are off."""
        self._fit_steps()
        if self.exploration is not None and self._shows_images:
            self._images.wish(self.exploration.image_jobs())
            self._images.wish(self.exploration.strip_jobs())
            self._decode()

    def _wish_moved(self, code: int) -> None:
        """Have the image decoded now, and the traversals of the other codes when the slider rests."""
        if self.exploration is None or not self._shows_images:
            return
        self._images.drop(traversals_only=True)
        self._images.wish(self.exploration.image_jobs())
        self._decode()
        if self._rest is not None:
            self._rest.stop()
        self._rest = self.after(_REST_SECONDS, lambda: self._wish_others(code))

    def _wish_others(self, code: int) -> None:
        if self.exploration is not None:
            self._images.wish(self.exploration.strip_jobs(moved=code))
            self._decode()

    def _decode(self) -> None:
        if self._images.is_idle:
            self.run_worker(self._images.run(), group="decode")

    def _take_image(self, key: ImageKey, job: DecodeJob, frames: Frames) -> None:
        code = key[1]
        if self.exploration is None or not self.exploration.take(key, job, frames) or not self.is_attached:
            return
        if code is None:
            self.view.draw_held()
        else:
            self.view.draw_row(code)
