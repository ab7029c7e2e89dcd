"""What a chart draws: one curve, or several as their mean and spread. Each becomes a line and a pale band behind it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cr_tui.render.cells import Rgb
from cr_tui.render.curves.decimate import Columns, FloatArray, decimate
from cr_tui.render.curves.pyramid import Levels

DENSE = 5
"""Points a column of dots, of which a cell has two, beyond which a line through all of them would be a filled area."""


@dataclass(frozen=True, eq=False)
class Stroke:
    """A series reduced to columns of the screen.

    Args:
        line: what the line passes through, with the marks of what is not finite.
        low: lower edge of the pale band, float ``[n]``, NaN where there is none; None for no band.
        high: its upper edge.
    """

    line: Columns
    low: FloatArray | None = None
    high: FloatArray | None = None

    @property
    def lows(self) -> FloatArray:
        """The lowest that is drawn in each column."""
        return self.line.low if self.low is None else np.fmin(self.low, self.line.low)

    @property
    def highs(self) -> FloatArray:
        """The highest that is drawn in each column."""
        return self.line.high if self.high is None else np.fmax(self.high, self.line.high)


@dataclass(frozen=True, eq=False)
class Series:
    """One curve.

    Args:
        name: shown literally in the legend.
        x: ascending positions, float ``[n]``.
        y: values, float ``[n]``; may hold NaN and infinities.
        colour: RGB; the palette's next colour when None.
        levels: summaries of ``y``. With them the cost of drawing does not depend on ``n``.
        measured: what ``y`` is the moving average of; its span is the band.
        averaged: whether ``y`` is a moving average: it is drawn as one thin line.
        dimmed: drawn behind those that are not, in a weaker colour and without band.
        band: whether there may be a band.
        pattern: index into :data:`cr_tui.render.curves.plot.DASHES`, for terminals without colours.
    """

    name: str
    x: FloatArray
    y: FloatArray
    colour: Rgb | None = None
    levels: Levels | None = None
    measured: Series | None = None
    averaged: bool = False
    dimmed: bool = False
    band: bool = True
    pattern: int = 0

    @property
    def ends(self) -> tuple[float, float] | None:
        """First and last position; None without points."""
        return (float(self.x[0]), float(self.x[-1])) if self.x.size else None

    @property
    def newest(self) -> float | None:
        """The last value; None without points."""
        return float(self.y[-1]) if self.y.size else None

    def columns(self, count: int, start: float, end: float) -> Columns:
        """The extremes of each of ``count`` columns between two positions."""
        if self.levels is not None:
            return self.levels.columns(self.x, count, start, end)
        return decimate(self.x, self.y, count, start, end)

    def stroke(self, count: int, start: float, end: float, *, log: bool) -> Stroke:
        """Line and band in ``count`` columns between two positions, exponents of ten if ``log``.

        A moving average is a line through the mean of each column, over the span of what was measured. Where more than
        :data:`DENSE` points share a column, so is the curve itself, over its own span. Otherwise the line passes
        through every value.
        """
        own = self.columns(count, start, end)
        own = own.logarithmic() if log else own
        if not self.averaged and own.count.sum() <= DENSE * np.count_nonzero(own.count):
            return Stroke(own)
        line = own.through(own.mean)
        around = own
        if self.measured is not None:
            around = self.measured.columns(count, start, end)
            around = around.logarithmic() if log else around
            line = around.through(own.mean)
        return Stroke(line) if self.dimmed or not self.band else Stroke(line, around.low, around.high)

    def at(self, x: float) -> float | None:
        """The value nearest to a position; None where there is none, or the position lies beyond the ends."""
        if not self.x.size or not self.x[0] <= x <= self.x[-1]:
            return None
        after = min(int(np.searchsorted(self.x, x)), self.x.size - 1)
        before = max(after - 1, 0)
        return float(self.y[before if x - self.x[before] < self.x[after] - x else after])

    def spread(self, x: float | None) -> float | None:
        """None: one curve has no spread."""
        return None


@dataclass(frozen=True, eq=False)
class Aggregate:
    """Several curves as their mean, and one standard deviation to both sides.

    Column by column, the mean of each curve counts once, however many points it has there. A curve takes part between
    its ends. On a logarithmic axis means and deviations are those of the logarithms.

    Args:
        name: shown literally in the legend.
        members: the curves.
        colour: RGB; the palette's next colour when None.
        dimmed: drawn behind those that are not, in a weaker colour and without band.
        band: whether the deviation is drawn.
        pattern: index into :data:`cr_tui.render.curves.plot.DASHES`, for terminals without colours.
    """

    name: str
    members: Sequence[Series]
    colour: Rgb | None = None
    dimmed: bool = False
    band: bool = True
    pattern: int = 0

    @property
    def ends(self) -> tuple[float, float] | None:
        """First and last position of any member; None without points."""
        found = [ends for member in self.members if (ends := member.ends) is not None]
        return (min(start for start, _ in found), max(end for _, end in found)) if found else None

    @property
    def newest(self) -> float | None:
        """The mean of the members' last values, as far as they are finite; None without points."""
        return _mean([member.newest for member in self.members])

    def stroke(self, count: int, start: float, end: float, *, log: bool) -> Stroke:
        """Mean and standard deviation in ``count`` columns between two positions, exponents of ten if ``log``."""
        reduced = [member.columns(count, start, end) for member in self.members]
        reduced = [columns.logarithmic() for columns in reduced] if log else reduced
        means = np.array([_bridged(columns.mean) for columns in reduced])
        there = ~np.isnan(means)
        number = there.sum(axis=0)
        known = np.where(there, means, 0.0)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            mean = known.sum(axis=0) / number
            squares = np.where(there, (means - mean) ** 2, 0.0).sum(axis=0)
            spread = np.sqrt(squares / np.maximum(number - 1, 1))
        line = _marks_of_all(reduced).through(mean)
        if self.dimmed or not self.band or len(self.members) < 2:
            return Stroke(line)
        return Stroke(line, mean - spread, mean + spread)

    def at(self, x: float) -> float | None:
        """The mean of the finite ones of the members' values nearest to a position; None where there is none."""
        return _mean([member.at(x) for member in self.members])

    def spread(self, x: float | None) -> float | None:
        """The standard deviation between the members, at a position or of their last values; None of fewer than 2."""
        values = [member.newest if x is None else member.at(x) for member in self.members]
        known = [value for value in values if value is not None and math.isfinite(value)]
        return float(np.std(known, ddof=1)) if len(known) > 1 else None


Curve = Series | Aggregate
"""What can be drawn in a chart."""


def x_span(curves: Sequence[Curve]) -> tuple[float, float] | None:
    """The first and the last position of any curve; None when there is no point."""
    found = [ends for curve in curves if (ends := curve.ends) is not None]
    return (min(start for start, _ in found), max(end for _, end in found)) if found else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    # A run that ended with NaN would hide what all others say; the chart marks it.
    finite = [value for value in known if math.isfinite(value)]
    return float(np.mean(finite or known)) if known else None


def _bridged(line: FloatArray) -> FloatArray:
    """A line with its gaps filled in, so that a curve with few points counts between them."""
    there = np.flatnonzero(~np.isnan(line))
    if there.size < 2:
        return line
    across = np.arange(there[0], there[-1] + 1)
    filled = line.copy()
    filled[across] = np.interp(across, there, line[there])
    return filled


def _marks_of_all(reduced: Sequence[Columns]) -> Columns:
    """Columns with a mark wherever any of these has one."""
    first = reduced[0]
    flags = {
        name: np.any([getattr(columns, name) for columns in reduced], axis=0)
        for name in ("nan", "above", "below", "not_positive")
    }
    counts = np.sum([columns.count for columns in reduced], axis=0)
    values = {name: getattr(first, name) for name in ("low", "high", "first", "last", "positive", "mean")}
    return Columns(**values, count=counts, **flags)
