"""A window onto a large matrix of colours, with a cursor. Any line of it can be drawn by itself and fast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from cr_tui.render.cells import Rgb, merge_runs, style_of
from cr_tui.render.images.halfblock import UPPER_HALF
from cr_tui.render.palette import MISSING, STEPS, readable_on
from cr_tui.text import clean

Line = tuple[Segment, ...]

ABSENT = len(STEPS)
"""The level of a missing value."""
_COLOURS: tuple[Rgb, ...] = (*STEPS, MISSING)
_NUMBER_CELLS = 5
_GAP = 1
_TICKS = (1, 2, 5, 10, 20, 50, 100, 1000)
_NOTE = " not compared"
_DOT, _DOT_INK = "·", (158, 158, 158)
"""What stands in missing values, so that their grey is none of the values' greys where there are no colours."""
_LEAST_NAME, MOST_NAME = 12, 24


@dataclass(frozen=True)
class CellSize:
    """How large a value is drawn: cells across, and half lines down."""

    across: int
    halves: int


SIZES: tuple[CellSize, ...] = (
    CellSize(1, 1),
    CellSize(2, 1),
    CellSize(2, 2),
    CellSize(3, 2),
    CellSize(5, 2),
    CellSize(7, 4),
    CellSize(9, 6),
    CellSize(13, 8),
)
"""Sizes of a value, smallest first. Those from five cells on have room for its number."""


@dataclass(frozen=True)
class MatrixInk:
    """Colours beside those of the values.

    Args:
        faint: labels.
        strong: labels of the cursor's row and column.
        background: behind everything.
    """

    faint: Rgb
    strong: Rgb
    background: Rgb


class MatrixPicture:
    """A matrix in colours of :data:`cr_tui.render.palette.STEPS`, drawn line by line.

    Args:
        values: float ``[n, n]``; what is not finite is grey.
        labels: a name a row; rows and columns carry numbers from 1 besides.
        even: give each colour as many of the values, instead of an equal share of their range. This tells apart values
            that lie close together.
        shorten: the labels in so many cells, where they have to be shorter; their beginnings if None.

    Attributes:
        edges: the values at which colours change, ends included.
    """

    def __init__(
        self,
        values: NDArray[np.floating[Any]],
        labels: Sequence[str],
        *,
        even: bool = False,
        shorten: Callable[[int], Sequence[str]] | None = None,
    ) -> None:
        self.values: NDArray[np.float64] = np.where(np.isfinite(values), values, np.nan)
        self.labels = labels
        self._shorten = shorten
        finite = self.values[np.isfinite(self.values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        shares = np.linspace(0.0, 1.0, len(STEPS) + 1)
        self.edges: NDArray[np.float64] = (
            np.quantile(finite, shares) if even and finite.size else np.linspace(low, high, len(shares))
        )
        level = np.searchsorted(self.edges[1:-1], self.values, side="right")
        if low == high:
            level = np.full_like(level, len(STEPS) // 2)
        self.levels: NDArray[np.intp] = np.where(np.isnan(self.values), ABSENT, level)
        self._longest = max((cell_len(clean(label, MOST_NAME)) for label in labels), default=0)

    def label(self, row: int, cells: int) -> str:
        """The label of a row in at most so many cells."""
        labels = self.labels if self._shorten is None else self._shorten(max(cells, 1))
        return clean(labels[row], cells)

    @property
    def size(self) -> int:
        """Rows, and columns."""
        return len(self.values)

    @property
    def complete(self) -> bool:
        """Whether every value is there."""
        return not np.isnan(self.values).any()

    def margin(self, spare: int) -> int:
        """Cells for the labels of rows and the gap behind them, if ``spare`` cells are left for names."""
        number = len(str(max(self.size, 1)))
        name = min(spare, self._longest)
        return number + _GAP + (name + _GAP if 0 < min(self._longest, _LEAST_NAME) <= name else 0)


@dataclass(frozen=True)
class MatrixWindow:
    """What part of a picture is shown, and how.

    Args:
        cell: how large a value is.
        margin: cells for labels of rows.
        rows: first and last but one row shown.
        columns: first and last but one column shown.
        cursor: row and column of the cursor.
    """

    cell: CellSize
    margin: int
    rows: tuple[int, int]
    columns: tuple[int, int]
    cursor: tuple[int, int]

    @property
    def height(self) -> int:
        """Lines of values."""
        return -(-(self.rows[1] - self.rows[0]) * self.cell.halves // 2)

    def line_of(self, row: int) -> int:
        """The first line of values that shows a row."""
        return (row - self.rows[0]) * self.cell.halves // 2

    @property
    def lines_of_a_row(self) -> int:
        """Lines that a row takes, at least one."""
        return max(self.cell.halves // 2, 1)

    def at(self, x: int, y: int, before: tuple[int, int]) -> tuple[int, int] | None:
        """The row and column under a cell of the values; None beside them.

        Of two rows that share a line the upper one is meant, unless the cursor was there before.

        Args:
            x: cells from the left, labels included.
            y: lines of values from the top.
            before: where the cursor was.
        """
        row = self.rows[0] + 2 * y // self.cell.halves
        column = self.columns[0] + (x - self.margin) // self.cell.across
        if self.cell.halves == 1 and before == (row, column):
            row += 1
        inside = y >= 0 and self.rows[0] <= row < self.rows[1] and self.columns[0] <= column < self.columns[1]
        return (row, column) if inside and x >= self.margin else None


def fitting(
    picture: MatrixPicture,
    width: int,
    height: int,
    cursor: tuple[int, int],
    *,
    zoom: int | None = None,
    first: tuple[int, int] = (0, 0),
) -> MatrixWindow:
    """The window for a place: the largest values with which the whole matrix fits, or the part around the cursor.

    Args:
        picture: what is shown.
        width: cells across, labels included.
        height: lines of values.
        cursor: row and column that must be visible.
        zoom: index into :data:`SIZES`; None takes the largest with which everything fits, else the smallest.
        first: first row and column of the window before.
    """
    n = picture.size
    margin = picture.margin(0)
    if zoom is None:
        fit = [k for k, size in enumerate(SIZES) if n * size.across + margin <= width and n * size.halves <= 2 * height]
        zoom = fit[-1] if fit else 0
    while SIZES[zoom].halves > max(2 * height, 1) and zoom > 0:
        zoom -= 1
    cell = SIZES[zoom]
    spare = width - margin - n * cell.across
    margin = picture.margin(spare - _GAP) if spare > _GAP else margin
    shown = max(2 * height // cell.halves, 1), max((width - margin) // cell.across, 1)
    starts = [_start(n, shown[axis], first[axis], cursor[axis]) for axis in (0, 1)]
    if cell.halves == 1 and starts[0] % 2:
        # A line holds two rows: it begins with an even one, and the cursor's stays inside.
        starts[0] += 1 if cursor[0] >= starts[0] - 1 + shown[0] else -1
    rows = (starts[0], min(starts[0] + shown[0], n))
    return MatrixWindow(cell, margin, rows, (starts[1], min(starts[1] + shown[1], n)), cursor)


def _start(n: int, shown: int, first: int, at: int) -> int:
    """The first row or column, moved as little as possible."""
    first = min(max(first, at - shown + 1), at)
    return max(min(first, n - shown), 0)


def value_line(picture: MatrixPicture, window: MatrixWindow, y: int, ink: MatrixInk) -> Line:
    """One line of values with its label."""
    if window.cell.halves == 1:
        row = window.rows[0] + 2 * y
        rows = [row] if row + 1 >= window.rows[1] else [row, row + 1]
    else:
        rows = [window.rows[0] + 2 * y // window.cell.halves]
    if rows[0] >= window.rows[1]:
        return ()
    # A value that is several lines high has its number and its label in the middle.
    lines = max(window.cell.halves // 2, 1)
    is_middle = y % lines == (lines - 1) // 2
    label = _row_label(picture, window, rows, ink) if is_middle else (Segment(" " * window.margin),)
    halves = window.cell.halves == 1
    cells = _half_cells(picture, window, rows, ink) if halves else _whole(picture, window, rows[0], numbers=is_middle)
    return (*label, *cells)


def _row_label(picture: MatrixPicture, window: MatrixWindow, rows: Sequence[int], ink: MatrixInk) -> Line:
    here = window.cursor[0] in rows
    row = window.cursor[0] if here else rows[0]
    number = len(str(max(picture.size, 1)))
    name = " " + picture.label(row, window.margin - number - 2 * _GAP) if window.margin > number + _GAP else ""
    text = set_cell_size(f"{row + 1:>{number}}{name}", window.margin)
    return (Segment(text, _label_style(ink, here)),)


def header_line(picture: MatrixPicture, window: MatrixWindow, ink: MatrixInk) -> Line:
    """Numbers of the columns, evenly spaced, as many as have room. The cursor's column always has its number."""
    first, last = window.columns
    across, at = window.cell.across, window.cursor[1]
    width = (last - first) * across
    text = [" "] * width
    strong = (0, 0)
    step = next((step for step in _TICKS if step * across > len(str(last))), _TICKS[-1])
    for column in [at, *(column for column in range(first, last) if (column + 1) % step == 0)]:
        name = str(column + 1)
        start = min((column - first) * across + max((across - len(name)) // 2, 0), width - len(name))
        if start >= 0 and not "".join(text[max(start - 1, 0) : start + len(name) + 1]).strip():
            text[start : start + len(name)] = name
            strong = (start, start + len(name)) if column == at else strong
    line, faint = "".join(text), _label_style(ink, False)
    return (
        Segment(" " * window.margin + line[: strong[0]], faint),
        Segment(line[strong[0] : strong[1]], _label_style(ink, True)),
        Segment(line[strong[1] :], faint),
    )


def legend_line(picture: MatrixPicture, margin: int, width: int, ink: MatrixInk) -> Line:
    """The colours with the values at their ends.

    Args:
        picture: whose colours.
        margin: cells to begin with, where there is room.
        width: cells across.
        ink: colours of the text.
    """
    faint = _label_style(ink, False)
    # If there is little room, the value in the middle goes first, then the width of the colours, then the note.
    low, middle, high = (f"{picture.edges[at]:.2f}" for at in (0, len(STEPS) // 2, len(STEPS)))
    note: Line = (
        ()
        if picture.complete
        else (Segment("  "), Segment(_DOT * 2, style_of(_DOT_INK, MISSING)), Segment(_NOTE, faint))
    )
    spare = width - len(low) - len(high) - 2 - sum(segment.cell_length for segment in note)
    if spare < len(STEPS):
        spare, note = spare + sum(segment.cell_length for segment in note), ()
    each = next((each for each in (3, 2) if spare - margin >= each * len(STEPS)), 1)
    spare -= each * len(STEPS)
    halves = [STEPS[: len(STEPS) // 2], STEPS[len(STEPS) // 2 :]]
    first, second = (merge_runs((" " * each, style_of(None, colour)) for colour in half) for half in halves)
    between: Line = (Segment(f" {middle} ", faint),) if spare >= len(middle) + 2 else ()
    spare -= sum(segment.cell_length for segment in between)
    line = (Segment(f"{low} ", faint), *first, *between, *second, Segment(f" {high}", faint), *note)
    return (Segment(" " * min(margin, max(spare, 0))), *line)


def _whole(picture: MatrixPicture, window: MatrixWindow, row: int, *, numbers: bool) -> Line:
    """A line of values that are at least a line high, with their numbers where there is room."""
    first, last = window.columns
    across = window.cell.across
    levels = picture.levels[row, first:last].tolist()
    has_numbers = numbers and across >= _NUMBER_CELLS
    if has_numbers:
        values = picture.values[row, first:last].tolist()
        texts = [("×" if value != value else f"{value:.2f}").center(across) for value in values]
    else:
        texts = [(_DOT if level == ABSENT else " ").center(across) for level in levels]
    if window.cursor[0] == row:
        at = window.cursor[1] - first
        # Without its leading zero a number leaves room for the brackets.
        inner = texts[at].strip() if has_numbers else ""
        inner = inner if len(inner) <= across - 2 else inner.removeprefix("0")[: across - 2]
        texts[at] = f"[{inner:^{across - 2}}]" if across > 1 else texts[at]
    return merge_runs(zip(texts, map(_plain_style, levels), strict=True))


def _half_cells(picture: MatrixPicture, window: MatrixWindow, rows: Sequence[int], ink: MatrixInk) -> Line:
    """Two rows of values in one line of half blocks."""
    first, last = window.columns
    upper = picture.levels[rows[0], first:last]
    lower = picture.levels[rows[1], first:last] if len(rows) > 1 else np.full(len(upper), -1)
    # One number a pair; a run of equal ones is one segment.
    pairs = upper * (ABSENT + 3) + lower + 1
    starts = np.flatnonzero(np.diff(pairs, prepend=-1))
    ends = [*starts[1:].tolist(), len(pairs)]
    across = window.cell.across
    above, below = upper[starts].tolist(), lower[starts].tolist()
    line = [
        _half_segment(across * (end - start), first_level, second_level, ink.background)
        for start, end, first_level, second_level in zip(starts.tolist(), ends, above, below, strict=True)
    ]
    if window.cursor[0] not in rows:
        return tuple(line)
    at = window.cursor[1] - first
    half: Literal[0, 1] = 0 if window.cursor[0] == rows[0] else 1
    style = _cursor_style(int(upper[at]), int(lower[at]), half, ink)
    before, _, after = (
        list(part) for part in Segment.divide(line, [at * across, (at + 1) * across, len(upper) * across])
    )
    return (*before, Segment(UPPER_HALF * across, style), *after)


@lru_cache(maxsize=4096)
def _plain_style(level: int) -> Style:
    colour = _COLOURS[level]
    return style_of(_DOT_INK if level == ABSENT else readable_on(colour), colour)


@lru_cache(maxsize=16_384)
def _half_segment(cells: int, upper: int, lower: int, background: Rgb) -> Segment:
    """The segment of one pair of levels; -1 means that there is no lower row. There are few, so they are cached."""
    if upper == lower == ABSENT:
        return Segment(_DOT * cells, style_of(_DOT_INK, MISSING))
    below = background if lower < 0 else _COLOURS[lower]
    return Segment(UPPER_HALF * cells, style_of(_COLOURS[upper], below))


@lru_cache(maxsize=4096)
def _cursor_style(upper: int, lower: int, half: Literal[0, 1], ink: MatrixInk) -> Style:
    other = lower if half == 0 else upper
    beside = ink.background if other < 0 else _COLOURS[other]
    return style_of(ink.strong, beside) if half == 0 else style_of(beside, ink.strong)


@lru_cache(maxsize=64)
def _label_style(ink: MatrixInk, strong: bool) -> Style:
    return style_of(ink.strong, None) + Style(bold=True) if strong else style_of(ink.faint, None)
