"""Series reduced to columns without losing a spike: the cost of drawing depends on columns, not on points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Columns:
    """A series per column of the screen; float ``[n]`` each, NaN where the column holds no finite value.

    Args:
        low: smallest finite value.
        high: largest finite value.
        first: the first finite value.
        last: the last finite value.
        nan: whether a NaN fell here.
        above: whether +infinity fell here.
        below: whether -infinity fell here.
    """

    low: FloatArray
    high: FloatArray
    first: FloatArray
    last: FloatArray
    nan: NDArray[np.bool_]
    above: NDArray[np.bool_]
    below: NDArray[np.bool_]


def decimate(x: FloatArray, y: FloatArray, columns: int, start: float, end: float) -> Columns:
    """Reduce a series to the extremes of each column.

    Args:
        x: ascending positions, float ``[n]``.
        y: values, float ``[n]``.
        columns: how many columns share the interval from ``start`` to ``end``, both of which are the middle of one.
        start: position of the first column.
        end: position of the last column; equal to ``start`` puts everything in the first.

    Returns:
        The columns. Points outside the interval are left out.
    """
    inside = slice(int(np.searchsorted(x, start, "left")), int(np.searchsorted(x, end, "right")))
    x, y = x[inside], y[inside]
    scale = (columns - 1) / (end - start) if end > start else 0.0
    column = np.rint((x - start) * scale).astype(np.intp)
    finite = np.isfinite(y)
    low, high, first, last = _extremes(column[finite], y[finite], columns)
    return Columns(
        low,
        high,
        first,
        last,
        nan=_marked(column[np.isnan(y)], columns),
        above=_marked(column[y == np.inf], columns),
        below=_marked(column[y == -np.inf], columns),
    )


def _extremes(column: NDArray[np.intp], y: FloatArray, columns: int) -> tuple[FloatArray, ...]:
    low, high, first, last = (np.full(columns, np.nan) for _ in range(4))
    if y.size:
        starts = np.flatnonzero(np.diff(column, prepend=-1))
        at = column[starts]
        low[at] = np.minimum.reduceat(y, starts)
        high[at] = np.maximum.reduceat(y, starts)
        first[at] = y[starts]
        last[at] = y[np.append(starts[1:], y.size) - 1]
    return low, high, first, last


def _marked(column: NDArray[np.intp], columns: int) -> NDArray[np.bool_]:
    marks = np.zeros(columns, dtype=np.bool_)
    marks[column] = True
    return marks
