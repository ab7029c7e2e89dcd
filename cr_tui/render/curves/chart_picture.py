"""Charts as pictures, for papers and messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from cr_tui.render.cells import Rgb
from cr_tui.render.curves.axis import XKind, short_number, tick_label, ticks, x_ticks
from cr_tui.render.curves.decimate import Columns, FloatArray
from cr_tui.render.curves.series import Curve, Stroke, x_span
from cr_tui.render.palette import CATEGORIES, blend
from cr_tui.text import clean

_FONT_PIXELS = 26
_LEFT, _RIGHT, _TOP, _BOTTOM = 130, 30, 60, 60
_LEGEND_LINE = 38
_LINE_PIXELS = 3
_BACKGROUND: Rgb = (255, 255, 255)
_TEXT: Rgb = (48, 48, 48)
_GRID: Rgb = (222, 222, 222)
_BAND_SHARE, _DIMMED_SHARE = 0.25, 0.45
_NAME_LENGTH = 60


@dataclass(frozen=True)
class _Box:
    """The plotting area in pixels, and the positions and values at its edges; exponents of ten on a logarithmic axis.

    Args:
        left: of its first column.
        top: of its first line.
        right: of its last column.
        bottom: of its last line.
        span_x: positions at the left and the right edge.
        span_y: values at the lower and the upper edge.
    """

    left: int
    top: int
    right: int
    bottom: int
    span_x: tuple[float, float]
    span_y: tuple[float, float]

    def x(self, position: float) -> float:
        """The column of a position."""
        start, end = self.span_x
        return self.left + ((position - start) / (end - start) if end > start else 0.0) * (self.right - self.left)

    def y(self, value: float) -> float:
        """The line of a value."""
        low, high = self.span_y
        return self.bottom - (value - low) / (high - low) * (self.bottom - self.top)


def chart_picture(
    series: Sequence[Curve],
    title: str,
    *,
    log_y: bool = False,
    window: tuple[float, float] | None = None,
    x_kind: XKind = "number",
    width: int = 1600,
    height: int = 900,
) -> NDArray[np.uint8]:
    """Draw series as lines on white.

    As in :func:`cr_tui.render.curves.chart.chart`, each column of pixels shows the whole span of the values that
    fall into it, by the line or by the band behind it.

    Args:
        series: the lines; dimmed ones are paler and stand behind the others.
        title: stands above.
        log_y: logarithmic y axis; values of zero and below are left out.
        window: first and last position shown; everything if None.
        x_kind: whether positions are numbers, or seconds to be read as durations.
        width: pixels across.
        height: pixels down of title, plot and axis; the legend stands below.

    Returns:
        uint8 ``[height + legend, width, 3]``.
    """
    named = [(number, line) for number, line in enumerate(series) if line.name]
    image = Image.new("RGB", (width, height + _LEGEND_LINE * len(named) + _LEGEND_LINE // 2), _BACKGROUND)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(_FONT_PIXELS)
    left, right = _LEFT, width - _RIGHT
    draw.text((_LEFT, 14), clean(title, 100), fill=_TEXT, font=font)
    span_x = window or x_span(series)
    if span_x is not None:
        strokes = [line.stroke(right - left, *span_x, log=log_y) for line in series]
        box = _Box(left, _TOP, right, height - _BOTTOM, span_x, _span(strokes))
        _axes(draw, font, box, log_y, x_kind)
        colours = [_on_white(line, number) for number, line in enumerate(series)]
        for colour, stroke in reversed(list(zip(colours, strokes, strict=True))):
            if stroke.low is not None and stroke.high is not None:
                _band(draw, stroke.low, stroke.high, box, blend(colour, _BACKGROUND, _BAND_SHARE))
        # The first lies on top, dimmed ones behind all others.
        order = sorted(range(len(series)), key=lambda number: (not series[number].dimmed, -number))
        for number in order:
            share = _DIMMED_SHARE if series[number].dimmed else 1.0
            _curve(draw, strokes[number].line, box, blend(colours[number], _BACKGROUND, share))
    for place, (number, line) in enumerate(named):
        y = height + _LEGEND_LINE * place
        draw.rectangle((_LEFT, y + 10, _LEFT + 40, y + 18), fill=_on_white(line, number))
        draw.text((_LEFT + 56, y), clean(line.name, _NAME_LENGTH), fill=_TEXT, font=font)
    return np.asarray(image)


def _on_white(line: Curve, number: int) -> Rgb:
    """The colour, made dark enough for a white page."""
    colour = line.colour or CATEGORIES[number % len(CATEGORIES)]
    brightness = (0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]) / 255
    return blend(colour, (0, 0, 0), min(1.0, 0.62 / max(brightness, 1e-6)))


def _span(strokes: Sequence[Stroke]) -> tuple[float, float]:
    lows, highs = (np.concatenate(edges) for edges in zip(*((s.lows, s.highs) for s in strokes), strict=True))
    if not np.isfinite(lows).any():
        return 0.0, 1.0
    low, high = float(np.nanmin(lows)), float(np.nanmax(highs))
    spare = (high - low) * 0.03 or abs(low) * 0.1 or 1.0
    return low - spare, high + spare


def _axes(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    box: _Box,
    log_y: bool,
    x_kind: XKind,
) -> None:
    values = ticks(*box.span_y, 6)
    step = values[1] - values[0] if len(values) > 1 else 0.0
    for value in values:
        y = box.y(value)
        draw.line((box.left, y, box.right, y), fill=_GRID)
        label = short_number(10.0**value) if log_y else tick_label(value, step)
        draw.text((box.left - 12, y), label, fill=_TEXT, font=font, anchor="rm")
    for position, label in x_ticks(*box.span_x, 8, x_kind):
        x = box.x(position)
        draw.line((x, box.bottom, x, box.bottom + 8), fill=_TEXT)
        draw.text((x, box.bottom + 12), label, fill=_TEXT, font=font, anchor="ma")
    draw.line((box.left, box.top, box.left, box.bottom, box.right, box.bottom), fill=_TEXT, width=2)


def _curve(draw: ImageDraw.ImageDraw, columns: Columns, box: _Box, colour: Rgb) -> None:
    points = [
        (box.left + column, box.y(float(values[column])))
        for column in np.flatnonzero(np.isfinite(columns.low)).tolist()
        for values in (columns.first, columns.low, columns.high, columns.last)
    ]
    if len(points) > 1:
        draw.line(points, fill=colour, width=_LINE_PIXELS)


def _band(draw: ImageDraw.ImageDraw, low: FloatArray, high: FloatArray, box: _Box, colour: Rgb) -> None:
    there = np.flatnonzero(np.isfinite(low) & np.isfinite(high))
    if there.size < 2:
        return
    across = np.arange(there[0], there[-1] + 1)
    lows, highs = (np.interp(across, there, edge[there]).tolist() for edge in (low, high))
    for column, below, above in zip(across.tolist(), lows, highs, strict=True):
        draw.line((box.left + column, box.y(below), box.left + column, box.y(above)), fill=colour)
