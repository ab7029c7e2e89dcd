"""A pool in order of preference: what every way of choosing a model returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import InputError

TIE_DECIMALS = 12
"""Scores that agree to this many decimals are tied: rounding errors of a sum must not decide."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """A pool in order of preference.

    Args:
        scores: float64 ``[n]``, higher is better; NaN where there is no other model to compare with.
        order: int64 ``[n]``, the models' indices, best first.
    """

    scores: NDArray[np.float64]
    order: NDArray[np.int64]

    @classmethod
    def from_scores(cls, scores: ArrayLike) -> Ranking:
        """Rank by score, best first; ties go to the lower index, NaN goes last.

        Args:
            scores: float ``[n]``.

        Raises:
            InputError: the pool is empty.
        """
        values = np.array(scores, dtype=np.float64)
        if values.ndim != 1 or values.size == 0:
            raise InputError(f"a ranking needs one score for each of at least one model, not shape {values.shape}")
        return cls(values, np.argsort(-values.round(TIE_DECIMALS), kind="stable"))

    @property
    def pick(self) -> int:
        """Index of the best model."""
        return int(self.order[0])


def rank_ranges(intervals: ArrayLike) -> NDArray[np.int64]:
    """The ranks that each model may have, given how far its score is known.

    A model is surely better than another where its interval lies wholly above the other's. Intervals that touch leave
    the order open, so this errs on the side of wide ranges.

    Args:
        intervals: float ``[n, 2]``, lower and upper end of each score; NaN where a score is not known.

    Returns:
        int64 ``[n, 2]``, the best and the worst rank, from 1. Models without a score come after all others.
    """
    ends = np.asarray(intervals, dtype=np.float64).reshape(-1, 2)
    known = np.isfinite(ends).all(axis=1)
    low, high = np.where(known, ends[:, 0], -np.inf), np.where(known, ends[:, 1], -np.inf)
    better = (low[None, :] > high[:, None]).sum(axis=1)
    worse = (high[None, :] < low[:, None]).sum(axis=1)
    return np.stack([1 + better, len(ends) - worse], axis=1)
