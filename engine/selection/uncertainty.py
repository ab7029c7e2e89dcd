"""How sure a ranking by centrality is: intervals, the chance of each model to be the medoid, agreement by chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.selection.chance import agreement, agreement_by_chance
from engine.selection.cross_scores import CrossScores
from engine.selection.ranking import Ranking
from engine.selection.resampling import REPLICATES, centrality_replicates

CONFIDENCE = 0.95
_NORMAL_QUANTILE = 1.96
RESOLVED_DECIMALS = 6
"""Replicates are rounded to this, so that equal models tie: they are sums of 32-bit numbers."""


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """What resampling says of a ranking. It measures the noise of the votes, not that of the choice of the pool.

    Args:
        intervals: float64 ``[n, 2]``, where 95 % of the replicates of each centrality lie.
        medoid_probability: float64 ``[n]``, the share of replicates in which each model is the medoid; models that tie
            in a replicate share it.
        clear: whether the best model's lead over the second is above 0 in 97.5 % of the replicates.
        votes_to_settle: votes a pair at which this lead would be 1.96 times its standard error, if the lead stayed the
            same: the error falls with the root of the votes. None where it is clear already, or the lead is 0.
    """

    intervals: NDArray[np.float64]
    medoid_probability: NDArray[np.float64]
    clear: bool
    votes_to_settle: int | None


def bootstrap(
    scores: CrossScores, included: Sequence[int], ranking: Ranking, seed: int, replicates: int = REPLICATES
) -> Uncertainty:
    """Resample the votes behind a ranking by centrality (see :func:`engine.selection.resampling.column_replicates`).

    Args:
        scores: by votes, complete over ``included``.
        included: the ranked models, at least two.
        ranking: of these.
        seed: seed of the draws.
        replicates: number of replicates.
    """
    found = centrality_replicates(scores, included, seed, replicates)
    first, second = ranking.order[:2]
    lead = found[:, first] - found[:, second]
    # In a pool of two both centralities are the same number.
    observed = 0.0 if len(included) == 2 else float(ranking.scores[first] - ranking.scores[second])
    clear = bool(np.quantile(lead, (1 - CONFIDENCE) / 2).round(RESOLVED_DECIMALS) > 0)
    votes = max(len(scores.labels[index]) for index in included)
    return Uncertainty(
        intervals_of(found),
        _winning_shares(found),
        clear,
        None if clear else _votes_to_settle(observed, float(lead.std()), votes),
    )


def intervals_of(replicates: NDArray[np.float64]) -> NDArray[np.float64]:
    """The interval of each column's middle 95 %, float64 ``[n, 2]``, of replicates float64 ``[replicates, n]``."""
    tail = (1 - CONFIDENCE) / 2
    return np.quantile(replicates, (tail, 1 - tail), axis=0).T


def _winning_shares(replicates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the rows in which each column is the largest; columns that tie share a row."""
    rounded = replicates.round(RESOLVED_DECIMALS)
    best = rounded == rounded.max(axis=1, keepdims=True)
    return np.asarray((best / best.sum(axis=1, keepdims=True)).mean(axis=0))


def _votes_to_settle(lead: float, error: float, votes: int) -> int | None:
    """Votes a pair at which ``lead`` is ``1.96 * error``; None where no number would do."""
    if round(lead, RESOLVED_DECIMALS) <= 0:
        return None
    return math.ceil(votes * (_NORMAL_QUANTILE * error / lead) ** 2)


@dataclass(frozen=True)
class Consensus:
    """Whether the pool agrees on a basis at all.

    Args:
        agreement: of the pick with the others, see :func:`engine.selection.chance.agreement`.
        by_chance: the agreement that the medoid of models with unrelated bases rarely exceeds.
    """

    agreement: float
    by_chance: float

    @property
    def present(self) -> bool:
        """Whether the pick agrees with the others better than by chance."""
        return self.agreement > self.by_chance


def consensus(scores: CrossScores, included: Sequence[int], pick: int) -> Consensus:
    """Compare the pick's agreement with the others to the agreement by chance.

    Args:
        scores: complete over ``included``, the diagonal too.
        included: the ranked models, at least two.
        pick: the place of the best model in ``included``.
    """
    counts = [len(scores.comparisons[index, index].table) for index in included]
    margins = scores.margins[np.ix_(included, included)]
    return Consensus(agreement(margins, pick), agreement_by_chance(counts))
