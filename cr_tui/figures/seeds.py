"""Curves of several seeds as one: mean and spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

POINTS = 300
"""Most points of a drawn curve. More cannot be told apart on paper, and would make a vector file heavy."""

_LARGEST = 1e100
"""Values from here on are left out like infinity: their squares overflow, and no axis could hold them."""

Series = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Steps int64 ``[n]``, ascending, and values float64 ``[n]``."""


@dataclass(frozen=True, eq=False)
class Spread:
    """Several seeds' curves as one.

    Attributes:
        steps: float64 ``[p]``, ascending.
        mean: float64 ``[p]``, over the seeds that have a value there; NaN where none has.
        deviation: float64 ``[p]``, the standard deviation over seeds (n - 1 in the denominator); NaN below two seeds.
        seeds: how many curves went into it.
    """

    steps: NDArray[np.float64]
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    seeds: int


def over_seeds(curves: Sequence[Series], points: int = POINTS) -> Spread | None:
    """Mean and standard deviation of curves at common steps.

    The steps from the first to the last are cut into at most ``points`` equal bins. Each curve gives the mean of its
    finite values in a bin. A bin without a value of a curve, between two that have one, takes what lies on the straight
    line between them; before a curve's first value and after its last one it counts as missing.

    Args:
        curves: one a seed.
        points: most bins.

    Returns:
        ``None`` where no curve has a finite value.
    """
    finite = [(steps[there], values[there]) for steps, values in curves for there in [np.abs(values) < _LARGEST]]
    finite = [(steps, values) for steps, values in finite if len(steps)]
    if not finite:
        return None
    every = np.unique(np.concatenate([steps for steps, _ in finite])).astype(np.float64)
    if len(every) > points:
        edges = np.linspace(every[0], every[-1], points + 1)
        centres = (edges[:-1] + edges[1:]) / 2
    else:
        centres = every
        edges = np.concatenate([[-np.inf], (every[:-1] + every[1:]) / 2, [np.inf]])
    rows = np.stack([_binned(steps, values, edges, centres) for steps, values in finite])
    count = np.isfinite(rows).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        mean = np.where(count > 0, np.nansum(rows, axis=0) / count, np.nan)
        squares = np.nansum(np.square(rows - mean), axis=0)
        deviation = np.where(count > 1, np.sqrt(squares / (count - 1)), np.nan)
    return Spread(centres, mean, deviation, len(finite))


def _binned(
    steps: NDArray[np.int64], values: NDArray[np.float64], edges: NDArray[np.float64], centres: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The mean of a curve's values in each bin; NaN before the first bin with a value and after the last."""
    place = np.clip(np.searchsorted(edges, steps, side="right") - 1, 0, len(centres) - 1)
    count = np.bincount(place, minlength=len(centres))
    there = np.flatnonzero(count)
    means = np.bincount(place, weights=values, minlength=len(centres))[there] / count[there]
    return np.interp(centres, centres[there], means, left=np.nan, right=np.nan)
