"""``rank-mean``: the mean of the ranks by ModelCentrality and by UDR: half of each other's blind spots (ours)."""

from __future__ import annotations

import numpy as np

from engine.choosing.methods import PoolRanking, model_centrality, udr
from engine.choosing.pool import Pool
from engine.selection import Ranking


def rank(pool: Pool) -> PoolRanking:
    """Rank by how many of the others a model is ahead of, as a share, averaged over both methods; ties count half.

    A member that either method leaves out is left out.
    """
    found = [model_centrality.rank(pool), udr.rank_by_lasso(pool)]
    excluded = found[0].excluded | found[1].excluded
    included = pool.rankable("rank-mean", excluded)
    shares = [_shares_behind(each, included) for each in found]
    return PoolRanking(included, Ranking.from_scores(np.mean(shares, axis=0)), excluded)


def _shares_behind(found: PoolRanking, included: list[int]) -> list[float]:
    """The share of the other members that each is ahead of; NaN for a pool of one."""
    from scipy.stats import rankdata

    scores = dict(zip(found.included, found.ranking.scores.tolist(), strict=True))
    if len(included) < 2:
        return [np.nan] * len(included)
    places = rankdata([scores[index] for index in included])
    return [float(place - 1) / (len(included) - 1) for place in places]
