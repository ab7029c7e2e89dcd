"""``most-trained``: the run with the most updates."""

from __future__ import annotations

from engine.choosing.methods import PoolRanking
from engine.choosing.pool import Pool
from engine.selection.ranking import Ranking


def rank(pool: Pool) -> PoolRanking:
    """Rank the members by their number of updates."""
    included = pool.rankable("most-trained", pool.excluded)
    return PoolRanking(included, Ranking.from_scores([pool.steps[index] for index in included]), pool.excluded)
