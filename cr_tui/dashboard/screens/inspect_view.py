"""How the inspect screen looks: what it draws, from what was read and decoded."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.timer import Timer
from textual.widgets import Footer, Input, Static

from cr_tui.dashboard.data import LIVE_STATUSES, NoCheckpointError, Run
from cr_tui.dashboard.exploration import Exploration, Frames, Job, Key, Side
from cr_tui.dashboard.image_queue import ImageQueue
from cr_tui.dashboard.inspect_layout import CAPTION, GAP, Layout, arrange, usual_steps
from cr_tui.dashboard.screens.inspect_reading import InspectReading
from cr_tui.dashboard.theme import rgb
from cr_tui.dashboard.widgets.code_row import CodeRow
from cr_tui.dashboard.widgets.pictures_view import Picture, PicturesView
from cr_tui.dashboard.widgets.text_line import TextLine
from cr_tui.dashboard.widgets.title_bar import TitleBar
from cr_tui.render.cells import Cells, style_of
from cr_tui.text import clean
from engine.errors import CrtuiError

_REST_SECONDS = 0.25
"""Traversals of the other codes follow when a slider has rested for so long: on a slow line they cost the most."""
_AROUND = (3, 5)

NO_CHECKPOINT = """\
No checkpoint yet.

{name} is {status} at step {step:,} of {total:,}. A run writes its first checkpoint after some time, \
when it is stopped, and at its end; then its codes can be moved here.{hint}

 R  looks again,  5  shows its log,  esc  goes back."""
NUMBERS_ONLY = "Images are off; press  m  to show them."


class InspectView(InspectReading):
    """Codes of a run, each with a slider and a traversal, and the image of where they stand; alone or beside another.

    Args:
        run: whose model it is.
    """

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run
        self._exploration: Exploration | None = None
        self._layout: Layout | None = None
        self._images: ImageQueue | None = None
        self._rest: Timer | None = None
        self._status = "starting PyTorch and reading the newest checkpoint …"
        self._awaits_checkpoint = False

    def compose(self) -> ComposeResult:
        yield TitleBar("inspect")
        yield TextLine(widget_id="headline")
        yield Static(id="waiting")
        with Horizontal(id="body"):
            yield PicturesView(widget_id="held")
            yield VerticalScroll(id="codes", can_focus=False)
        yield TextLine(widget_id="note")
        yield Input(id="go-to", compact=True, type="integer", max_length=9)
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        self._images = ImageQueue(self.dashboard.source, self._take_image, self._fail)
        self.query_one("#body").display = False
        self.watch(self.app, "image_mode", self._mode_changed, init=False)
        self._draw_words()
        self.read_model(self.dashboard.source, self._run.id, None)

    def show_runs(self, runs: Sequence[Run]) -> None:
        """The run may have gone on, and have written the checkpoint that was waited for."""
        now = self.dashboard.run_of(self._run.id)
        if now is None or now == self._run:
            return
        is_further = (now.step, now.status) != (self._run.step, self._run.status)
        self._run = now
        if self._exploration is not None:
            self._exploration.first.run = now
        self._draw_words()
        if self._awaits_checkpoint and is_further:
            self.read_model(self.dashboard.source, now.id, None)

    def restyle(self) -> None:
        """Draw everything in the colours of another theme."""
        super().restyle()
        self._draw()

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self._draw)

    def _mode_changed(self) -> None:
        self._draw()
        self._wish_all()

    # -- answers -----------------------------------------------------------------------------------------------------

    @on(InspectReading.Opened)
    async def _show_model(self, message: InspectReading.Opened) -> None:
        self._status, self._awaits_checkpoint = "", False
        if self._exploration is None:
            self._exploration = Exploration(self._run, message.facts, usual_steps(self.size.width))
        else:
            self._exploration.change_model(message.facts)
        await self._make_rows(message.facts.codes.count)
        self._draw()
        self._match_again()
        if self._exploration.sample.of_dataset:
            self._encode(self._exploration.sample.number)
        self._wish_all()

    @on(InspectReading.Joined)
    def _show_other(self, message: InspectReading.Joined) -> None:
        exploration = self._exploration
        if exploration is None:
            return
        exploration.compare(message.run, message.facts)
        self._status = "matching the codes of both …"
        if exploration.sample.of_dataset:
            self._encode(exploration.sample.number)
        self._draw()
        self._wish_all()

    @on(InspectReading.Matched)
    def _show_match(self, message: InspectReading.Matched) -> None:
        exploration = self._exploration
        if exploration is None or exploration.second is None or exploration.second.run.id != message.run_id:
            return
        self._status = ""
        exploration.match(message.matches)
        self._draw()
        self._wish_all()

    @on(InspectReading.Encoded)
    def _show_encoded(self, message: InspectReading.Encoded) -> None:
        exploration = self._exploration
        if exploration is not None and len(message.images) == len(exploration.sides):
            self._status = ""
            exploration.encode(message.images)
            self._draw()
            self._wish_all()

    @on(InspectReading.Refused)
    def _show_refusal(self, message: InspectReading.Refused) -> None:
        self._fail(message.error)

    def _fail(self, error: CrtuiError) -> None:
        """Say why there is nothing to see, in the middle of the screen if there is nothing else."""
        self._status = ""
        if self._exploration is not None:
            self.dashboard.say(str(error), "error")
            self._draw_words()
            return
        self._awaits_checkpoint = isinstance(error, NoCheckpointError)
        self._status = "" if self._awaits_checkpoint else str(error)
        self._draw_words()

    def _match_again(self) -> None:
        """Another checkpoint may mean other counterparts."""
        exploration = self._exploration
        if exploration is not None and exploration.second is not None:
            first, other = exploration.first, exploration.second
            self._status = "matching the codes of both …"
            self.match_codes(self.dashboard.source, first.run.id, first.facts.step, other.run.id, other.facts.step)

    def _encode(self, number: int) -> None:
        if self._exploration is not None:
            self._status = "reading the dataset …" if self._exploration.first.encoded is None else ""
            self._draw_words()
            models = [(side.run.id, side.facts.step) for side in self._exploration.sides]
            self.encode_image(self.dashboard.source, models, number)

    # -- images ------------------------------------------------------------------------------------------------------

    def _wish_all(self) -> None:
        """Have the image of the held latents decoded and all traversals, or none where images are off."""
        if self._exploration is not None and self._images is not None and self.dashboard.image_mode != "off":
            self._images.wish(self._exploration.image_jobs())
            self._images.wish(self._exploration.strip_jobs())
            self._go_on()

    def _wish_moved(self, code: int) -> None:
        """Have the image decoded now, and the traversals of the other codes when the slider rests."""
        if self._exploration is None or self._images is None or self.dashboard.image_mode == "off":
            return
        self._images.drop(traversals_only=True)
        self._images.wish(self._exploration.image_jobs())
        self._go_on()
        if self._rest is not None:
            self._rest.stop()
        self._rest = self.set_timer(_REST_SECONDS, lambda: self._wish_others(code))

    def _wish_others(self, code: int) -> None:
        if self._exploration is not None and self._images is not None:
            self._images.wish(self._exploration.strip_jobs(moved=code))
            self._go_on()

    def _go_on(self) -> None:
        if self._images is not None and self._images.is_idle:
            self.run_worker(self._images.run(), group="decode")

    def _take_image(self, key: Key, job: Job, frames: Frames) -> None:
        code = key[1]
        if self._exploration is None or not self._exploration.take(key, job, frames) or not self.is_attached:
            return
        if code is None:
            self._draw_held()
        else:
            self._draw_row(code)

    # -- drawing -----------------------------------------------------------------------------------------------------

    async def _make_rows(self, count: int) -> None:
        """A row a code, made anew only when there are others than before."""
        area = self.query_one("#codes", VerticalScroll)
        if len(area.children) != count:
            await area.remove_children()
            await area.mount_all(CodeRow(code) for code in range(count))

    def _draw(self) -> None:
        """Draw everything anew, for the room there is."""
        self._draw_words()
        exploration = self._exploration
        body = self.query_one("#body")
        body.display = exploration is not None
        if exploration is None or not self.size.width:
            return
        self._layout = self._arranged(exploration)
        held = self.query_one("#held")
        held.display = bool(self._layout.across)
        held.styles.width = max(self._layout.panel, 1)
        self._draw_held()
        for code in range(exploration.first.facts.codes.count):
            self._draw_row(code)

    @property
    def _room(self) -> tuple[int, int]:
        """Cells for pictures and sliders: what title, headline, note, footer, padding and scroll bar leave."""
        return max(self.size.width - _AROUND[0], 1), max(self.size.height - _AROUND[1], 1)

    def _arranged(self, exploration: Exploration) -> Layout:
        bare = Layout(exploration.steps, len(exploration.sides))
        if self.dashboard.image_mode == "off":
            return bare
        pictures = len(exploration.sides) + (exploration.first.encoded is not None)
        shape = exploration.first.facts.image_shape
        whole = self.dashboard.image_mode in ("halfblock", "ascii")
        return arrange(*self._room, pictures, bare, shape, whole_pixels=whole)

    def _draw_row(self, code: int) -> None:
        exploration, layout = self._exploration, self._layout
        if exploration is None or layout is None:
            return
        for row in self.query(f"#code-{code}").results(CodeRow):
            width = self._room[0] - (layout.panel + GAP if layout.panel else 0)
            row.show_code(exploration, layout, max(width, 1), self.look, self._colours)

    def _draw_held(self) -> None:
        """The pictures of the held latents, each below its caption."""
        exploration, layout = self._exploration, self._layout
        if exploration is None or layout is None or not layout.across:
            return
        texts, pictures = [], []
        for number, (caption, style, frames) in enumerate(self._held(exploration)):
            left, top = layout.place(number)
            written = clean(caption, layout.across)
            texts.append((left, top, Cells(((Segment(written, style),),))))
            if frames is not None:
                pictures.append(Picture(frames, left, top + CAPTION, layout.across, layout.down))
        rows = -(-len(texts) // layout.columns)
        height = rows * (layout.down + CAPTION + 1) - 1
        self.query_one("#held", PicturesView).show_pictures(layout.panel, height, texts, pictures)

    def _held(self, exploration: Exploration) -> list[tuple[str, Style, Frames | None]]:
        """Caption, its style and image of each picture in the panel."""
        faint = style_of(rgb(self.look.faint))
        shown: list[tuple[str, Style, Frames | None]] = []
        encoded = exploration.first.encoded
        if encoded is not None:
            shown.append((f"image {encoded.number}", faint, encoded.image[None]))
        for side, colour in zip(exploration.sides, self._colours, strict=False):
            name = side.run.name if exploration.second is not None else _made_of(side)
            shown.append((name, colour if exploration.second is not None else faint, side.image))
        return shown

    @property
    def _colours(self) -> list[Style]:
        """Of the two runs: those they have in charts; the theme's first where they are not marked."""
        known = {run.id: style_of(run.colour) for run in self.dashboard.shown_runs()} if self.dashboard.marked else {}
        sides = self._exploration.sides if self._exploration is not None else []
        ids = [side.run.id for side in sides] or [self._run.id]
        return [known.get(run_id) or style_of(self.look.runs[place]) for place, run_id in enumerate(ids)]

    def _draw_words(self) -> None:
        """Headline, note, and what stands in place of images."""
        exploration, look = self._exploration, self.look
        line = Text(clean(self._run.name, 40), style="bold").append(f"  {clean(self._run.method)}", style=look.faint)
        note = Text()
        if exploration is not None:
            self._describe_checkpoints(line, exploration)
            note = self._note(exploration)
        if self._status and exploration is not None:
            note.append(f"  {clean(self._status)}", style=look.alert)
        self.query_one("#headline", TextLine).write(line)
        self.query_one("#note", TextLine).write(note)
        waiting = self.query_one("#waiting", Static)
        waiting.display = exploration is None
        if exploration is None:
            text = self._no_checkpoint() if self._awaits_checkpoint else clean(self._status)
            waiting.update(Text(text, style=look.faint if self._status.endswith("…") else ""))

    def _describe_checkpoints(self, line: Text, exploration: Exploration) -> None:
        look, facts = self.look, exploration.first.facts
        steps = facts.checkpoints
        place = f", {steps.index(facts.step) + 1} of {len(steps)}" if facts.step in steps else ""
        line.append(f" · checkpoint {facts.step:,}{place}", style=look.faint)
        if exploration.second is not None:
            other = exploration.second
            line.append("  ↔  ", style=look.faint).append(clean(other.run.name, 40), style="bold")
            line.append(f"  {clean(other.run.method)} · checkpoint {other.facts.step:,}", style=look.faint)

    def _note(self, exploration: Exploration) -> Text:
        look, sample = self.look, exploration.sample
        encoded = exploration.first.encoded
        held = f"draw {sample.number}"
        if encoded is not None:
            held = f"image {encoded.number:,} of {encoded.images:,}"
        parts = [held]
        if sample.noise != sample.number and exploration.first.facts.codes.noise:
            parts.append(f"noise {sample.noise}")
        mode = self.dashboard.image_mode
        parts.append(NUMBERS_ONLY if mode == "off" else f"{exploration.steps} steps")
        if mode != "off":
            parts.append("half-blocks" if mode == "halfblock" else mode)
        return Text(" · ".join(parts), style=look.faint)

    def _no_checkpoint(self) -> str:
        run = self._run
        hint = " This screen looks by itself as the run goes on." if run.status in LIVE_STATUSES else ""
        return NO_CHECKPOINT.format(
            name=clean(run.name, 60), status=clean(run.status), step=run.step, total=run.total_steps, hint=hint
        )


def _made_of(side: Side) -> str:
    """What the image of a run that is looked at alone shows."""
    point = side.point
    if any(point.is_moved(code) for code in range(point.codes.count)):
        return "moved"
    if side.encoded is None:
        return "as drawn"
    return "reconstruction" if side.facts.has_posterior else "made of its codes"
