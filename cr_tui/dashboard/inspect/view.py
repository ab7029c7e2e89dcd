"""How the inspect screen looks: the codes with their sliders and traversals, and the image of where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message

from cr_tui.dashboard.inspect.code_row import CodeRow, values_line
from cr_tui.dashboard.inspect.layout import CAPTION, GAP, Layout, arrange, fitting_steps
from cr_tui.dashboard.model.data import LIVE_STATUSES, Run
from cr_tui.dashboard.model.exploration import Exploration, Frames, Side
from cr_tui.dashboard.model.session import Session
from cr_tui.dashboard.shared.cells_view import CellsView
from cr_tui.dashboard.shared.pictures_view import Picture, PicturesView
from cr_tui.dashboard.shared.text_line import TextLine, WrittenText
from cr_tui.dashboard.theme import Look, look_of, rgb
from cr_tui.render.cells import Cells, style_of
from cr_tui.short_names import short_names
from cr_tui.text import clean

_AROUND = (3, 4)
"""Cells and lines of the screen that pictures and sliders cannot have: words, and the scroll bar."""
_ARROW = "  ↔  "
_BOLD = Style(bold=True)
_LEAST_NAME, _MOST_NAME = 20, 60
"""Cells of a name in the headline: as many as are kept before words beside it, and at most."""
_LOW = 30
"""Lines of a screen that has none to spare."""

NO_CHECKPOINT = """\
No checkpoint yet.

{name} is {status} at step {step:,} of {total:,}. A run writes its first checkpoint after some time, \
when it is stopped, and at its end; then its codes can be moved here.{hint}

 R  looks again,  5  shows its log,  esc  goes back."""
NUMBERS_ONLY = "Images are off; press  m  to show them."


@dataclass
class Inspection:
    """What the inspect screen is about. The screen changes it, the view draws it.

    Attributes:
        run: the run whose codes are moved.
        exploration: its model and what was made of it; None until a checkpoint has been read.
        status: what is being waited for, or why there is nothing to see; empty when neither.
        awaits_checkpoint: whether the run has not written a checkpoint yet.
        awaits_store: whether the store could not be read just then.
        zoom: how much larger codes are drawn than they are where all fit: index into
            :data:`cr_tui.dashboard.inspect.layout.ZOOMS`.
    """

    run: Run
    exploration: Exploration | None = None
    status: str = ""
    awaits_checkpoint: bool = False
    awaits_store: bool = False
    zoom: int = 0


class InspectView(Vertical):
    """Draws codes, traversals and images, of one run or of two.

    Args:
        session: says how images are shown, and which run has which colour.
        inspection: what to draw.
    """

    class Ready(Message):
        """Its widgets are there, so that it can be drawn."""

    def __init__(self, session: Session, inspection: Inspection) -> None:
        super().__init__()
        self.session = session
        self._inspection = inspection
        self._layout: Layout | None = None

    def compose(self) -> ComposeResult:
        yield TextLine(widget_id="headline")
        yield WrittenText(widget_id="waiting")
        with Horizontal(id="body"):
            yield PicturesView(self.session, widget_id="held")
            yield VerticalScroll(id="codes", can_focus=False)
        yield TextLine(widget_id="note")

    def on_mount(self) -> None:
        self.draw()
        self.post_message(self.Ready())

    @property
    def _is_ready(self) -> bool:
        # They are made from the top and removed from the top.
        return bool(self.query("#held")) and bool(self.query("#note"))

    @property
    def look(self) -> Look:
        """How to draw by hand in the present theme."""
        return look_of(self.app)

    async def make_rows(self, count: int) -> None:
        """Have one row for each code; they are made again only when their number has changed."""
        area = self.query_one("#codes", VerticalScroll)
        if len(area.query(CodeRow)) != count:
            await area.remove_children()
            await area.mount_all([CellsView(widget_id="scale"), *(CodeRow(self.session, n) for n in range(count))])

    def draw(self) -> None:
        """Draw everything for the present size of the screen."""
        if not self._is_ready:
            return
        self.draw_words()
        exploration = self._inspection.exploration
        body = self.query_one("#body")
        body.display = exploration is not None
        if exploration is None or not self.screen.size.width:
            return
        self.set_class(self.screen.size.height < _LOW, "-low")
        self._layout = self._arranged(exploration)
        held = self.query_one("#held")
        held.display = bool(self._layout.across)
        held.styles.width = max(self._layout.panel, 1)
        self.draw_held()
        self._draw_scale(exploration, self._layout)
        for code in range(exploration.first.facts.codes.count):
            self.draw_row(code)

    @property
    def _room(self) -> tuple[int, int]:
        """Cells and lines for pictures and sliders."""
        size = self.screen.size
        padding = 0 if self.has_class("-low") else 1
        return max(size.width - _AROUND[0], 1), max(size.height - _AROUND[1] - padding, 1)

    def _arranged(self, exploration: Exploration, steps: int | None = None) -> Layout:
        """Where everything stands, with as many images along a code as there are, or with so many."""
        bare = Layout(steps or exploration.steps, len(exploration.sides))
        if self.session.image_mode == "off":
            return bare
        pictures = len(exploration.sides) + (exploration.first.encoded is not None)
        shape, count = exploration.first.facts.image_shape, exploration.first.facts.codes.count
        whole, (width, height) = self.session.image_mode in ("halfblock", "ascii"), self._room

        def arranged(lines: int) -> Layout:
            return arrange(
                width, lines, pictures, bare, shape, whole_pixels=whole, codes=count, zoom=self._inspection.zoom
            )

        found = arranged(height)
        if found.values:
            return found
        # The values stand in one line above all codes, if there is room for that.
        below = arranged(height - 1)
        return replace(below, scale=True) if below.row_height * count < height else found

    def fitting_steps(self) -> int | None:
        """How many images along a code suit the room; None where there are no images."""
        exploration = self._inspection.exploration
        if exploration is None or self.session.image_mode == "off" or not self.screen.size.width:
            return None
        return fitting_steps(lambda steps: self._arranged(exploration, steps))

    def _draw_scale(self, exploration: Exploration, layout: Layout) -> None:
        """The values of all traversals in one line above, where they do not stand under the images."""
        for scale in self.query("#scale").results(CellsView):
            scale.display = layout.scale and layout.tile_across > 0
            point = exploration.first.point
            continuous = [code for code in range(point.codes.count) if not point.categories(code)]
            if scale.display and continuous:
                text = values_line(point.walk_values(continuous[0], layout.steps), layout.tile_across)
                line = " " * layout.margin + text
                if layout.beside and layout.strips > 1:
                    line = line.ljust(layout.strip_place(1)[0]) + text
                scale.show(Cells(((Segment(line, style_of(rgb(self.look.faint))),),)))

    def draw_row(self, code: int) -> None:
        """Draw the slider and the traversals of a code."""
        exploration, layout = self._inspection.exploration, self._layout
        if exploration is None or layout is None:
            return
        for row in self.query(f"#code-{code}").results(CodeRow):
            width = self._room[0] - (layout.panel + GAP if layout.panel else 0)
            row.show_code(exploration, layout, max(width, 1), self.look, self._colours)

    def draw_held(self) -> None:
        """The pictures of the held latents, each below its caption."""
        exploration, layout = self._inspection.exploration, self._layout
        if exploration is None or layout is None or not layout.across or not self._is_ready:
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
        across = self._layout.across if self._layout is not None else 1
        names = short_names([side.run.name for side in exploration.sides], across)
        if encoded is not None:
            shown.append((f"image {encoded.number}", faint, encoded.image[None]))
        for side, short, colour in zip(exploration.sides, names, self._colours, strict=False):
            name = short if exploration.second is not None else _made_of(side)
            shown.append((name, colour if exploration.second is not None else faint, side.image))
        return shown

    @property
    def _colours(self) -> list[Style]:
        """Of the two runs: their colours in charts, or the theme's first colours where they are not marked."""
        session, palette, exploration = self.session, self.look.runs, self._inspection.exploration
        known = {run.id: style_of(run.colour) for run in session.shown_runs(palette)} if session.marked else {}
        ids = [side.run.id for side in exploration.sides] if exploration is not None else [self._inspection.run.id]
        return [known.get(run_id) or style_of(palette[place]) for place, run_id in enumerate(ids)]

    def draw_words(self) -> None:
        """Write headline, note, and what stands in place of images."""
        if not self._is_ready:
            return
        inspection, look = self._inspection, self.look
        exploration, run = inspection.exploration, inspection.run
        line = self._headline(exploration) if exploration is not None else Text(clean(run.name, 60), style="bold")
        note = Text()
        if exploration is not None:
            note = self._note(exploration)
        self.query_one("#headline", TextLine).write(line)
        self.query_one("#note", TextLine).write(note)
        waiting = self.query_one("#waiting", WrittenText)
        waiting.display = exploration is None
        if exploration is None:
            text = self._no_checkpoint() if inspection.awaits_checkpoint else clean(inspection.status)
            waiting.write(Text(text, style=look.faint if inspection.status.endswith("…") else ""))

    def _headline(self, exploration: Exploration) -> Text:
        """The runs and their checkpoints; what has no room beside the names is left out."""
        faint, width, sides = self.look.faint, max(self.screen.size.width - 2, 1), exploration.sides
        steps = exploration.first.facts.checkpoints
        checkpoints = [f"checkpoint {side.facts.step:,}" for side in sides]
        if exploration.first.facts.step in steps:
            checkpoints[0] += f", {steps.index(exploration.first.facts.step) + 1} of {len(steps)}"
        full = [f"{clean(side.run.method)} · {said}" for side, said in zip(sides, checkpoints, strict=True)]
        described = (full, checkpoints, [checkpoints[0], *("" for _ in sides[1:])])
        names = [side.run.name for side in sides]
        wanted = min(max(cell_len(clean(name)) for name in names), _LEAST_NAME)
        details, room = next(
            (found for found in ((one, self._name_room(one, width)) for one in described) if found[1] >= wanted),
            (["" for _ in sides], self._name_room(["" for _ in sides], width)),
        )
        line, marked = Text(), self.session.marked
        shown = zip(short_names(names, min(max(room, 1), _MOST_NAME)), details, sides, self._colours, strict=True)
        for name, detail, side, colour in shown:
            # A run alone that is not marked has no colour anywhere.
            style = _BOLD + colour if len(sides) > 1 or side.run.id in marked else _BOLD
            line.append(_ARROW if line.plain else "", style=faint).append(name, style=style)
            line.append(f"  {detail}" if detail else "", style=faint)
        return line

    def _name_room(self, details: Sequence[str], width: int) -> int:
        """Cells that each name may have beside these words."""
        taken = sum(cell_len(detail) + 2 for detail in details if detail) + cell_len(_ARROW) * (len(details) - 1)
        return (width - taken) // len(details)

    def _note(self, exploration: Exploration) -> Text:
        """What the codes begin from and how they are drawn; what has no room is left out, the least important first."""
        look, sample, status = self.look, exploration.sample, clean(self._inspection.status)
        encoded = exploration.first.encoded
        parts = [f"draw {sample.number}"]
        if encoded is not None:
            # The number stands above the image as well, so that the factors come first.
            factors = ", ".join(f"{clean(name, 24)} {clean(value, 12)}" for name, value in encoded.factors)
            parts = [factors] if factors else []
            parts.append(f"image {encoded.number:,} of {encoded.images:,}")
        if sample.noise != sample.number and exploration.first.facts.codes.noise:
            parts.append(f"noise {sample.noise}")
        mode = self.session.image_mode
        parts.append(NUMBERS_ONLY if mode == "off" else f"{exploration.steps} steps")
        if mode != "off":
            parts.append("half-blocks" if mode == "halfblock" else mode)
        room = self.screen.size.width - 2 - (cell_len(status) + 2 if status else 0)
        while len(parts) > 1 and cell_len(" · ".join(parts)) > room:
            parts.pop()
        note = Text(" · ".join(parts), style=look.faint)
        return note.append(f"  {status}", style=look.alert) if status else note

    def _no_checkpoint(self) -> str:
        run = self._inspection.run
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
    return "reconstruction" if side.facts.has_posterior else "from its codes"
