"""Where the inspect screen puts its pictures, and how large they are in the room there is."""

from __future__ import annotations

from dataclasses import dataclass

MARGIN = 8
"""Cells left of a code's slider: its name and its value."""
CAPTION = 1
GAP = 2
_PANEL_SHARE = 0.42
_LEAST_PANEL = 20
_LEAST_TILE = 3
_FEWEST_STEPS, _MOST_STEPS = 3, 21
_USUAL_TILE = 13


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
    """

    steps: int
    strips: int
    across: int = 0
    down: int = 0
    columns: int = 1
    tile_across: int = 0
    tile_down: int = 0
    beside: bool = False

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
        return MARGIN, 1 + number * (self.tile_down + 1)


def usual_steps(width: int) -> int:
    """Images along a code that suit a screen: an odd number, so that one shows the middle."""
    return min(max((width - MARGIN) * 6 // 10 // _USUAL_TILE | 1, 5), 11)


def bounded_steps(steps: int) -> int:
    """A number of steps that can be shown."""
    return min(max(steps, _FEWEST_STEPS), _MOST_STEPS)


def arrange(
    width: int, height: int, pictures: int, layout: Layout, shape: tuple[int, ...], *, whole_pixels: bool
) -> Layout:
    """Find the largest pictures that fit.

    Args:
        width: cells there are.
        height: lines there are.
        pictures: in the panel.
        layout: says how many images and traversals there are; its sizes are ignored.
        shape: of an image in pixels, height and width first.
        whole_pixels: whether an image can only be enlarged by whole factors, as in cells.
    """
    # A cell is twice as high as wide.
    aspect = shape[0] / shape[1] / 2
    room = max(int(width * _PANEL_SHARE), _LEAST_PANEL)
    columns, across = max(
        ((count, _largest(room, height, pictures, count, aspect)) for count in range(1, pictures + 1)),
        key=lambda option: (option[1], -option[0]),
    )
    if whole_pixels and across > shape[1]:
        across -= across % shape[1]
    panel = columns * (across + GAP) - GAP
    rest = max(width - panel - GAP - MARGIN, layout.steps * 2)
    strips = layout.strips
    # Two codes are on the screen at least, or one and a half where each has two rows.
    below = _tile(rest, (height // 2 if strips == 1 else height * 2 // 3) // strips - 1, layout.steps, aspect)
    beside = _tile((rest - GAP * (strips - 1)) // strips, height // 2 - 1, layout.steps, aspect)
    tile = max(below, beside)
    return Layout(
        steps=layout.steps,
        strips=strips,
        across=across,
        down=_lines(across, aspect),
        columns=columns,
        tile_across=tile,
        tile_down=_lines(tile, aspect),
        beside=strips > 1 and beside >= below,
    )


def _largest(room: int, height: int, pictures: int, columns: int, aspect: float) -> int:
    """Cells across of a picture in a panel of so many columns."""
    rows = -(-pictures // columns)
    down = (height + 1) // rows - CAPTION - 1
    return max(min((room + GAP) // columns - GAP, int(down / aspect)), 2)


def _tile(width: int, height: int, steps: int, aspect: float) -> int:
    """Cells across of an image of a traversal, so that at least two codes are on the screen."""
    return max(min((width + 1) // steps - 1, int(max(height, _LEAST_TILE) / aspect)), 1)


def _lines(across: int, aspect: float) -> int:
    return max(-(-int(across * aspect * 2) // 2), 1)
