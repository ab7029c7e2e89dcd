"""How far codes spread, and which are dead."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.metrics.checks import as_codes

DEAD_SPREAD = 1e-6
"""A code is dead if its standard deviation is at most this share of its largest magnitude: float32 resolves no more."""


def standard_deviation(codes: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Standard deviation (ddof 0) along ``axis``; exactly 0 for equal values.

    The first value is subtracted before averaging. That does not change the result, but without it equal values would
    leave a rounding error of about 1e-17, and chance would decide which of two constant codes has the smaller spread.

    Args:
        codes: float64, any shape.
        axis: the axis of the samples.
    """
    # This is np.std without its second copy of all codes, which takes as long as the sums.
    moved = codes - np.take(codes, [0], axis=axis)
    moved -= moved.mean(axis=axis, keepdims=True)
    moved *= moved
    return np.asarray(np.sqrt(moved.mean(axis=axis)), dtype=np.float64)


def is_dead(codes: ArrayLike) -> NDArray[np.bool_]:
    """Whether each code is dead: the same for every image, up to the resolution of float32.

    Args:
        codes: float ``[n, d]``.

    Returns:
        bool ``[d]``.

    Raises:
        InputError: ``codes`` have the wrong shape or are not finite.
    """
    return np.asarray(live_scale(codes) == 0)


def live_scale(codes: ArrayLike) -> NDArray[np.float64]:
    """Standard deviation of each code (ddof 0), exactly 0 for dead ones: the scale of FactorVAE's votes.

    Args:
        codes: float ``[n, d]``.

    Returns:
        float64 ``[d]``.

    Raises:
        InputError: ``codes`` have the wrong shape or are not finite.
    """
    array = as_codes(codes)
    return without_dead(standard_deviation(array, axis=0), np.abs(array).max(axis=0))


def without_dead(scale: NDArray[np.float64], magnitude: NDArray[np.float64]) -> NDArray[np.float64]:
    """``scale`` with exactly 0 for dead codes.

    Args:
        scale: float64 ``[d]``, standard deviations.
        magnitude: float64 ``[d]``, largest absolute values.
    """
    return np.where(scale > DEAD_SPREAD * magnitude, scale, 0.0)


def standardised(
    fitted: NDArray[np.float64], scored: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both arrays, standardised by the mean and standard deviation of the first. Columns that are dead in it become 0.

    Args:
        fitted: float64 ``[n, d]``.
        scored: float64 ``[t, d]``; if it is the same array as ``fitted``, so are both results.
    """
    centre, scale = fitted.mean(axis=0), live_scale(fitted)
    dead = scale == 0
    divisor = np.where(dead, 1.0, scale)

    def in_its_units(values: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = values - centre
        found /= divisor
        found[:, dead] = 0.0
        return found

    of_fitted = in_its_units(fitted)
    return of_fitted, of_fitted if scored is fitted else in_its_units(scored)
