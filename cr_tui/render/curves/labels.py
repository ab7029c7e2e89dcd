"""The labels at the axes of a chart: round values, and the values at the ends."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rich.cells import cell_len

from cr_tui.render.curves.axis import XKind, digits_apart, short_number, tick_label, ticks, x_ticks
from cr_tui.render.curves.plot import Frame
from cr_tui.text import short_duration

_MORE_TICKS = 4
_END_DIGITS = 200
"""The value at an end is written no finer than this part of the axis."""


@dataclass(frozen=True)
class YLabels:
    """A label a row, empty where there is none.

    Args:
        texts: the labels.
        round_rows: the rows of round values, where guides may run.
    """

    texts: list[str]
    round_rows: frozenset[int]


def y_labels(span: tuple[float, float], rows: int, log: bool) -> YLabels:
    """Round values, and the values at both ends: so there are always two at least.

    Args:
        span: values at the lower and the upper edge; exponents of ten if ``log``.
        rows: lines of the plot.
        log: whether the axis is logarithmic.
    """
    low, high = span
    texts = [""] * rows
    for value, label in _round_values(span, rows, log):
        row = rows - 1 - round((value - low) / (high - low) * (rows - 1))
        if 0 <= row < rows:
            texts[row] = label
    round_rows = frozenset(row for row, text in enumerate(texts) if text)
    for row, value in ((0, high), (rows - 1, low)):
        texts[row] = texts[row] or _end_label(value, high - low, log)
    return YLabels(texts, round_rows)


def x_labels(frame: Frame, kind: XKind) -> str:
    """Both ends, and round values centred under their ticks between them; left out where they would touch."""
    line = [" "] * frame.columns
    span = frame.end - frame.start
    ends = [_x_end(frame.start, span, kind), _x_end(frame.end, span, kind)]
    taken: list[tuple[int, int]] = []

    def put(at: int, text: str) -> None:
        at = min(max(at, 0), frame.columns - cell_len(text))
        if at >= 0 and all(at >= end + 2 or at + len(text) + 2 <= start for start, end in taken):
            line[at : at + len(text)] = text
            taken.append((at, at + len(text)))

    put(frame.columns, ends[1])
    put(0, ends[0])
    for value, text in x_ticks(frame.start, frame.end, max(frame.columns // 14, 1), kind):
        share = (value - frame.start) / span if span > 0 else 0.0
        put(round(share * (frame.columns - 1)) - len(text) // 2, text)
    return "".join(line)


def _round_values(span: tuple[float, float], rows: int, log: bool) -> list[tuple[float, str]]:
    """Round values with their labels; of a logarithmic axis their exponents."""
    low, high = span
    wanted = max(rows // 3, 2)
    if log and high - low < 1.0:
        # Within a power of ten round numbers say more than round exponents.
        values = [value for value in ticks(10.0**low, 10.0**high, wanted) if value > 0]
        return [(math.log10(value), short_number(float(f"{value:.12g}"))) for value in values]
    # One tick alone gives no scale, so there may be a few more than asked for.
    tried = (ticks(low, high, most) for most in range(wanted, wanted + _MORE_TICKS))
    values = next((found for found in tried if len(found) > 1), [low])
    if log and any(value.is_integer() for value in values):
        values = [value for value in values if value.is_integer()]
    step = values[1] - values[0] if len(values) > 1 else 0.0
    return [(value, short_number(10.0**value) if log else tick_label(value, step)) for value in values]


def _end_label(value: float, span: float, log: bool) -> str:
    if log:
        return short_number(float(f"{10.0**value:.2g}")) if value < 300 else short_number(math.inf)
    return _rounded(value, span)


def _x_end(value: float, span: float, kind: XKind) -> str:
    if kind == "duration":
        return short_duration(value)
    return _rounded(value, span)


def _rounded(value: float, span: float) -> str:
    """The value at an end of an axis, no finer than can be seen on it."""
    if not 0 < span < math.inf:
        return short_number(round(value) + 0.0)
    digits = math.floor(math.log10(span / _END_DIGITS))
    return short_number(round(value, -digits) + 0.0, digits_apart(value, span / 2))
