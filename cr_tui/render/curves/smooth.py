"""Exponential moving averages that keep up with a growing series."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cr_tui.render.curves.decimate import FloatArray
from cr_tui.render.curves.pyramid import Levels, Pyramid

_SMALLEST_POWER = 1e-12
"""Values are averaged together in one stretch as long as the first still has this weight at the end."""


class Smoothed:
    """The exponential moving average of values that are appended.

    With weight ``w`` the average after value ``t`` is ``(1 - w) Σ w^(t-k) x_k / (1 - w^t)``: the usual recursion, begun
    at zero and corrected for that, so that the first values are not drawn towards zero. Values that are not finite
    leave the average as it is.

    Args:
        weight: weight of the past, in (0, 1).
    """

    def __init__(self, weight: float) -> None:
        self._weight = weight
        self._sum = 0.0
        self._share = 0.0
        self._pyramid = Pyramid()

    def __len__(self) -> int:
        return len(self._pyramid)

    @property
    def levels(self) -> Levels:
        """The averages so far, one for each value."""
        return self._pyramid.levels

    def extend(self, values: FloatArray) -> None:
        """Take in further values, float ``[n]``."""
        finite = np.isfinite(values)
        averages = np.concatenate([[self._average], self._averages(values[finite])])
        self._pyramid.extend(averages[np.cumsum(finite)])

    @property
    def _average(self) -> float:
        return self._sum / self._share if self._share else math.nan

    def _averages(self, values: FloatArray) -> FloatArray:
        length = max(int(math.log(_SMALLEST_POWER) / math.log(self._weight)), 1)
        stretches = [self._stretch(values[at : at + length]) for at in range(0, len(values), length)]
        return np.concatenate(stretches) if stretches else np.empty(0)

    def _stretch(self, values: FloatArray) -> NDArray[np.float64]:
        """The recursion over a short stretch, unrolled: sums of values that are scaled up by powers of the weight."""
        powers = self._weight ** np.arange(1, len(values) + 1)
        sums = powers * (self._sum + np.cumsum((1 - self._weight) * values / powers))
        shares = 1 - powers * (1 - self._share)
        self._sum, self._share = float(sums[-1]), float(shares[-1])
        return np.asarray(sums / shares, dtype=np.float64)
