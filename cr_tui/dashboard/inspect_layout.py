"""Where the inspect screen puts its pictures: how large they are in a given room."""

from __future__ import annotations

from dataclasses import dataclass

MARGIN = 8
"""Cells left of a code's slider: its name and its value."""
CAPTION = 1
GAP = 2
_PANEL_SHARE = 0.42
_LEAST_PANEL = 20
_WIDE = 110
"""From so many cells on two runs stand side by side; below it, one under the other."""
_LEAST_TILE = 3
_FEWEST_STEPS, _MOST_STEPS = 3, 21
_USUAL_TILE = 13


@dataclass(frozen=True)
class Layout:
    """Sizes in cells.

    Args:
        across: of a picture in the panel, how wide it is.
        down: and how high.
        columns: pictures beside each other in the panel.
        tile_across: of an image of a traversal, how wide it is; 0 where none are shown.
        tile_down: and how high.
        beside: whether the traversals of two runs stand side by side.
        steps: images along a code.
        strips: traversals a code has.
    """

    across: int
    down: int
    columns: int
    tile_across: int
    tile_down: int
    beside: bool
    steps: int
    strips: int

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
            return MARGIN + number * (self.strip + GAP), 1
        return MARGIN, 1 + number * self.tile_down


def usual_steps(width: int) -> int:
    """Images along a code that suit a screen: an odd number, so that the middle is one of them."""
    return min(max((width - MARGIN) * 6 // 10 // _USUAL_TILE | 1, 5), 11)


def bounded_steps(steps: int) -> int:
    """A number of steps that can be shown."""
    return min(max(steps, _FEWEST_STEPS), _MOST_STEPS)


def arrange(width: int, height: int, pictures: int, strips: int, steps: int, shape: tuple[int, ...]) -> Layout:
    """Find the largest pictures that fit.

    Args:
        width: cells there are.
        height: lines there are.
        pictures: in the panel.
        strips: traversals a code: one for each run.
        steps: images along a code.
        shape: of an image, height and width first.
    """
    # A cell is twice as high as wide.
    aspect = shape[0] / shape[1] / 2
    room = max(int(width * _PANEL_SHARE), _LEAST_PANEL)
    columns, across = max(
        ((count, _largest(room, height, pictures, count, aspect)) for count in range(1, pictures + 1)),
        key=lambda option: (option[1], -option[0]),
    )
    panel = columns * (across + GAP) - GAP
    rest = max(width - panel - GAP - MARGIN, steps * 2)
    beside = strips > 1 and rest >= _WIDE
    each = (rest - GAP * (strips - 1)) // strips if beside else rest
    highest = max(height // 2 // (1 if beside else strips) - 1, _LEAST_TILE)
    tile = max(min((each + 1) // steps - 1, int(highest / aspect)), 1)
    return Layout(across, _lines(across, aspect), columns, tile, _lines(tile, aspect), beside, steps, strips)


def _largest(room: int, height: int, pictures: int, columns: int, aspect: float) -> int:
    rows = -(-pictures // columns)
    down = (height + 1) // rows - CAPTION - 1
    return max(min((room + GAP) // columns - GAP, int(down / aspect)), 2)


def _lines(across: int, aspect: float) -> int:
    return max(-(-int(across * aspect * 2) // 2), 1)
