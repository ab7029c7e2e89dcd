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
