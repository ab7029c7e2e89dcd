"""Line charts of braille dots: two by four to a cell, so an 80-column terminal shows 160 columns of data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from cr_tui.render.axis import short_number, tick_label, ticks
from cr_tui.render.cells import CellMode, Cells, Rgb, merge_runs, style_of
from cr_tui.render.decimate import Columns, FloatArray, decimate
from cr_tui.render.palette import CATEGORIES, FAINT
from cr_tui.text import clean

_BRAILLE = 0x2800
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
_DOT_COUNTS = np.array([pattern.bit_count() for pattern in range(256)])
_SMALLEST_PLOT = (4, 2)
_MORE_TICKS = 4
_MARKS: dict[CellMode, tuple[str, str, str]] = {"blocks": ("×", "↑", "↓"), "ascii": ("x", "^", "v")}
"""What stands for NaN, +infinity and -infinity."""
_BULLET: dict[CellMode, str] = {"blocks": "●", "ascii": "*"}
_BAR: dict[CellMode, str] = {"blocks": "│", "ascii": "|"}
_faint = style_of(FAINT)


@dataclass(frozen=True)
class Series:
    """One line of a chart.

    Args:
        name: shown literally in the legend.
        x: ascending positions, float ``[n]``.
        y: values, float ``[n]``; may hold NaN and infinities.
        colour: RGB; the palette's next colour when None.
    """

    name: str
    x: FloatArray
    y: FloatArray
    colour: Rgb | None = None


@dataclass(frozen=True)
class _Frame:
    """The plotting area in cells and what its edges mean; ``low`` and ``high`` are exponents of ten when ``log``."""

    columns: int
    rows: int
    start: float
    end: float
    low: float
    high: float
    log: bool


def chart(
    series: Sequence[Series],
    width: int = 80,
    height: int = 12,
    *,
    title: str = "",
    log_y: bool = False,
    bounds: tuple[float, float] | None = None,
    mode: CellMode = "blocks",
) -> Cells:
    """Draw series as lines over a common x axis.

    Every column shows the whole span between the smallest and the largest value that falls into it, so spikes survive
    any reduction. NaN is marked ``×`` and infinities ``↑`` and ``↓`` at the edge of the plot, in the series' colour.

    Args:
        series: the lines.
        width: cells across, axis included.
        height: cells down, legend and axis included.
        title: stands first in the legend's line.
        log_y: logarithmic y axis; values of zero and below are marked ``↓``.
        bounds: y values that must be inside the plot, for charts whose range is known, such as scores.
        mode: braille dots in colour, or plain characters.

    Returns:
        Exactly ``height`` lines.
    """
    coloured = [
        (line, line.colour if line.colour is not None else CATEGORIES[number % len(CATEGORIES)])
        for number, line in enumerate(series)
    ]
    legend = _legend(title, coloured, width, mode)
    if not any(line.x.size for line in series) or width < 12 or height < 4:
        return _empty(legend, width, height)
    rows = max(height - 2, _SMALLEST_PLOT[1])
    span = _span(series, log_y, bounds)
    labels = _y_labels(span, rows, log_y)
    margin = max(cell_len(label) for label in labels) + 1
    columns = max(width - margin - 1, _SMALLEST_PLOT[0])
    start = min(float(line.x[0]) for line in series if line.x.size)
    end = max(float(line.x[-1]) for line in series if line.x.size)
    frame = _Frame(columns, rows, start, end, *span, log_y)
    characters, owners = _plot([_reduced(line, frame) for line in series], frame, mode)
    styles = [None, *(style_of(colour) for _, colour in coloured)]
    lines = [legend]
    for row in range(rows):
        cells = [(character, styles[owner]) for character, owner in zip(characters[row], owners[row], strict=True)]
        lines.append((Segment(f"{labels[row]:>{margin - 1}}{_BAR[mode]}", _faint), *merge_runs(cells)))
    lines.append((Segment(" " * margin + _x_labels(frame), _faint),))
    return Cells(tuple(lines))


def _reduced(line: Series, frame: _Frame) -> Columns:
    y = line.y
    if frame.log:
        with np.errstate(divide="ignore", invalid="ignore"):
            y = np.where(np.isnan(y), np.nan, np.log10(np.maximum(y, 0.0)))
    return decimate(line.x, y, 2 * frame.columns, frame.start, frame.end)


def _span(series: Sequence[Series], log_y: bool, bounds: tuple[float, float] | None) -> tuple[float, float]:
    """Lower and upper edge of the plot, never equal."""
    values = [np.asarray(line.y, dtype=np.float64) for line in series]
    if bounds is not None:
        values.append(np.array(bounds))
    finite = np.concatenate([value[np.isfinite(value)] for value in values])
    if log_y:
        finite = np.log10(finite[finite > 0])
    if finite.size == 0:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    if high - low < 1e-12 * max(abs(low), abs(high), 1e-300):
        spare = abs(low) * 0.1 or 1.0
        return low - spare, high + spare
    return low, high


def _plot(reduced: Sequence[Columns], frame: _Frame, mode: CellMode) -> tuple[list[list[str]], list[list[int]]]:
    """Characters, and the number of the series (from 1, 0 for none) whose colour each cell has: that of most dots."""
    dots, owner, most = (np.zeros((frame.rows, frame.columns), dtype=np.intp) for _ in range(3))
    for number, columns in enumerate(reduced, start=1):
        cells = _cells_of(_lit(columns, frame))
        lit = _DOT_COUNTS[cells]
        taken = (lit > 0) & (lit >= most)
        owner[taken], most[taken] = number, lit[taken]
        dots |= cells
    if mode == "ascii":
        characters = np.where(dots > 0, "*", " ").tolist()
    else:
        characters = [[chr(_BRAILLE + dot) if dot else " " for dot in row] for row in dots.tolist()]
    owners = owner.tolist()
    for number, columns in enumerate(reduced, start=1):
        not_a_number, above, below = _MARKS[mode]
        for flags, row, mark in (
            (columns.below, -1, below),
            (columns.above, 0, above),
            (columns.nan, -1, not_a_number),
        ):
            for column in np.flatnonzero(flags.reshape(-1, 2).any(axis=1)).tolist():
                characters[row][column], owners[row][column] = mark, number
    return characters, owners


def _lit(columns: Columns, frame: _Frame) -> NDArray[np.bool_]:
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


def _y_labels(span: tuple[float, float], rows: int, log: bool) -> list[str]:
    """A label a row, empty where there is no tick."""
    low, high = span
    wanted = max(rows // 3, 2)
    # A tick alone gives no scale: rather a few more than wished for.
    tried = (ticks(low, high, most) for most in range(wanted, wanted + _MORE_TICKS))
    values = next((found for found in tried if len(found) > 1), [low])
    if log and any(value.is_integer() for value in values):
        values = [value for value in values if value.is_integer()]
    step = values[1] - values[0] if len(values) > 1 else 0.0
    labels = [""] * rows
    for value in values:
        row = rows - 1 - round((value - low) / (high - low) * (rows - 1))
        labels[row] = short_number(10.0**value) if log else tick_label(value, step)
    return labels


def _x_labels(frame: _Frame) -> str:
    """Labels centred under their ticks, left out where they would touch."""
    line = [" "] * frame.columns
    free_from = 0
    values = ticks(frame.start, frame.end, max(frame.columns // 14, 1))
    step = values[1] - values[0] if len(values) > 1 else 0.0
    for value in values:
        text = tick_label(value, step)
        share = (value - frame.start) / (frame.end - frame.start) if frame.end > frame.start else 0.0
        at = round(share * (frame.columns - 1)) - len(text) // 2
        at = min(max(at, 0), frame.columns - len(text))
        if at >= free_from:
            line[at : at + len(text)] = text
            free_from = at + len(text) + 2
    return "".join(line)


def _legend(title: str, series: Sequence[tuple[Series, Rgb]], width: int, mode: CellMode) -> tuple[Segment, ...]:
    """Title, then a bullet, the name and the newest value of each series, as far as they fit."""
    shown = clean(title, width)
    line, used = ([Segment(shown, Style(bold=True))] if shown else []), cell_len(shown)
    for entry, colour in series:
        newest = f" {short_number(float(entry.y[-1]))}" if entry.y.size else ""
        name = clean(entry.name, 24)
        needed = 2 * (used > 0) + 2 + cell_len(name) + len(newest)
        if used + needed > width:
            if used + 2 <= width:
                line.append(Segment(" …", _faint))
            break
        line += [
            Segment("  " if used else ""),
            Segment(f"{_BULLET[mode]} ", style_of(colour)),
            Segment(name, _faint),
            Segment(newest),
        ]
        used += needed
    return tuple(line)


def _empty(legend: tuple[Segment, ...], width: int, height: int) -> Cells:
    lines: list[tuple[Segment, ...]] = [() for _ in range(max(height, 1))]
    lines[0] = legend
    if height > 1:
        lines[height // 2] = (Segment(set_cell_size("no points yet".center(width), width), _faint),)
    return Cells(tuple(lines))
