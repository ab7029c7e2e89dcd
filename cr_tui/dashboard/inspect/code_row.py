"""A code: its slider, and below it the traversal that shows what it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message

from cr_tui.dashboard.inspect.layout import GAP, MARGIN, Layout
from cr_tui.dashboard.model.exploration import Exploration, Frames
from cr_tui.dashboard.model.session import Session
from cr_tui.dashboard.shared.pictures_view import Picture, PicturesView
from cr_tui.dashboard.theme import Look, rgb
from cr_tui.render.cells import Cells, merge_runs, style_of

_LEAST_TRACK = 12
_NUMBERS_ONLY_MARGIN = 14
_WEAK_SHARE = 0.4
"""How much of an image is seen of a weak match."""


@dataclass(frozen=True)
class Signs:
    """The characters of a slider."""

    track: str
    knob: str
    origin: str
    choice: str
    here: str
    partner: str
    weak: str
    unknown: str


BLOCKS = Signs("─", "●", "┼", "○", "▸", "↔", "?", "…")
PLAIN = Signs("-", "@", "+", "o", ">", "=", "~", "?")


class CodeRow(PicturesView):
    """One code of the first run, with its counterpart in the second.

    A click on the slider or on an image of the traversal sets the code, dragging moves it.

    Args:
        session: says how images are shown.
        code: its number.
    """

    DEFAULT_CSS = """
    CodeRow { height: auto; }
    """

    @dataclass
    class Put(Message):
        """The mouse set the slider."""

        code: int
        share: float

    def __init__(self, session: Session, code: int) -> None:
        super().__init__(session, widget_id=f"code-{code}")
        self.code = code
        self._track = (MARGIN, MARGIN)
        self._layout: Layout | None = None
        self._tiles = 1
        self._background = (0, 0, 0)
        self._dragging = False

    def show_code(
        self, exploration: Exploration, layout: Layout, width: int, look: Look, colours: Sequence[Style]
    ) -> None:
        """Draw slider, values and traversals.

        Args:
            exploration: the models, and where their codes stand.
            layout: sizes.
            width: cells across.
            look: the theme.
            colours: of the runs.
        """
        self._layout = layout
        self._background = rgb(look.background)
        pictures = self._pictures(exploration, layout)
        signs = PLAIN if self.session.image_mode == "ascii" else BLOCKS
        margin = self._margin(exploration, look, signs, colours)
        self._tiles = exploration.first.point.steps(self.code, layout.steps)
        self._track = self._track_of(layout, width)
        height = max(len(margin), layout.row_height) if layout.tile_across else len(margin)
        track = Cells((self._slider(exploration, look, signs),))
        texts = [(0, 0, Cells(tuple(margin))), (self._track[0], self._track_line, track)]
        if layout.values and layout.tile_across:
            texts += self._values(exploration, layout, height - 1, look)
        self.show_pictures(width, height, texts, pictures)

    # -- drawing -----------------------------------------------------------------------------------------------------

    def _pictures(self, exploration: Exploration, layout: Layout) -> list[Picture]:
        if not layout.tile_across:
            return []
        pictures = []
        for number, side in enumerate(exploration.sides):
            frames = side.strips.get(self.code)
            if frames is not None:
                shown = self._faded(frames) if number and exploration.is_weak(self.code) else frames
                pictures.append(Picture(shown, *layout.strip_place(number), layout.tile_across, layout.tile_down))
        return pictures

    def _faded(self, frames: Frames) -> Frames:
        """Images of a weak match, half way to the background."""
        behind = np.asarray(self._background if frames.shape[3] == 3 else self._background[:1], dtype=np.float32)
        return np.rint(_WEAK_SHARE * frames + (1 - _WEAK_SHARE) * behind).astype(np.uint8)

    def _values(self, exploration: Exploration, layout: Layout, line: int, look: Look) -> list[tuple[int, int, Cells]]:
        """The values under the images of each traversal."""
        texts = []
        for number, side in enumerate(exploration.sides[: layout.strips if layout.beside else 1]):
            partner = exploration.partner(number, self.code)
            if partner is not None:
                values = side.point.walk_values(partner, layout.steps)
                if number and exploration.is_mirrored(self.code):
                    values = values[::-1]
                text = values_line(values, layout.tile_across)
                left = layout.strip_place(number)[0]
                texts.append((left, line, Cells(((Segment(text, style_of(rgb(look.faint))),),))))
        return texts

    @property
    def _track_line(self) -> int:
        """The line of the slider."""
        return 1 if self._layout is not None and self._layout.compact and self._layout.tile_across else 0

    def _margin(
        self, exploration: Exploration, look: Look, signs: Signs, colours: Sequence[Style]
    ) -> list[tuple[Segment, ...]]:
        """Name and value left of the slider, and the counterpart below them."""
        here = exploration.code == self.code
        point = exploration.first.point
        name = Style(bold=True) + (colours[0] if exploration.second is not None else style_of(rgb(look.heading)))
        mark = Segment(signs.here if here else " ", style_of(rgb(look.key)))
        number = _number(point.value(self.code), point.categories(self.code))
        value = Segment(number, style_of(rgb(look.key)) if point.is_moved(self.code) else None)
        faint = style_of(rgb(look.faint))
        partner = self._partner(exploration, signs, faint, colours)
        if self._layout is not None and self._layout.compact and self._layout.tile_across:
            shown = [part for line in partner for part in line]
            return [(mark, Segment(f"c{self.code}".ljust(4), name), value, *shown), ()]
        if self._layout is not None and not self._layout.tile_across:
            one_line = [part for line in partner for part in line]
            return [(mark, Segment(f"c{self.code}".ljust(4), name), value), *([tuple(one_line)] if one_line else [])]
        return [(mark, Segment(f"c{self.code}", name)), (Segment(" "), value), *partner]

    def _partner(
        self, exploration: Exploration, signs: Signs, faint: Style, colours: Sequence[Style]
    ) -> list[tuple[Segment, ...]]:
        """The counterpart in the second run, and how far both agree."""
        if exploration.second is None:
            return []
        match = exploration.match_of(self.code)
        if match is None:
            return [(Segment(f" {signs.partner} {signs.unknown if exploration.matches is None else 'none'}", faint),)]
        name = f"{'-' if match.sign < 0 else ''}c{match.partner}"
        # A weak match looks weak: most votes went to other codes.
        weak = exploration.is_weak(self.code)
        sign, style = (signs.weak, faint) if weak else (signs.partner, colours[1])
        return [
            (Segment(f" {sign} ", faint), Segment(name, style)),
            (Segment(f" {match.agreement:.0%}", faint),),
        ]

    def _track_of(self, layout: Layout, width: int) -> tuple[int, int]:
        """First and last cell of the slider: the middles of the first and the last image below it."""
        if not layout.tile_across:
            return _NUMBERS_ONLY_MARGIN, max(width - 3, _NUMBERS_ONLY_MARGIN + _LEAST_TRACK)
        if layout.compact:
            return 1, layout.margin - 3
        left = MARGIN + (layout.tile_across - 1) // 2
        return left, max(left + (self._tiles - 1) * (layout.tile_across + 1), left + _LEAST_TRACK)

    def _slider(self, exploration: Exploration, look: Look, signs: Signs) -> tuple[Segment, ...]:
        point, (left, right) = exploration.first.point, self._track
        length = right - left + 1
        faint, strong = style_of(rgb(look.faint)), Style(bold=True) + style_of(rgb(look.key))
        calm = Style(bold=True) + style_of(rgb(look.heading))
        categories = point.categories(self.code)
        cells: list[tuple[str, Style | None]] = [(signs.track, faint)] * length
        if categories:
            for choice in range(categories):
                cells[round(choice / max(categories - 1, 1) * (length - 1))] = (signs.choice, None)
        elif point.is_moved(self.code):
            cells[round(point.back(self.code).share(self.code) * (length - 1))] = (signs.origin, faint)
        cells[round(point.share(self.code) * (length - 1))] = (
            signs.knob,
            strong if exploration.code == self.code else calm,
        )
        return merge_runs(cells)

    # -- mouse -------------------------------------------------------------------------------------------------------

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if event.button != 1:
            return
        in_margin = self._track_line == 0 or event.x < self._track[1] + 2
        if event.y == self._track_line and in_margin:
            self._dragging = True
            self.capture_mouse()
            self._put_at(event.x)
        else:
            self._choose_image(event.x)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._dragging:
            self._put_at(event.x)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        self._dragging = False
        self.release_mouse()

    def _put_at(self, x: int) -> None:
        left, right = self._track
        self.post_message(self.Put(self.code, min(max((x - left) / max(right - left, 1), 0.0), 1.0)))

    def _choose_image(self, x: int) -> None:
        layout = self._layout
        if layout is None or not layout.tile_across:
            return
        along = x - layout.margin
        tile = (along % (layout.strip + GAP) if layout.beside else along) // (layout.tile_across + 1)
        if along >= 0 and tile < self._tiles:
            self.post_message(self.Put(self.code, tile / max(self._tiles - 1, 1)))


def values_line(values: Sequence[str], across: int) -> str:
    """Values centred under images of so many cells; where they are too wide, only those at the ends and in the middle.

    Args:
        values: as written, one an image.
        across: cells of an image; one stands between two.
    """
    pitch, count = across + 1, len(values)
    line = [" "] * (count * pitch + max(map(len, values), default=0))
    free_from = 0
    some = {0, count // 2, count - 1} if any(len(value) > across for value in values) else set(range(count))
    for place in sorted(some):
        at = max(place * pitch + (across - len(values[place])) // 2, 0)
        if at >= free_from:
            line[at : at + len(values[place])] = values[place]
            free_from = at + len(values[place]) + 1
    return "".join(line).rstrip()


def _number(value: float, categories: int) -> str:
    return f"{value + 1:.0f} of {categories}"[:7] if categories else f"{value:+.2f}"
