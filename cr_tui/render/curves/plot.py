"""The plotting area of a chart: lines of braille dots, two by four to a cell, over pale bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cr_tui.render.cells import CellMode
from cr_tui.render.curves.decimate import Columns, FloatArray
from cr_tui.render.curves.series import Stroke

_BRAILLE = 0x2800
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
_MARKS: dict[CellMode, tuple[str, str, str]] = {"blocks": ("×", "↑", "↓"), "ascii": ("x", "^", "v")}
"""What stands for NaN, +infinity and -infinity."""
_BEYOND: dict[CellMode, tuple[str, str]] = {"blocks": ("▴", "▾"), "ascii": ("^", "v")}
"""What stands for values above and below the edges."""
_FULL, _HALF = 8, 4
"""Dots of a cell: all of them, and as many as a band must cover to be seen behind a line."""

DASHES: tuple[tuple[int, ...], ...] = (
    (),
    (4, 2),
    (1, 2),
    (6, 2, 1, 2),
    (2, 4),
    (10, 3),
    (1, 5),
    (5, 2, 1, 2, 1, 2),
    (3, 1),
    (8, 6),
    (1, 1, 4, 3),
    (2, 1, 2, 5),
)
"""Patterns that tell lines apart without colours: dots on, dots off, and so on; the first has no gaps."""


_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_LETTER_EVERY, _LETTER_SHIFT = 24, 5
"""Cells between two letters on a line, and by how much those of the next line are moved."""


@dataclass(frozen=True)
class Frame:
    """The plotting area in cells, and the values at its edges; exponents of ten if ``log``."""

    columns: int
    rows: int
    start: float
    end: float
    low: float
    high: float
    log: bool


@dataclass(frozen=True)
class Plot:
    """Characters of the plotting area, and the strokes whose colours each has.

    Args:
        characters: a row of characters a line.
        owners: the number of a stroke, from 1, negative for the dots at the edge of its band; 0 where there is nothing.
        bands: the number of the stroke whose band fills the cell; 0 where none does.
    """

    characters: list[list[str]]
    owners: list[list[int]]
    bands: list[list[int]]


def plot(
    strokes: Sequence[Stroke],
    dimmed: Sequence[bool],
    frame: Frame,
    mode: CellMode,
    patterns: Sequence[int] | None = None,
) -> Plot:
    """Draw strokes into the plotting area.

    A cell has one colour, so it shows one line: the first stroke with a dot in it. Dimmed strokes are seen only where
    there is no other. So a line keeps its shape and colour all along, and no dot has the colour of another line.

    Args:
        strokes: each in two columns a cell; earlier ones lie over later ones.
        dimmed: which of them stand behind the others.
        frame: the area.
        mode: braille dots, or plain characters.
        patterns: for each its number: lines have dashes from :data:`DASHES`, and their letters here and there; None
            draws all lines without gaps.
    """
    lit = [_cells_of(_dashed(_lit(stroke.line, frame), n, patterns)) for n, stroke in enumerate(strokes)]
    front = _layer([(n, cells) for n, cells in enumerate(lit, 1) if not dimmed[n - 1]], frame)
    back = _layer([(n, cells) for n, cells in enumerate(lit, 1) if dimmed[n - 1]], frame)
    dots = np.where(front[0] > 0, front[0], back[0])
    owners = np.where(front[0] > 0, front[1], back[1])
    edge_dots, edge_owners, bands = _bands(strokes, frame, dots > 0)
    owners = np.where(dots > 0, owners, -edge_owners)
    if mode == "ascii":
        characters = np.where(dots > 0, "*", np.where((edge_dots > 0) | (bands > 0), ".", " ")).tolist()
        owners = np.where((dots == 0) & (bands > 0), -bands, owners)
        bands = np.zeros_like(bands)
    else:
        characters = [[chr(_BRAILLE + dot) if dot else " " for dot in row] for row in (dots | edge_dots).tolist()]
    drawn = Plot(characters, owners.tolist(), bands.tolist())
    for number, letter in _letters(patterns):
        _put_letters(drawn, number, letter)
    for number, stroke in reversed(list(enumerate(strokes, 1))):
        _mark(drawn, number, stroke, frame, mode)
    return drawn


def _mark(drawn: Plot, number: int, stroke: Stroke, frame: Frame, mode: CellMode) -> None:
    """Say at the edges what lies beyond them, and what is not finite."""
    not_a_number, above, below = _MARKS[mode]
    higher, lower = _BEYOND[mode]
    spare = (frame.high - frame.low) / (8 * frame.rows)
    with np.errstate(invalid="ignore"):
        too_high, too_low = stroke.highs > frame.high + spare, stroke.lows < frame.low - spare
    for flags, row, mark in (
        (too_low, -1, lower),
        (too_high, 0, higher),
        (stroke.line.below, -1, below),
        (stroke.line.above, 0, above),
        (stroke.line.nan, -1, not_a_number),
    ):
        for column in np.flatnonzero(flags.reshape(-1, 2).any(axis=1)).tolist():
            drawn.characters[row][column], drawn.owners[row][column] = mark, number


def _layer(lit: Sequence[tuple[int, NDArray[np.intp]]], frame: Frame) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Dot patterns and owners of the cells."""
    dots, owner = (np.zeros((frame.rows, frame.columns), dtype=np.intp) for _ in range(2))
    for number, cells in reversed(lit):
        lit_here = cells > 0
        owner[lit_here], dots[lit_here] = number, cells[lit_here]
    return dots, owner


def _bands(
    strokes: Sequence[Stroke], frame: Frame, lines: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Where bands are seen: dots at their edges with the owners of these, and the owners of the cells that they fill.

    Args:
        strokes: earlier ones lie over later ones.
        frame: the area.
        lines: which cells have a line, bool ``[rows, columns]``; it takes the place of the edges.
    """
    dots, edges, fills = (np.zeros((frame.rows, frame.columns), dtype=np.intp) for _ in range(3))
    for number, stroke in reversed(list(enumerate(strokes, 1))):
        if stroke.low is None or stroke.high is None:
            continue
        inside = _between(stroke.low, stroke.high, frame)
        covered = inside.reshape(frame.rows, 4, frame.columns, 2).sum(axis=(1, 3))
        filled = (covered == _FULL) | (lines & (covered >= _HALF))
        partly = (covered > 0) & ~filled & ~lines
        fills[filled] = number
        dots[filled] = edges[filled] = 0
        edges[partly] = number
        dots[partly] = _cells_of(inside)[partly]
    return dots, edges, fills


def _between(low: FloatArray, high: FloatArray, frame: Frame) -> NDArray[np.bool_]:
    """Which dots lie between two edges, bool ``[4 · rows, 2 · columns]``; columns without edges are bridged."""
    height = 4 * frame.rows
    inside = np.zeros((height, 2 * frame.columns), dtype=np.bool_)
    there = np.flatnonzero(np.isfinite(low) & np.isfinite(high))
    if there.size == 0:
        return inside
    across = np.arange(there[0], there[-1] + 1)
    bottom, top = (_dot_rows(np.interp(across, there, edge[there]), frame) for edge in (low, high))
    rows = np.arange(height)[:, None]
    inside[:, across] = (rows >= np.rint(top)) & (rows <= np.rint(bottom))
    return inside


def _dashed(lit: NDArray[np.bool_], number: int, patterns: Sequence[int] | None) -> NDArray[np.bool_]:
    """The dots that the pattern of a line leaves."""
    dashes = DASHES[patterns[number] % len(DASHES)] if patterns is not None else ()
    if not dashes:
        return lit
    period = np.concatenate([np.full(length, place % 2 == 0) for place, length in enumerate(dashes)])
    return np.asarray(lit & np.resize(period, lit.shape[1]), dtype=np.bool_)


def letter_of(pattern: int) -> str:
    """The letter of a line, by which it is known without colours."""
    return _LETTERS[pattern % len(_LETTERS)]


def _letters(patterns: Sequence[int] | None) -> list[tuple[int, str]]:
    """Numbers of the strokes, from 1, with their letters; none where there are colours, or one line only."""
    many = patterns is not None and len(patterns) > 1
    return [(number, letter_of(pattern)) for number, pattern in enumerate(patterns or (), 1)] if many else []


def _put_letters(drawn: Plot, number: int, letter: str) -> None:
    """Write a line's letter into it here and there; each line has its own places."""
    columns = len(drawn.owners[0]) if drawn.owners else 0
    for column in range((number * _LETTER_SHIFT) % _LETTER_EVERY, columns, _LETTER_EVERY):
        for at in range(column, min(column + _LETTER_SHIFT, columns)):
            rows = [row for row, owners in enumerate(drawn.owners) if owners[at] == number]
            if rows:
                drawn.characters[rows[len(rows) // 2]][at] = letter
                break


def _dot_rows(values: FloatArray, frame: Frame) -> FloatArray:
    """Rows of dots from the top, fractions included."""
    scale = (4 * frame.rows - 1) / (frame.high - frame.low)
    return (4 * frame.rows - 1) - (values - frame.low) * scale


def _lit(columns: Columns, frame: Frame) -> NDArray[np.bool_]:
    """Which dots a line lights, bool ``[4 · rows, 2 · columns]``.

    A column is lit from its lowest to its highest value and half-way to what comes before and after, which connects
    neighbours; columns without a point are bridged by a straight line.
    """
    height = 4 * frame.rows
    there = np.flatnonzero(np.isfinite(columns.low))
    lit = np.zeros((height, 2 * frame.columns), dtype=np.bool_)
    if there.size == 0:
        return lit
    across = np.arange(there[0], there[-1] + 1)
    bridge = np.interp(
        across, *_knots(there, _dot_rows(columns.first[there], frame), _dot_rows(columns.last[there], frame))
    )
    present = np.isfinite(columns.low[across])
    top = np.where(present, _dot_rows(columns.high[across], frame), bridge)
    bottom = np.where(present, _dot_rows(columns.low[across], frame), bridge)
    entry = np.where(present, _dot_rows(columns.first[across], frame), bridge)
    leave = np.where(present, _dot_rows(columns.last[across], frame), bridge)
    halfway = (leave[:-1] + entry[1:]) / 2
    top[:-1], bottom[:-1] = np.minimum(top[:-1], halfway), np.maximum(bottom[:-1], halfway)
    top[1:], bottom[1:] = np.minimum(top[1:], halfway), np.maximum(bottom[1:], halfway)
    rows = np.arange(height)[:, None]
    lit[:, across] = (rows >= np.rint(top)) & (rows <= np.rint(bottom))
    return lit


def _knots(there: NDArray[np.intp], first: FloatArray, last: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Points of the bridging line: it enters a column at its first value and leaves it at its last."""
    x = np.stack([there - 1e-6, there + 1e-6], axis=1).ravel()
    return x, np.stack([first, last], axis=1).ravel()


def _cells_of(lit: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Braille dot patterns of the cells."""
    rows, columns = lit.shape[0] // 4, lit.shape[1] // 2
    patterns = lit.reshape(rows, 4, columns, 2) * _DOTS[None, :, None, :]
    return np.asarray(patterns.sum(axis=(1, 3)), dtype=np.intp)
