"""Series reduced to columns without losing a spike: the cost of drawing depends on columns, not on points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]

NOT_A_NUMBER, ABOVE, BELOW, NOT_POSITIVE = 1, 2, 4, 8
"""The marks of a stretch: values in it that are not finite, or that a logarithmic scale cannot show."""


@dataclass(frozen=True)
class Columns:
    """A series per column of the screen; float ``[n]`` each, NaN where the column holds no finite value.

    Args:
        low: smallest finite value.
        high: largest finite value.
        first: the first finite value.
        last: the last finite value.
        positive: smallest value above zero.
        mean: mean of the finite values.
        count: how many finite values fell here.
        nan: whether a NaN fell here.
        above: whether +infinity fell here.
        below: whether -infinity fell here, or on a logarithmic scale a value of zero or less.
        not_positive: whether a value of zero or less fell here.
    """

    low: FloatArray
    high: FloatArray
    first: FloatArray
    last: FloatArray
    positive: FloatArray
    mean: FloatArray
    count: FloatArray
    nan: NDArray[np.bool_]
    above: NDArray[np.bool_]
    below: NDArray[np.bool_]
    not_positive: NDArray[np.bool_]

    def logarithmic(self) -> Columns:
        """The same on a scale of powers of ten, where values of zero or less lie below everything."""

        def scaled(values: FloatArray) -> FloatArray:
            # Values of zero or less are drawn at the column's least positive value, and marked.
            return np.log10(np.where(values > 0, values, self.positive))

        with np.errstate(invalid="ignore", divide="ignore"):
            return Columns(
                scaled(self.positive),
                np.where(self.high > 0, scaled(self.high), np.nan),
                scaled(self.first),
                scaled(self.last),
                self.positive,
                scaled(self.mean),
                self.count,
                self.nan,
                self.above,
                self.below | self.not_positive,
                self.not_positive,
            )

    def through(self, line: FloatArray) -> Columns:
        """The same marks on a line of one value a column, float ``[n]``; NaN where it has none."""
        return replace(self, low=line, high=line, first=line, last=line)


class Pieces(NamedTuple):
    """Summaries of stretches of a series, each within one column."""

    at: NDArray[np.intp]
    column: NDArray[np.intp]
    low: FloatArray
    high: FloatArray
    first: FloatArray
    last: FloatArray
    positive: FloatArray
    total: FloatArray
    number: FloatArray
    marks: NDArray[np.uint8]

    @classmethod
    def of_points(cls, at: NDArray[np.intp], column: NDArray[np.intp], values: FloatArray) -> Pieces:
        """Single values as stretches. Values that are not finite become marks only."""
        finite = np.where(np.isfinite(values), values, np.nan)
        marks = np.zeros(len(values), dtype=np.uint8)
        marks[np.isnan(values)] = NOT_A_NUMBER
        marks[values == np.inf] = ABOVE
        marks[values == -np.inf] = BELOW
        with np.errstate(invalid="ignore"):
            marks[finite <= 0] |= NOT_POSITIVE
            positive = np.where(finite > 0, finite, np.nan)
        there = ~np.isnan(finite)
        total = np.where(there, finite, 0.0)
        return cls(at, column, finite, finite, finite, finite, positive, total, there.astype(np.float64), marks)


def decimate(x: FloatArray, y: FloatArray, columns: int, start: float, end: float) -> Columns:
    """Reduce a series to the extremes of each column.

    Args:
        x: ascending positions, float ``[n]``.
        y: values, float ``[n]``.
        columns: how many columns share the interval. ``start`` is the middle of the first, ``end`` that of the last.
        start: position of the first column.
        end: position of the last column; equal to ``start`` puts everything in the first.

    Returns:
        The columns. Points outside the interval are left out.
    """
    inside = slice(int(np.searchsorted(x, start, "left")), int(np.searchsorted(x, end, "right")))
    x, y = x[inside], y[inside]
    scale = (columns - 1) / (end - start) if end > start else 0.0
    column = np.rint((x - start) * scale).astype(np.intp)
    return gather([Pieces.of_points(np.arange(len(y)), column, y)], columns)


def gather(pieces: Sequence[Pieces], count: int) -> Columns:
    """Put stretches, in any order, together in ``count`` columns."""
    joined = Pieces._make(np.concatenate(parts) for parts in zip(*pieces, strict=True))
    if len(pieces) > 1:
        order = np.argsort(joined.at)
        joined = Pieces._make(part[order] for part in joined)
    shown = {name: np.full(count, np.nan) for name in ("low", "high", "first", "last", "positive", "mean")}
    shown["count"] = np.zeros(count)
    flags = np.zeros(count, dtype=np.uint8)
    if joined.column.size:
        starts = np.flatnonzero(np.diff(joined.column, prepend=-1))
        flags[joined.column[starts]] = np.bitwise_or.reduceat(joined.marks, starts)
    finite = ~np.isnan(joined.low)
    if finite.any():
        joined = Pieces._make(part[finite] for part in joined)
        starts = np.flatnonzero(np.diff(joined.column, prepend=-1))
        there = joined.column[starts]
        shown["low"][there] = np.minimum.reduceat(joined.low, starts)
        shown["high"][there] = np.maximum.reduceat(joined.high, starts)
        shown["first"][there] = joined.first[starts]
        shown["last"][there] = joined.last[np.append(starts[1:], joined.column.size) - 1]
        shown["positive"][there] = np.fmin.reduceat(joined.positive, starts)
        shown["count"][there] = np.add.reduceat(joined.number, starts)
        with np.errstate(over="ignore"):
            shown["mean"][there] = np.add.reduceat(joined.total, starts) / shown["count"][there]
        # The sum of values near the largest number there is overflows; their mean lies between them all the same.
        shown["mean"][there] = np.clip(shown["mean"][there], shown["low"][there], shown["high"][there])
    return Columns(
        **shown,
        nan=(flags & NOT_A_NUMBER) > 0,
        above=(flags & ABOVE) > 0,
        below=(flags & BELOW) > 0,
        not_positive=(flags & NOT_POSITIVE) > 0,
    )
