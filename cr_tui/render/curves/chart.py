"""Line charts of braille dots: two by four to a cell, so an 80-column terminal shows 160 columns of data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from cr_tui.render.cells import CellMode, Cells, Rgb, merge_runs, style_of
from cr_tui.render.curves.axis import XKind, short_number, tick_label, ticks, x_ticks
from cr_tui.render.curves.decimate import Columns, FloatArray, decimate
from cr_tui.render.curves.plot import Frame, plot
from cr_tui.render.curves.pyramid import Levels
from cr_tui.render.palette import CATEGORIES, FAINT, blend
from cr_tui.text import clean

_SMALLEST_PLOT = (4, 2)
_MORE_TICKS = 4
_BULLET: dict[CellMode, str] = {"blocks": "●", "ascii": "*"}
_BAR: dict[CellMode, str] = {"blocks": "│", "ascii": "|"}
_BAND_STRENGTH = 0.42


@dataclass(frozen=True)
class Ink:
    """The colours of a chart apart from those of its series.

    Args:
        faint: axes and names.
        background: behind everything.
        title: the title; the terminal's own colour if None.
        strong: values; the terminal's own colour if None.
    """

    faint: Rgb = FAINT
    background: Rgb = (18, 18, 18)
    title: Rgb | None = None
    strong: Rgb | None = None


@dataclass(frozen=True)
class Series:
    """One line of a chart.

    Args:
        name: shown literally in the legend.
        x: ascending positions, float ``[n]``.
        y: values, float ``[n]``; may hold NaN and infinities.
        colour: RGB; the palette's next colour when None.
        levels: summaries of ``y``. With them the cost of drawing does not depend on ``n``.
        faint: drawn dimly behind the others and left out of the legend.
    """

    name: str
    x: FloatArray
    y: FloatArray
    colour: Rgb | None = None
    levels: Levels | None = None
    faint: bool = False

    def columns(self, count: int, start: float, end: float) -> Columns:
        """The extremes of each of ``count`` columns between two positions."""
        if self.levels is not None:
            return self.levels.columns(self.x, count, start, end)
        return decimate(self.x, self.y, count, start, end)

    def at(self, x: float) -> float | None:
        """The value nearest to a position; None where there is none, or the position lies beyond the ends."""
        if not self.x.size or not self.x[0] <= x <= self.x[-1]:
            return None
        after = min(int(np.searchsorted(self.x, x)), self.x.size - 1)
        before = max(after - 1, 0)
        return float(self.y[before if x - self.x[before] < self.x[after] - x else after])


def chart(
    series: Sequence[Series],
    width: int = 80,
    height: int = 12,
    *,
    title: str = "",
    log_y: bool = False,
    bounds: tuple[float, float] | None = None,
    mode: CellMode = "blocks",
    window: tuple[float, float] | None = None,
    cursor: float | None = None,
    x_kind: XKind = "number",
    ink: Ink | None = None,
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
        window: first and last position shown; everything if None.
        cursor: position of a vertical line. The legend shows the values there instead of the newest.
        x_kind: whether positions are numbers, or seconds to be read as durations.
        ink: the other colours.

    Returns:
        Exactly ``height`` lines.
    """
    ink = ink or Ink()
    coloured = _coloured(series, ink)
    legend = _legend(title, coloured, width, mode, cursor, ink)
    span_x = x_span(series) if window is None else window
    if span_x is None or width < 12 or height < 4:
        return _empty(legend, width, height, ink)
    rows = max(height - 2, _SMALLEST_PLOT[1])
    span = _span(series, span_x, log_y, bounds)
    labels = _y_labels(span, rows, log_y)
    margin = max(cell_len(label) for label in labels) + 1
    frame = Frame(max(width - margin - 1, _SMALLEST_PLOT[0]), rows, *span_x, *span, log_y)
    drawn = plot([_reduced(line, frame) for line in series], [line.faint for line in series], frame, mode)
    styles = [None, *(style_of(colour) for _, colour in coloured)]
    faint = style_of(ink.faint)
    if cursor is not None:
        _put_cursor(drawn.characters, drawn.owners, frame, cursor, mode, len(styles))
        styles.append(faint)
    lines = [legend]
    for row in range(rows):
        pairs = zip(drawn.characters[row], drawn.owners[row], strict=True)
        cells = [(character, styles[owner]) for character, owner in pairs]
        lines.append((Segment(f"{labels[row]:>{margin - 1}}{_BAR[mode]}", faint), *merge_runs(cells)))
    lines.append((Segment(" " * margin + _x_labels(frame, x_kind), faint),))
    return Cells(tuple(lines))


def x_span(series: Sequence[Series]) -> tuple[float, float] | None:
    """The first and the last position of any series; None when there is no point."""
    filled = [line for line in series if line.x.size]
    if not filled:
        return None
    return min(float(line.x[0]) for line in filled), max(float(line.x[-1]) for line in filled)


def _coloured(series: Sequence[Series], ink: Ink) -> list[tuple[Series, Rgb]]:
    colours = [line.colour or CATEGORIES[number % len(CATEGORIES)] for number, line in enumerate(series)]
    return [
        (line, blend(colour, ink.background, _BAND_STRENGTH) if line.faint else colour)
        for line, colour in zip(series, colours, strict=True)
    ]


def _reduced(line: Series, frame: Frame) -> Columns:
    columns = line.columns(2 * frame.columns, frame.start, frame.end)
    return columns.logarithmic() if frame.log else columns


def _span(
    series: Sequence[Series], span_x: tuple[float, float], log_y: bool, bounds: tuple[float, float] | None
) -> tuple[float, float]:
    """Lower and upper edge of the plot, never equal."""
    whole = [line.columns(1, *span_x) for line in series]
    if log_y:
        whole = [columns.logarithmic() for columns in whole]
    lows = [float(columns.low[0]) for columns in whole if np.isfinite(columns.low[0])]
    highs = [float(columns.high[0]) for columns in whole if np.isfinite(columns.high[0])]
    if bounds is not None:
        inside = np.log10([bound for bound in bounds if bound > 0]).tolist() if log_y else list(bounds)
        lows, highs = lows + inside, highs + inside
    if not lows or not highs:
        return 0.0, 1.0
    low, high = min(lows), max(highs)
    if high - low < 1e-12 * max(abs(low), abs(high), 1e-300):
        spare = abs(low) * 0.1 or 1.0
        return low - spare, high + spare
    return low, high


def _put_cursor(
    characters: list[list[str]], owners: list[list[int]], frame: Frame, cursor: float, mode: CellMode, owner: int
) -> None:
    if not frame.start <= cursor <= frame.end:
        return
    share = (cursor - frame.start) / (frame.end - frame.start) if frame.end > frame.start else 0.0
    column = round(share * (frame.columns - 1))
    for row in range(frame.rows):
        if characters[row][column] == " ":
            characters[row][column], owners[row][column] = _BAR[mode], owner


def _y_labels(span: tuple[float, float], rows: int, log: bool) -> list[str]:
    """A label a row, empty where there is no tick."""
    low, high = span
    wanted = max(rows // 3, 2)
    if log and high - low < 1.0:
        # Within a power of ten round numbers say more than round exponents.
        values = [value for value in ticks(10.0**low, 10.0**high, wanted) if value > 0]
        return _placed({math.log10(value): short_number(float(f"{value:.12g}")) for value in values}, span, rows)
    # One tick alone gives no scale, so there may be a few more than asked for.
    tried = (ticks(low, high, most) for most in range(wanted, wanted + _MORE_TICKS))
    values = next((found for found in tried if len(found) > 1), [low])
    if log and any(value.is_integer() for value in values):
        values = [value for value in values if value.is_integer()]
    step = values[1] - values[0] if len(values) > 1 else 0.0
    return _placed(
        {value: short_number(10.0**value) if log else tick_label(value, step) for value in values}, span, rows
    )


def _placed(labels: Mapping[float, str], span: tuple[float, float], rows: int) -> list[str]:
    """Labels in the rows of their values."""
    low, high = span
    placed = [""] * rows
    for value, label in labels.items():
        row = rows - 1 - round((value - low) / (high - low) * (rows - 1))
        placed[min(max(row, 0), rows - 1)] = label
    return placed


def _x_labels(frame: Frame, kind: XKind) -> str:
    """Labels centred under their ticks, left out where they would touch."""
    line = [" "] * frame.columns
    free_from = 0
    for value, text in x_ticks(frame.start, frame.end, max(frame.columns // 14, 1), kind):
        share = (value - frame.start) / (frame.end - frame.start) if frame.end > frame.start else 0.0
        at = round(share * (frame.columns - 1)) - len(text) // 2
        at = min(max(at, 0), frame.columns - len(text))
        if at >= free_from:
            line[at : at + len(text)] = text
            free_from = at + len(text) + 2
    return "".join(line)


def _legend(
    title: str, series: Sequence[tuple[Series, Rgb]], width: int, mode: CellMode, cursor: float | None, ink: Ink
) -> tuple[Segment, ...]:
    """Title, then a bullet, the name and a value of each series, as far as they fit."""
    faint, strong = style_of(ink.faint), style_of(ink.strong)
    shown = clean(title, width)
    line, used = ([Segment(shown, style_of(ink.title) + Style(bold=True))] if shown else []), cell_len(shown)
    for entry, colour in series:
        if entry.faint:
            continue
        value = (float(entry.y[-1]) if entry.y.size else None) if cursor is None else entry.at(cursor)
        name = clean(entry.name, 24)
        text = "" if value is None else " " * bool(name) + short_number(value)
        needed = 2 * (used > 0) + 2 + cell_len(name) + len(text)
        if used + needed > width:
            if used + 2 <= width:
                line.append(Segment(" …", faint))
            break
        line += [
            Segment("  " if used else ""),
            Segment(f"{_BULLET[mode]} ", style_of(colour)),
            Segment(name, faint),
            Segment(text, strong),
        ]
        used += needed
    return tuple(line)


def _empty(legend: tuple[Segment, ...], width: int, height: int, ink: Ink) -> Cells:
    lines: list[tuple[Segment, ...]] = [() for _ in range(max(height, 1))]
    lines[0] = legend
    if height > 1:
        lines[height // 2] = (Segment(set_cell_size("no points yet".center(width), width), style_of(ink.faint)),)
    return Cells(tuple(lines))
