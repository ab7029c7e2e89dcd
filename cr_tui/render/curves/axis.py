"""Round tick values and short numbers."""

from __future__ import annotations

import math
from typing import Literal

_ROUND_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_MAGNITUDES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_UNITS = ((86_400.0, "d"), (3600.0, "h"), (60.0, "m"), (1.0, "s"))

DIGITS, MOST_DIGITS = 4, 6
"""Of a label: usual, and where its neighbours would read the same."""

XKind = Literal["number", "duration"]
"""What positions on the x axis are: numbers, or seconds to be read as durations."""


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round values inside ``[low, high]``.

    Args:
        low: lower end.
        high: upper end.
        most: the most ticks wanted. At least one is given if any round value lies inside.

    Returns:
        Ascending values, evenly spaced.
    """
    if not high > low:
        return [low]
    rough = (high - low) / max(most, 1)
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(step * magnitude for step in _ROUND_STEPS if step * magnitude >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]


def short_number(value: float, digits: int = DIGITS) -> str:
    """A number in at most seven characters, two more with six digits: ``0.25``, ``12.5k``, ``3e-05``."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    size = abs(value)
    if size >= 1e12 or 0.0 < size < 1e-3:
        return f"{value:.1e}".replace("e+", "e").replace("e-0", "e-").replace(".0e", "e")
    for magnitude, suffix in _MAGNITUDES:
        if size >= magnitude * 0.99995:
            return f"{value / magnitude:.{digits}g}{suffix}"
    return f"{value:.{digits}g}"


def tick_label(value: float, step: float) -> str:
    """A tick's label with no more digits than its spacing ``step`` needs, and as many as tell it from the next."""
    if abs(value) < step * 1e-6:
        return "0"
    return short_number(float(f"{value:.12g}"), digits_apart(value, step))


def digits_apart(value: float, step: float) -> int:
    """How many digits of a number tell it from one that is ``step`` away: four to six."""
    if value == 0 or not 0 < step < math.inf or not math.isfinite(value):
        return DIGITS
    needed = math.floor(math.log10(abs(value))) - math.floor(math.log10(step)) + 1
    return min(max(needed, DIGITS), MOST_DIGITS)


def duration_ticks(low: float, high: float, most: int) -> list[tuple[float, str]]:
    """Round durations inside ``[low, high]`` seconds with their labels, all in the largest unit that suits them.

    Args:
        low: lower end in seconds.
        high: upper end in seconds.
        most: the most ticks wanted.
    """
    length, unit = next(((length, unit) for length, unit in _UNITS if high - low >= 2 * length), _UNITS[-1])
    values = ticks(low / length, high / length, most)
    step = values[1] - values[0] if len(values) > 1 else 0.0
    return [(value * length, f"{tick_label(value, step)}{unit}") for value in values]


def x_ticks(low: float, high: float, most: int, kind: XKind) -> list[tuple[float, str]]:
    """Round positions inside ``[low, high]`` with their labels, at most about ``most``."""
    if kind == "duration":
        return duration_ticks(low, high, most)
    values = ticks(low, high, most)
    step = values[1] - values[0] if len(values) > 1 else 0.0
    return [(value, tick_label(value, step)) for value in values]
