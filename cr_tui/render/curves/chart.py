"""Line charts of braille dots: two by four to a cell, so an 80-column terminal shows 160 columns of data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from cr_tui.render.cells import CellMode, Cells, Rgb, merge_runs, style_of
from cr_tui.render.curves.axis import XKind, short_number
from cr_tui.render.curves.labels import YLabels, x_labels, y_labels
from cr_tui.render.curves.plot import Frame, Plot, letter_of, plot
from cr_tui.render.curves.series import Curve, Series, Stroke, x_span
from cr_tui.render.palette import CATEGORIES, FAINT, blend
from cr_tui.text import clean

_SMALLEST_PLOT = (4, 2)
_MARGIN = 6
"""Cells of the y axis: five of most labels, and the line."""
_SAMPLE = 2
"""Cells of a piece of line in legends."""
_LEAST_NAME = 6
"""Cells of the first name of a legend, if there is no room for all of it."""
_BULLET: dict[CellMode, str] = {"blocks": "●", "ascii": "*"}
_BAR: dict[CellMode, str] = {"blocks": "│", "ascii": "|"}
_GUIDE: dict[CellMode, str] = {"blocks": "┈", "ascii": "-"}
_DIMMED, _EDGE, _BAND, _GUIDE_SHARE = 0.45, 0.5, 0.24, 0.45
"""Shares of a colour over the background: dimmed lines, edges of bands, bands, guides."""
_MOST_BANDS = 3
"""Bands that keep their colours; of more than these, all are grey: their overlaps would be a quilt."""
_OUTLIERS, _SPARE = 5.0, 0.5
"""Percent of the columns at each end that may be outliers, and how far beyond the rest they begin to be."""


@dataclass(frozen=True)
class Ink:
    """The colours of a chart apart from those of its series.

    Args:
        faint: axes and names.
        background: behind everything.
        title: the title; the terminal's own colour if None.
        strong: values; the terminal's own colour if None.
        patterns: tell lines apart by patterns as well, for terminals without colours.
    """

    faint: Rgb = FAINT
    background: Rgb = (18, 18, 18)
    title: Rgb | None = None
    strong: Rgb | None = None
    patterns: bool = False


@dataclass(frozen=True)
class Scale:
    """The y axis.

    Args:
        log: logarithmic; values of zero and below are marked ``↓``.
        bounds: values that must be inside the plot, for charts whose range is known, such as scores.
        clip: leave outliers outside. The title says how far they go, and ``▴`` and ``▾`` where they are.
        zoom: the part of the height that is shown, as shares from the bottom.
    """

    log: bool = False
    bounds: tuple[float, float] | None = None
    clip: bool = False
    zoom: tuple[float, float] = (0.0, 1.0)


def chart(
    series: Sequence[Curve],
    width: int = 80,
    height: int = 12,
    *,
    title: str = "",
    scale: Scale | None = None,
    mode: CellMode = "blocks",
    window: tuple[float, float] | None = None,
    cursor: float | None = None,
    x_kind: XKind = "number",
    guides: bool = False,
    ink: Ink | None = None,
    empty: str = "no points yet",
) -> Cells:
    """Draw series as lines over a common x axis.

    Where few points share a column, the line spans the smallest to the largest value that falls into it. Where many do,
    and behind a moving average, the line passes through the means, and a pale band spans the rest. So spikes survive
    any reduction. NaN is marked ``×`` and infinities ``↑`` and ``↓`` at the edge of the plot, in the series' colour.

    Args:
        series: the lines; earlier ones lie over later ones, and dimmed ones behind the others.
        width: cells across, axis included.
        height: cells down, legend and axis included.
        title: stands first in the legend's line.
        scale: the y axis; linear if None.
        mode: braille dots in colour, or plain characters.
        window: first and last position shown; everything if None.
        cursor: position of a vertical line. The legend shows the values there instead of the newest.
        x_kind: whether positions are numbers, or seconds to be read as durations.
        guides: whether faint lines run at the round values of the y axis.
        ink: the other colours.
        empty: what is said where there are no points.

    Returns:
        Exactly ``height`` lines.
    """
    ink, scale = ink or Ink(), scale or Scale()
    coloured = _coloured(series)
    span_x = x_span(series) if window is None else window
    if span_x is None or width < 12 or height < 4:
        words = empty if span_x is None else ""
        return _empty(_legend(title, "", coloured, width, mode, cursor, ink), words, width, height, ink)
    rows = max(height - 2, _SMALLEST_PLOT[1])
    margin = _MARGIN
    strokes, span, note, labels = _measured(series, width - margin - 1, rows, span_x, scale)
    if max(map(cell_len, labels.texts)) >= margin:
        # Seldom a label is wider than most; then there are fewer columns.
        margin = max(map(cell_len, labels.texts)) + 1
        strokes, span, note, labels = _measured(series, width - margin - 1, rows, span_x, scale)
    frame = Frame(max(width - margin - 1, _SMALLEST_PLOT[0]), rows, *span_x, *span, scale.log)
    patterns = [line.pattern for line in series] if ink.patterns else None
    drawn = plot(strokes, [line.dimmed for line in series], frame, mode, patterns)
    if guides:
        _put_guides(drawn, labels, mode)
    if cursor is not None:
        _put_cursor(drawn, frame, cursor, mode)
    faint = style_of(ink.faint)
    lines = [_legend(title, note, coloured, width, mode, cursor, ink)]
    for text, cells in zip(labels.texts, _styled(drawn, coloured, strokes, ink), strict=True):
        lines.append((Segment(f"{text:>{margin - 1}}{_BAR[mode]}", faint), *cells))
    lines.append((Segment(" " * margin + x_labels(frame, x_kind), faint),))
    return Cells(tuple(lines))


def _measured(
    series: Sequence[Curve], columns: int, rows: int, span_x: tuple[float, float], scale: Scale
) -> tuple[list[Stroke], tuple[float, float], str, YLabels]:
    """The series in columns of the screen, the edges of the plot, what lies beyond them, and the labels."""
    count = 2 * max(columns, _SMALLEST_PLOT[0])
    strokes = [line.stroke(count, *span_x, log=scale.log) for line in series]
    span, note = _span(strokes, scale)
    return strokes, span, note, y_labels(span, rows, scale.log)


def pattern_sample(pattern: int) -> str:
    """The letter and a piece of the line with this number, for legends without colours."""
    frame = Frame(_SAMPLE, 1, 0.0, 1.0, 0.0, 1.0, False)
    line = Series("", np.array([0.0, 1.0]), np.array([0.5, 0.5])).stroke(2 * _SAMPLE, 0.0, 1.0, log=False)
    return letter_of(pattern) + "".join(plot([line], [False], frame, "blocks", [pattern]).characters[0])


def _coloured(series: Sequence[Curve]) -> list[tuple[Curve, Rgb]]:
    return [(line, line.colour or CATEGORIES[number % len(CATEGORIES)]) for number, line in enumerate(series)]


def _styled(
    drawn: Plot, coloured: Sequence[tuple[Curve, Rgb]], strokes: Sequence[Stroke], ink: Ink
) -> list[tuple[Segment, ...]]:
    """The rows of the plotting area in their colours."""

    def over(colour: Rgb, share: float) -> Rgb:
        return blend(colour, ink.background, share)

    many = sum(stroke.low is not None for stroke in strokes) > _MOST_BANDS
    lines = [over(colour, _DIMMED) if line.dimmed else colour for line, colour in coloured]
    bands = [ink.faint if many else colour for _, colour in coloured]
    # Owners count from 1; those of edges are negative, so they are found from the end.
    foreground = [None, *lines, *(over(colour, _EDGE) for colour in reversed(bands))]
    extra = {_GUIDE_OWNER: over(ink.faint, _GUIDE_SHARE), _CURSOR_OWNER: ink.faint}
    background = [None, *(over(colour, _BAND) for colour in bands)]
    rows = []
    for characters, owners, fills in zip(drawn.characters, drawn.owners, drawn.bands, strict=True):
        cells = [
            (character, style_of(extra[owner] if owner in extra else foreground[owner], background[fill]))
            for character, owner, fill in zip(characters, owners, fills, strict=True)
        ]
        rows.append(merge_runs(cells))
    return rows


_CURSOR_OWNER, _GUIDE_OWNER = 1_000_000, 1_000_001
"""Owners of what belongs to no series."""


def _put_guides(drawn: Plot, labels: YLabels, mode: CellMode) -> None:
    for row in labels.round_rows:
        _fill_free(drawn, row, range(len(drawn.characters[row])), _GUIDE[mode], _GUIDE_OWNER)


def _put_cursor(drawn: Plot, frame: Frame, cursor: float, mode: CellMode) -> None:
    if not frame.start <= cursor <= frame.end:
        return
    share = (cursor - frame.start) / (frame.end - frame.start) if frame.end > frame.start else 0.0
    column = round(share * (frame.columns - 1))
    for row in range(frame.rows):
        _fill_free(drawn, row, [column], _BAR[mode], _CURSOR_OWNER)


def _fill_free(drawn: Plot, row: int, columns: Sequence[int], character: str, owner: int) -> None:
    """Write a character into the cells of a row that no line has."""
    for column in columns:
        free = drawn.characters[row][column] == " " or drawn.owners[row][column] == _GUIDE_OWNER
        if free and (owner == _CURSOR_OWNER or not drawn.bands[row][column]):
            drawn.characters[row][column], drawn.owners[row][column] = character, owner


def _span(strokes: Sequence[Stroke], scale: Scale) -> tuple[tuple[float, float], str]:
    """Lower and upper edge of the plot, never equal, and what to say of values beyond them."""
    lows = np.concatenate([np.empty(0), *(stroke.lows for stroke in strokes)])
    highs = np.concatenate([np.empty(0), *(stroke.highs for stroke in strokes)])
    lows, highs = lows[np.isfinite(lows)], highs[np.isfinite(highs)]
    note = ""
    low, high = (float(lows.min()), float(highs.max())) if lows.size and highs.size else (np.inf, -np.inf)
    if scale.clip and lows.size and highs.size:
        (low, high), note = _clipped(lows, highs, scale.log)
    if scale.bounds is not None:
        inside = [bound for bound in scale.bounds if bound > 0 or not scale.log]
        inside = np.log10(inside).tolist() if scale.log else inside
        low, high = min([low, *inside]), max([high, *inside])
    if low > high:
        low, high = 0.0, 1.0
    if high - low < 1e-12 * max(abs(low), abs(high), 1e-300):
        spare = abs(low) * 0.1 or 1.0
        low, high = low - spare, high + spare
    bottom, top = scale.zoom
    return (low + bottom * (high - low), low + top * (high - low)), note


def _clipped(lows: np.ndarray, highs: np.ndarray, log: bool) -> tuple[tuple[float, float], str]:
    """The edges without outliers, and how far these go."""
    low, high = float(lows.min()), float(highs.max())
    bottom, top = float(np.percentile(lows, _OUTLIERS)), float(np.percentile(highs, 100 - _OUTLIERS))
    spare = _SPARE * (top - bottom)
    parts = []
    if high > top + spare:
        parts.append(f"↑{short_number(10.0**high if log else high)}")
        high = top + spare
    if low < bottom - spare:
        parts.append(f"↓{short_number(10.0**low if log else low)}")
        low = bottom - spare
    return (low, high), f"clipped {' '.join(parts)}" if parts else ""


def _legend(
    title: str,
    note: str,
    series: Sequence[tuple[Curve, Rgb]],
    width: int,
    mode: CellMode,
    cursor: float | None,
    ink: Ink,
) -> tuple[Segment, ...]:
    """Title and note, then a bullet, the name and a value of each series, and how many have no room."""
    faint, strong = style_of(ink.faint), style_of(ink.strong)
    room = width - (cell_len(note) + 2 if note else 0)
    shown = clean(title, max(room, 1))
    line, used = ([Segment(shown, style_of(ink.title) + Style(bold=True))] if shown else []), cell_len(shown)
    if note and used + 2 + cell_len(note) <= width:
        line.append(Segment(f"  {note}", style_of(ink.strong)))
        used += 2 + cell_len(note)
    for number, (entry, colour) in enumerate(series):
        value = entry.newest if cursor is None else entry.at(cursor)
        name = clean(entry.name, 24)
        text = "" if value is None else " " * bool(name) + short_number(value)
        bullet = pattern_sample(entry.pattern) if ink.patterns and mode == "blocks" else _BULLET[mode]
        needed = 2 * (used > 0) + cell_len(bullet) + 1 + cell_len(name) + len(text)
        rest = len(series) - number
        excess = used + needed + (0 if rest == 1 else 2 + len(f"+{rest - 1}")) - width
        if excess > 0 and not number and cell_len(name) - excess >= _LEAST_NAME:
            # A legend that names nobody would say nothing.
            name, needed = clean(name, cell_len(name) - excess), needed - excess
        elif excess > 0:
            more = f"+{rest}" if number else f"{rest} lines"
            if used + 2 + len(more) <= width and len(series) > 1:
                line.append(Segment(f"  {more}", faint))
            break
        line += [
            Segment("  " if used else ""),
            Segment(f"{bullet} ", style_of(colour)),
            Segment(name, faint),
            Segment(text, strong),
        ]
        used += needed
    return tuple(line)


def _empty(legend: tuple[Segment, ...], words: str, width: int, height: int, ink: Ink) -> Cells:
    lines: list[tuple[Segment, ...]] = [() for _ in range(max(height, 1))]
    lines[0] = legend
    if height > 1:
        lines[height // 2] = (Segment(set_cell_size(words.center(width), width), style_of(ink.faint)),)
    return Cells(tuple(lines))
