"""The plotting area of a chart: lines of braille dots, two by four to a cell, in the colours of their series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cr_tui.render.cells import CellMode
from cr_tui.render.curves.decimate import Columns, FloatArray

_BRAILLE = 0x2800
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
_DOT_COUNTS = np.array([pattern.bit_count() for pattern in range(256)])
_MARKS: dict[CellMode, tuple[str, str, str]] = {"blocks": ("×", "↑", "↓"), "ascii": ("x", "^", "v")}
"""What stands for NaN, +infinity and -infinity."""


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
    """Characters of the plotting area, and the series whose colour each has.

    Args:
        characters: a row of characters a line.
        owners: the number of a series, from 1; 0 where there is nothing.
    """

    characters: list[list[str]]
    owners: list[list[int]]


def plot(reduced: Sequence[Columns], faint: Sequence[bool], frame: Frame, mode: CellMode) -> Plot:
    """Draw series into the plotting area.

    A cell has one colour: that of the series with most dots in it. Faint series are seen only where there is no other.

    Args:
        reduced: each series in two columns a cell.
        faint: which of them stand behind the others.
        frame: the area.
        mode: braille dots, or plain characters.
    """
    front = _layer([(n, columns) for n, columns in enumerate(reduced, 1) if not faint[n - 1]], frame)
    back = _layer([(n, columns) for n, columns in enumerate(reduced, 1) if faint[n - 1]], frame)
    dots = np.where(front[0] > 0, front[0], back[0])
    owners = np.where(front[0] > 0, front[1], back[1]).tolist()
    if mode == "ascii":
        characters = np.where(dots > 0, "*", " ").tolist()
    else:
        characters = [[chr(_BRAILLE + dot) if dot else " " for dot in row] for row in dots.tolist()]
    not_a_number, above, below = _MARKS[mode]
    for number, columns in enumerate(reduced, 1):
        for flags, row, mark in (
            (columns.below, -1, below),
            (columns.above, 0, above),
            (columns.nan, -1, not_a_number),
        ):
            for column in np.flatnonzero(flags.reshape(-1, 2).any(axis=1)).tolist():
                characters[row][column], owners[row][column] = mark, number
    return Plot(characters, owners)


def _layer(series: Sequence[tuple[int, Columns]], frame: Frame) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Dot patterns and owners of the cells."""
    dots, owner, most = (np.zeros((frame.rows, frame.columns), dtype=np.intp) for _ in range(3))
    for number, columns in series:
        cells = _cells_of(_lit(columns, frame))
        lit = _DOT_COUNTS[cells]
        taken = (lit > 0) & (lit >= most)
        owner[taken], most[taken] = number, lit[taken]
        dots |= cells
    return dots, owner


def _lit(columns: Columns, frame: Frame) -> NDArray[np.bool_]:
    """Which dots a series lights, bool ``[4 · rows, 2 · columns]``.

    A column is lit from its lowest to its highest value and half-way to what comes before and after, which connects
    neighbours; columns without a point are bridged by a straight line.
    """
    height = 4 * frame.rows
    there = np.flatnonzero(np.isfinite(columns.low))
    lit = np.zeros((height, 2 * frame.columns), dtype=np.bool_)
    if there.size == 0:
        return lit
    across = np.arange(there[0], there[-1] + 1)
    scale = (height - 1) / (frame.high - frame.low)

    def rows_of(values: FloatArray) -> FloatArray:
        return (height - 1) - (values - frame.low) * scale

    bridge = np.interp(across, *_knots(there, rows_of(columns.first[there]), rows_of(columns.last[there])))
    present = np.isfinite(columns.low[across])
    top = np.where(present, rows_of(columns.high[across]), bridge)
    bottom = np.where(present, rows_of(columns.low[across]), bridge)
    entry = np.where(present, rows_of(columns.first[across]), bridge)
    leave = np.where(present, rows_of(columns.last[across]), bridge)
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
