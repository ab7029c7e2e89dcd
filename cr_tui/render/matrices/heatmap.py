"""A matrix as coloured cells: numbers where they fit, colours where they do not, averages where there are too many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from cr_tui.render.cells import CellMode, Cells, Rgb, merge_runs, style_of
from cr_tui.render.images.halfblock import ASCII_RAMP, UPPER_HALF
from cr_tui.render.palette import FAINT, LEVELS, readable_on, viridis
from cr_tui.short_names import short_names
from cr_tui.text import clean

Matrix = NDArray[np.floating[Any]]

MISSING_MARK = "×"
_MOST_LABEL = 24
_LEGEND_STEPS = 16
_faint = style_of(FAINT)


@dataclass(frozen=True)
class _Layout:
    """How many cells the parts of a heat map take.

    Args:
        cell: a value; 0 means one pixel a value, two rows sharing a line.
        number: a row's number.
        label: the margin, number included.
    """

    cell: int
    number: int
    label: int


def heatmap(
    matrix: Matrix,
    labels: Sequence[str] | None = None,
    *,
    width: int = 80,
    caption: str = "",
    bounds: tuple[float, float] | None = None,
    mode: CellMode = "blocks",
) -> Cells:
    """Draw a matrix as a heat map with numbered columns and a legend.

    From wide to narrow: cells with their value, plain coloured cells, one half-block a value, averages of neighbours.

    Args:
        matrix: float ``[n, m]``; a value that is not finite is marked ``×`` on grey.
        labels: a name a row, shown literally; rows and columns carry numbers from 1 in any case.
        width: cells the drawing may take across.
        caption: what rows and columns are; a line above the numbers of the columns.
        bounds: values at the ends of the colour scale; the smallest and largest finite value when None.
        mode: colours, or plain characters only.

    Returns:
        Header, one line a row (half a line when half-blocks are needed) and a legend.
    """
    values: Matrix = np.where(np.isfinite(matrix), matrix, np.nan).astype(np.float64)
    low, high = bounds if bounds is not None else _finite_bounds(values)
    layout = _layout(values, labels, width)
    names = short_names(labels, max(layout.label - layout.number - 2, 1)) if labels else None
    note = ""
    most = max(width - layout.label, 1)
    if layout.cell == 0 and values.shape[1] > most:
        factor = -(-values.shape[1] // most)
        values, note = _averaged(values, factor), f"each cell averages {factor} × {factor} values"
    scaled = (values - low) / (high - low) if high > low else values * 0.0 + 0.5
    lines: list[tuple[Segment, ...]] = [(Segment(clean(caption, width), _faint),)] if caption else []
    if layout.cell:
        lines.append(_header(values.shape[1], layout))
    if layout.cell == 0 and mode == "blocks":
        lines += _half_rows(scaled, layout)
    else:
        lines += [
            (Segment(_row_label(row, names, layout), _faint), *_row(values[row], scaled[row], layout, mode))
            for row in range(len(values))
        ]
    lines += [(), *_legend(low, high, bool(np.isnan(values).any()), note, layout, mode)]
    return Cells(tuple(lines))


def _finite_bounds(values: Matrix) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)


def _layout(values: Matrix, labels: Sequence[str] | None, width: int) -> _Layout:
    rows, columns = values.shape
    number = len(str(max(rows, columns, 1)))
    longest = max((cell_len(clean(label)) for label in labels), default=0) if labels else 0
    text = max((len(_number(value)) for value in values.ravel().tolist() if math.isfinite(value)), default=4)
    for cell in (text + 2, text + 1, max(2, number + 1), 2):
        if cell > 2 and cell < number + 1:
            continue
        spare = width - columns * cell - number - 2
        if spare >= min(longest, 8 if cell > 2 else 0):
            return _Layout(cell, number, number + 2 + min(longest, spare, _MOST_LABEL))
    return _Layout(0, number, number + 1)


def _number(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 1000 else f"{value:.1e}"


def _header(columns: int, layout: _Layout) -> tuple[Segment, ...]:
    names = "".join(str(column + 1)[-layout.cell :].center(layout.cell) for column in range(columns))
    return (Segment(" " * layout.label, _faint), Segment(names, _faint))


def _row_label(row: int, names: Sequence[str] | None, layout: _Layout) -> str:
    name = f"{row + 1:>{layout.number}}" + (f" {names[row]}" if names else "")
    return set_cell_size(clean(name, max(layout.label - 1, 1)), layout.label)


def _row(values: Matrix, scaled: Matrix, layout: _Layout, mode: CellMode) -> tuple[Segment, ...]:
    width = max(layout.cell, 1)
    if mode == "ascii":
        return (
            Segment("".join(_ascii_cell(value, level, width) for value, level in zip(values, scaled, strict=True))),
        )
    colours = [_rgb(colour) for colour in viridis(scaled)]
    cells: list[tuple[str, Style | None]] = [
        (_cell_text(value, width), style_of(readable_on(colour), colour))
        for value, colour in zip(values, colours, strict=True)
    ]
    return merge_runs(cells)


def _cell_text(value: float, width: int) -> str:
    if np.isnan(value):
        return MISSING_MARK.center(width)
    text = _number(value)
    return text.center(width) if len(text) < width else " " * width


def _ascii_cell(value: float, level: float, width: int) -> str:
    if np.isnan(value):
        return "x".center(width)
    text = _number(value)
    if len(text) < width:
        return text.center(width)
    return ASCII_RAMP[round(min(max(level, 0.0), 1.0) * (len(ASCII_RAMP) - 1))] * width


def _half_rows(scaled: Matrix, layout: _Layout) -> list[tuple[Segment, ...]]:
    colours = viridis(scaled)
    lines = []
    for top in range(0, len(colours), 2):
        upper = [_rgb(colour) for colour in colours[top]]
        lower = [_rgb(colour) for colour in colours[top + 1]] if top + 1 < len(colours) else [None] * len(upper)
        cells: list[tuple[str, Style | None]] = [
            (UPPER_HALF, style_of(above, below)) for above, below in zip(upper, lower, strict=True)
        ]
        label = f"{top + 1:>{layout.number}} "
        lines.append((Segment(label, _faint), *merge_runs(cells)))
    return lines


def _averaged(values: Matrix, factor: int) -> Matrix:
    """Means of ``factor`` × ``factor`` blocks, without missing values. Blocks at the end may be smaller."""
    rows, columns = (-(-size // factor) for size in values.shape)
    padded = np.full((rows * factor, columns * factor), np.nan)
    padded[: values.shape[0], : values.shape[1]] = values
    blocks = padded.reshape(rows, factor, columns, factor)
    there = np.isfinite(blocks)
    counts = there.sum(axis=(1, 3))
    sums = np.where(there, blocks, 0.0).sum(axis=(1, 3))
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _legend(
    low: float, high: float, missing: bool, note: str, layout: _Layout, mode: CellMode
) -> list[tuple[Segment, ...]]:
    indent = Segment(" " * layout.label)
    if mode == "ascii":
        scale: tuple[Segment, ...] = (Segment(ASCII_RAMP),)
    else:
        steps = viridis(np.linspace(0.0, 1.0, min(_LEGEND_STEPS, LEVELS)))
        scale = merge_runs((" ", style_of(None, _rgb(colour))) for colour in steps)
    line = [indent, Segment(f"{_number(low)} ", _faint), *scale, Segment(f" {_number(high)}", _faint)]
    if missing:
        line.append(Segment(f"   {'x' if mode == 'ascii' else MISSING_MARK} not there", _faint))
    return [tuple(line)] + ([(indent, Segment(note, _faint))] if note else [])


def _rgb(colour: NDArray[np.uint8]) -> Rgb:
    return int(colour[0]), int(colour[1]), int(colour[2])
