"""Where the inspect screen puts its pictures, and how large they are in the room there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

MARGIN = 8
"""Cells left of a code's slider: its name and its value."""
COMPACT_MARGIN = 21
"""The same where the slider, and the counterpart, stand there as well."""
CAPTION = 1
GAP = 2
_PANEL_SHARES = (0.42, 0.3, 0.2)
"""Parts of the width that the panel takes at most."""
_LEAST_PANEL = 20
_SMALLEST_TILE, _WITH_SLIDER, _WITH_VALUES = 2, 3, 4
"""Lines of an image: the fewest; the fewest with a slider above; the fewest with values below as well."""
_MARGIN_LINES, _PARTNER_LINES = 2, 2
_LOOSE = 4
"""Lines of a compact row from which one stays free."""
ZOOMS = (1.0, 1.6, 2.5, 4.0)
"""How much larger codes can be than they are where all fit."""
_FEWEST_STEPS, _MOST_STEPS = 3, 21
_FEW_STEPS, _USUAL_STEPS = 5, 17
"""The fewest and the most images along a code, unless others are asked for."""


@dataclass(frozen=True)
class Layout:
    """Sizes in cells.

    Args:
        steps: images along a code.
        strips: traversals of each code, one for each run.
        across: width of a picture in the panel; 0 where no images are shown.
        down: its height.
        columns: pictures side by side in the panel.
        tile_across: width of an image of a traversal; 0 where no images are shown.
        tile_down: its height.
        beside: whether the traversals of two runs stand side by side instead of one below the other.
        values: whether the values stand under the images.
        scale: whether the values stand above all codes.
        compact: whether a code's slider stands left of its images instead of above them.
    """

    steps: int
    strips: int
    across: int = 0
    down: int = 0
    columns: int = 1
    tile_across: int = 0
    tile_down: int = 0
    beside: bool = False
    values: bool = False
    scale: bool = False
    compact: bool = False

    @property
    def margin(self) -> int:
        """Cells left of a code's images."""
        return COMPACT_MARGIN if self.compact else MARGIN

    @property
    def strip_top(self) -> int:
        """Lines above a code's images."""
        return 0 if self.compact else 1

    @property
    def row_height(self) -> int:
        """Lines of a code."""
        stacked = 1 if self.beside else self.strips
        return max(self.strip_top + stacked * (self.tile_down + 1) - 1 + self.values, self.margin_lines)

    @property
    def margin_lines(self) -> int:
        """Lines left of a code's images: its name, its value or slider, and its counterpart in a second run."""
        return _MARGIN_LINES + (_PARTNER_LINES if self.strips > 1 and not self.compact else 0)

    @property
    def least_down(self) -> int:
        """Lines of an image below which another form of rows is better."""
        return (_WITH_VALUES if self.values else _WITH_SLIDER) + (self.strips > 1)

    @property
    def panel(self) -> int:
        """Cells of the panel across, without its padding."""
        return self.columns * (self.across + GAP) - GAP if self.across else 0

    @property
    def strip(self) -> int:
        """Cells of a traversal across."""
        return self.steps * (self.tile_across + 1) - 1

    def place(self, number: int) -> tuple[int, int]:
        """Left and top of a picture's caption in the panel."""
        row, column = divmod(number, self.columns)
        return column * (self.across + GAP), row * (self.down + CAPTION + 1)

    def strip_place(self, number: int) -> tuple[int, int]:
        """Left and top of a code's traversal in its row, of the first run or the second."""
        if self.beside:
            return self.margin + number * (self.strip + GAP), self.strip_top
        return self.margin, self.strip_top + number * (self.tile_down + 1)


def bounded_steps(steps: int) -> int:
    """A number of steps that can be shown."""
    return min(max(steps, _FEWEST_STEPS), _MOST_STEPS)


def arrange(
    width: int,
    height: int,
    pictures: int,
    layout: Layout,
    shape: tuple[int, ...],
    *,
    whole_pixels: bool,
    codes: int,
    zoom: int = 0,
) -> Layout:
    """Find the largest pictures with which all codes fit, or after zooming with which some do.

    Args:
        width: cells there are.
        height: lines there are.
        pictures: in the panel.
        layout: says how many images and traversals there are; its sizes are ignored.
        shape: of an image in pixels, height and width first.
        whole_pixels: whether an image can only be enlarged by whole factors, as in cells.
        codes: how many codes there are.
        zoom: index into :data:`ZOOMS`.
    """
    # A cell is twice as high as wide.
    aspect = shape[0] / shape[1] / 2
    tried = []
    for count in range(1, pictures + 1):
        for share in _PANEL_SHARES:
            room = max(int(width * share), _LEAST_PANEL)
            across = _largest(room, height, pictures, count, aspect)
            if whole_pixels and across > shape[1]:
                across -= across % shape[1]
            panel = replace(layout, across=across, down=_lines(across, aspect), columns=count)
            tried.append(_with_rows(panel, width, height, aspect, codes, zoom))
    # Codes first, and of what serves them alike the largest pictures.
    return max(tried, key=lambda one: (one.tile_across, one.across, -one.columns))


def _with_rows(panel: Layout, width: int, height: int, aspect: float, codes: int, zoom: int) -> Layout:
    """A layout of the panel, with the form of rows that tells most beside it."""
    pitch = min(max(int(height / max(codes, 1) * ZOOMS[zoom]), 1), height)
    forms = _forms(panel.strips > 1)
    tried = [_with_tiles(replace(panel, **form), width - panel.panel - GAP, pitch, aspect) for form in forms]
    fitting = [one for one in tried if one.row_height <= pitch]
    if not fitting:
        return min(tried, key=lambda one: one.row_height)
    # Sliders of their own and values under the images are kept as long as the images do not become too small.
    return next(
        (one for one in fitting if one.tile_down >= one.least_down), max(fitting, key=lambda one: one.tile_across)
    )


def fitting_steps(layouts: Callable[[int], Layout]) -> int:
    """The most images along a code with which they are as large as with few.

    Args:
        layouts: what :func:`arrange` finds for so many images.
    """
    largest = layouts(_FEW_STEPS).tile_across
    tried = range(_USUAL_STEPS, _FEW_STEPS, -2)
    return next((steps for steps in tried if layouts(steps).tile_across >= largest), _FEW_STEPS)


def _forms(pair: bool) -> list[dict[str, bool]]:
    """How rows can be laid out, the one that tells most first."""
    places = ({"beside": False}, {"beside": True}) if pair else ({"beside": False},)
    forms = ({"values": True}, {"values": False}, {"compact": True})
    return [{**form, **place} for form in forms for place in places]


def _with_tiles(layout: Layout, width: int, pitch: int, aspect: float) -> Layout:
    """A layout with the largest images of traversals that fit into rows of so many lines."""
    stacked = layout.strips if not layout.beside else 1
    room = max(width - layout.margin, layout.steps * 2)
    if layout.beside:
        room = (room - GAP * (layout.strips - 1)) // layout.strips
    lines = (pitch - layout.strip_top - layout.values - (stacked - 1)) // stacked
    if layout.compact and lines > _LOOSE:
        lines -= 1
    down = max(lines, _SMALLEST_TILE)
    across = max(min((room + 1) // layout.steps - 1, int(down / aspect)), 1)
    return replace(layout, tile_across=across, tile_down=min(_lines(across, aspect), down))


def _largest(room: int, height: int, pictures: int, columns: int, aspect: float) -> int:
    """Cells across of a picture in a panel of so many columns."""
    rows = -(-pictures // columns)
    down = (height + 1) // rows - CAPTION - 1
    return max(min((room + GAP) // columns - GAP, int(down / aspect)), 2)


def _lines(across: int, aspect: float) -> int:
    return max(-(-int(across * aspect * 2) // 2), 1)
