"""What each latent code of a run does: obeys keys and mouse, asks for models and images, and has them drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from textual import events, on
from textual.app import ComposeResult
from textual.timer import Timer
from textual.widgets import Input

from cr_tui.dashboard.inspect.code_row import CodeRow
from cr_tui.dashboard.inspect.layout import ZOOMS, bounded_steps
from cr_tui.dashboard.inspect.model_reader import ModelReader
from cr_tui.dashboard.inspect.view import Inspection, InspectView
from cr_tui.dashboard.keys import keymap
from cr_tui.dashboard.model.data import NoCheckpointError, Run
from cr_tui.dashboard.model.exploration import DecodeJob, Exploration, Frames, ImageKey
from cr_tui.dashboard.model.session import Session
from cr_tui.dashboard.shared.image_queue import ImageQueue
from cr_tui.dashboard.shared.key_footer import KeyFooter
from cr_tui.dashboard.shared.screen import DashboardScreen
from cr_tui.dashboard.shared.text_box import TextBox
from cr_tui.dashboard.shared.title_bar import TitleBar
from cr_tui.render.images.image_modes import ImageMode
from engine.errors import CrtuiError, InputError

_STEP, _FAR = 0.05, 0.25
"""Shares of a slider's way that a key moves it by."""
_STRIDE = 0.618
"""Part of the dataset between an image and the next that is shown: neighbours in a grid look alike."""
_MODES: tuple[ImageMode, ...] = ("halfblock", "ascii", "off")
_FIRST_STEPS = 5
_REST_SECONDS = 0.25
"""Traversals of the other codes follow when a slider has rested for so long: on a slow line they cost the most."""


class InspectScreen(DashboardScreen):
    """Moves codes, changes samples, checkpoints and the run beside, and writes pictures.

    Args:
        session: what all screens share.
        run: whose codes are moved.
    """

    place = "inspect"
    CSS_PATH = "screen.tcss"
    AUTO_FOCUS = ""
    BINDINGS = keymap.bindings("inspect")

    def __init__(self, session: Session, run: Run) -> None:
        super().__init__(session)
        self._inspection = Inspection(run, status="starting PyTorch and reading the newest checkpoint …")
        self._reader = ModelReader(self)
        self._images = ImageQueue(session.source, self._take_image, self._fail)
        self._rest: Timer | None = None
        self._steps_chosen = False

    @classmethod
    def opened(cls, session: Session) -> Self:
        """About the run under the cursor."""
        run = session.run_of(session.cursor_run)
        if run is None:
            raise InputError("there is no run to inspect; press 1 and put the cursor on one")
        return cls(session, run)

    def compose(self) -> ComposeResult:
        yield TitleBar("inspect")
        yield InspectView(self.session, self._inspection)
        yield TextBox(widget_id="go-to", kind="integer", max_length=9)
        yield KeyFooter()

    @on(InspectView.Ready)
    def _begin(self) -> None:
        self._reader.read(self._run.id, None)

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

    def restyle(self) -> None:
        """Draw everything in the colours of another theme."""
        super().restyle()
        self.view.draw()

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self._draw_resized)

    def _draw_resized(self) -> None:
        before = self.exploration.steps if self.exploration is not None else 0
        self.view.draw()
        self._fit_steps()
        if self.exploration is not None and self.exploration.steps != before:
            self._wish_all()

    # -- answers -----------------------------------------------------------------------------------------------------

    @on(ModelReader.Opened)
    async def _show_model(self, message: ModelReader.Opened) -> None:
        inspection = self._inspection
        inspection.status, inspection.awaits_checkpoint = "", False
        if inspection.exploration is None:
            inspection.exploration = Exploration(self._run, message.facts, _FIRST_STEPS)
        else:
            inspection.exploration.change_model(message.facts)
        await self.view.make_rows(message.facts.codes.count)
        self.view.draw()
        self._match_again()
        if inspection.exploration.sample.of_dataset:
            self._encode(inspection.exploration.sample.number)
        self._wish_all()

    @on(ModelReader.Joined)
    def _show_other(self, message: ModelReader.Joined) -> None:
        exploration = self.exploration
        if exploration is None:
            return
        exploration.compare(message.run, message.facts)
        self._inspection.status = "matching the codes of both …"
        if exploration.sample.of_dataset:
            self._encode(exploration.sample.number)
        self.view.draw()
        self._wish_all()

    @on(ModelReader.Matched)
    def _show_match(self, message: ModelReader.Matched) -> None:
        exploration = self.exploration
        if exploration is None or exploration.second is None or exploration.second.run.id != message.run_id:
            return
        self._inspection.status = ""
        exploration.match(message.matches)
        self.view.draw()
        self._wish_all()

    @on(ModelReader.Encoded)
    def _show_encoded(self, message: ModelReader.Encoded) -> None:
        exploration = self.exploration
        if exploration is not None and len(message.images) == len(exploration.sides):
            self._inspection.status = ""
            exploration.encode(message.images)
            self.view.draw()
            self._wish_all()

    @on(ModelReader.Refused)
    def _show_refusal(self, message: ModelReader.Refused) -> None:
        self._fail(message.error)

    def _fail(self, error: CrtuiError) -> None:
        """Say why something failed: in the middle of the screen as long as there is nothing else to see."""
        inspection = self._inspection
        if inspection.exploration is not None:
            inspection.status = ""
            self.say(str(error), "error")
        else:
            inspection.awaits_checkpoint = isinstance(error, NoCheckpointError)
            inspection.status = "" if inspection.awaits_checkpoint else str(error)
        self.view.draw_words()

    def _match_again(self) -> None:
        """Match the codes again after another checkpoint was read: its counterparts may be others."""
        exploration = self.exploration
        if exploration is not None and exploration.second is not None:
            first, other = exploration.first, exploration.second
            self._inspection.status = "matching the codes of both …"
            self._reader.match(first.run.id, first.facts.step, other.run.id, other.facts.step)

    def _encode(self, number: int) -> None:
        exploration = self.exploration
        if exploration is not None:
            self._inspection.status = "reading the dataset …" if exploration.first.encoded is None else ""
            self.view.draw_words()
            self._reader.encode([(side.run.id, side.facts.step) for side in exploration.sides], number)

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
        self._rest = self.set_timer(_REST_SECONDS, lambda: self._wish_others(code))

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

    # -- codes -------------------------------------------------------------------------------------------------------

    def action_next_code(self) -> None:
        self._choose(1)

    def action_previous_code(self) -> None:
        self._choose(-1)

    def _choose(self, by: int) -> None:
        if self.exploration is not None:
            count = self.exploration.first.facts.codes.count
            self._select(min(max(self.exploration.code + by, 0), count - 1))

    def _select(self, code: int) -> None:
        exploration = self.exploration
        if exploration is not None and code != exploration.code:
            before, exploration.code = exploration.code, code
            self.view.draw_row(before)
            self.view.draw_row(code)
            self.query_one(f"#code-{code}").scroll_visible(animate=False)

    def action_more(self) -> None:
        self._move(_STEP)

    def action_less(self) -> None:
        self._move(-_STEP)

    def action_far_more(self) -> None:
        self._move(_FAR)

    def action_far_less(self) -> None:
        self._move(-_FAR)

    def _move(self, by: float) -> None:
        if self.exploration is not None and self.exploration.move(self.exploration.code, by):
            self._moved(self.exploration.code)

    def action_put_back(self) -> None:
        if self.exploration is not None and self.exploration.back(self.exploration.code):
            self._moved(self.exploration.code)

    @on(CodeRow.Put)
    def _put(self, message: CodeRow.Put) -> None:
        self._select(message.code)
        if self.exploration is not None and self.exploration.put(message.code, message.share):
            self._moved(message.code)

    def _moved(self, code: int) -> None:
        self.view.draw_row(code)
        self._wish_moved(code)

    # -- samples -----------------------------------------------------------------------------------------------------

    def action_resample(self) -> None:
        self._resample(1)

    def action_previous_sample(self) -> None:
        self._resample(-1)

    def _resample(self, by: int) -> None:
        exploration = self.exploration
        if exploration is None:
            return
        encoded = exploration.first.encoded
        if exploration.sample.of_dataset and encoded is not None:
            stride = max(int(encoded.images * _STRIDE), 1)
            self._encode((encoded.number + by * stride) % encoded.images)
        else:
            self._draw_sample(max(exploration.sample.number + by, 0))

    def _draw_sample(self, seed: int) -> None:
        if self.exploration is not None:
            self.exploration.draw(seed)
            self.view.draw()
            self._wish_all()

    def action_dataset(self) -> None:
        if self.exploration is not None:
            if self.exploration.sample.of_dataset:
                self._draw_sample(self.exploration.sample.noise)
            else:
                self._encode(0)

    def action_redraw_noise(self) -> None:
        exploration = self.exploration
        if exploration is not None:
            if not exploration.first.facts.codes.noise:
                self.say("this model has no noise: its codes alone make the image")
                return
            exploration.redraw_noise()
            self.view.draw_words()
            self._wish_all()

    def action_go_to_sample(self) -> None:
        if self.exploration is not None:
            box = self.query_one("#go-to", TextBox)
            box.placeholder = "number of an image" if self.exploration.sample.of_dataset else "number of a draw"
            box.value = ""
            box.ask()

    @on(Input.Submitted, "#go-to")
    def _go_to(self, message: Input.Submitted) -> None:
        exploration = self.exploration
        if exploration is not None and message.value.isascii() and message.value.isdecimal():
            number = int(message.value)
            self._encode(number) if exploration.sample.of_dataset else self._draw_sample(number)
        self.set_focus(None)

    @on(Input.Blurred, "#go-to")
    def _hide_go_to(self) -> None:
        self.query_one("#go-to").display = False

    # -- checkpoints and runs ----------------------------------------------------------------------------------------

    def action_next_checkpoint(self) -> None:
        self._go_to_checkpoint(1)

    def action_previous_checkpoint(self) -> None:
        self._go_to_checkpoint(-1)

    def _go_to_checkpoint(self, by: int) -> None:
        if self.exploration is None:
            return
        facts = self.exploration.first.facts
        later = [step for step in facts.checkpoints if step > facts.step]
        earlier = [step for step in facts.checkpoints if step < facts.step]
        there = later[:1] if by > 0 else earlier[-1:]
        if there:
            self._read(there[0])
        else:
            self.say(f"this is the {'newest' if by > 0 else 'oldest'} checkpoint there is")

    def action_reload(self) -> None:
        self._read(None)

    def _read(self, step: int | None) -> None:
        which = "the newest checkpoint" if step is None else f"checkpoint {step:,}"
        self._inspection.status, self._inspection.awaits_checkpoint = f"reading {which} …", False
        self.view.draw_words()
        self._reader.read(self._run.id, step)

    def action_compare(self) -> None:
        exploration = self.exploration
        if exploration is None:
            return
        others = [run for run in self.session.chosen if run.id != self._run.id]
        if not others and exploration.second is None:
            self.say("nothing to compare with: mark another run on the runs screen ( 1 ) with the space bar")
            return
        ids = [run.id for run in others]
        second = exploration.second
        place = ids.index(second.run.id) + 1 if second is not None and second.run.id in ids else 0
        if second is not None and (place == 0 or place >= len(ids)):
            exploration.alone()
            self._inspection.status = ""
            self.view.draw()
            self._wish_all()
            return
        self._inspection.status = f"reading {others[place].name} …"
        self.view.draw_words()
        self._reader.read_other(self._run.id, exploration.first.facts.step, others[place])

    # -- how it is shown ---------------------------------------------------------------------------------------------

    def action_more_steps(self) -> None:
        self._take_steps(2)

    def action_fewer_steps(self) -> None:
        self._take_steps(-2)

    def _take_steps(self, by: int) -> None:
        exploration = self.exploration
        if exploration is not None and (steps := bounded_steps(exploration.steps + by)) != exploration.steps:
            self._steps_chosen = True
            exploration.steps = steps
            for side in exploration.sides:
                side.strips.clear()
            self.view.draw()
            self._wish_all()

    def action_zoom_in(self) -> None:
        self._zoom(1)

    def action_zoom_out(self) -> None:
        self._zoom(-1)

    def _zoom(self, by: int) -> None:
        zoom = min(max(self._inspection.zoom + by, 0), len(ZOOMS) - 1)
        if zoom == self._inspection.zoom:
            self.say("all codes are on the screen" if by < 0 else "codes cannot be drawn larger")
            return
        self._inspection.zoom = zoom
        self.view.draw()
        self._wish_all()
        if self.exploration is not None:
            self.query_one(f"#code-{self.exploration.code}").scroll_visible(animate=False)

    def action_image_mode(self) -> None:
        own = self.session.images.mode
        modes = list(dict.fromkeys((own, *_MODES)))
        at = modes.index(self.session.image_mode)
        self.session.image_mode = modes[(at + 1) % len(modes)]
        self.view.draw()
        self._wish_all()

    def action_save_png(self) -> None:
        self._save("png")

    def action_save_gif(self) -> None:
        self._save("gif")

    def _save(self, suffix: str) -> None:
        exploration = self.exploration
        if exploration is not None:
            names = "-and-".join(side.run.name for side in exploration.sides)
            subject = f"{names}-step-{exploration.first.facts.step}"
            self._reader.write_traversals(exploration.picture_jobs(), exploration.labels(), subject, suffix)

    def action_back(self) -> None:
        if self.query_one("#go-to", TextBox).has_focus:
            self.set_focus(None)
        else:
            self.dismiss()
