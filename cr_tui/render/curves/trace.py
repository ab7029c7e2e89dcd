"""A series as a thin line of dots in one line of text."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_BRAILLE = 0x2800
_DOTS = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))
"""The dot of each column and height of a braille character, heights from the lowest."""
_HEIGHTS = 4
_NOT_FINITE = "×"


def trace(values: NDArray[np.floating[Any]], width: int) -> str:
    """Draw a series as a line, two columns of four dots a cell, from the first value on.

    Values are spread over the whole width; between two columns the line is closed. If there are more values than
    columns, a column spans the least to the greatest of its values, so a spike stays visible. A cell with NaN or
    infinity shows ``×``.

    Args:
        values: float ``[n]``, oldest first.
        width: cells.

    Returns:
        ``width`` characters; empty for an empty series.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.size == 0 or width < 1:
        return ""
    finite = numbers[np.isfinite(numbers)]
    columns = 2 * width
    if finite.size == 0:
        return _NOT_FINITE * width
    low, high = float(finite.min()), float(finite.max())
    cells = [0] * width
    broken = set()
    before: int | None = None
    for column, here in enumerate(np.array_split(_spread(numbers, columns), columns)):
        if not np.isfinite(here).all():
            broken.add(column // 2)
            before = None
            continue
        bottom, top = (_height(float(value), low, high) for value in (here.min(), here.max()))
        # Dots that close the gap to the column before stand in this one.
        first = bottom if before is None else min(bottom, before + (before < bottom))
        last = top if before is None else max(top, before - (before > top))
        for height in range(first, last + 1):
            cells[column // 2] |= _DOTS[column % 2][height]
        before = _height(float(here[-1]), low, high)
    return "".join(_NOT_FINITE if at in broken else chr(_BRAILLE + dots) for at, dots in enumerate(cells))


def _spread(numbers: NDArray[np.float64], columns: int) -> NDArray[np.float64]:
    """At least one value a column: between two finite values a straight line, elsewhere the nearest value."""
    if numbers.size >= columns:
        return numbers
    places = np.linspace(0, numbers.size - 1, columns)
    between: NDArray[np.float64] = np.interp(places, np.arange(numbers.size), numbers)
    nearest: NDArray[np.float64] = numbers[np.rint(places).astype(np.intp)]
    return np.where(np.isfinite(between), between, nearest)


def _height(value: float, low: float, high: float) -> int:
    share = 0.5 if high == low else (value - low) / (high - low)
    return min(int(share * _HEIGHTS), _HEIGHTS - 1)
