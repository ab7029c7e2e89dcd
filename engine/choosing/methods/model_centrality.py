"""``model-centrality``: the medoid of the pool under the cross-scores (Lin et al. 2020)."""

from __future__ import annotations

import numpy as np

from engine.choosing.comparison import CentralityEvidence, exclusions, pairs_of, report_to
from engine.choosing.methods import CENTRALITY, PoolRanking
from engine.choosing.pool import Pool
from engine.selection import model_centrality


def rank(pool: Pool) -> PoolRanking:
    """Compare all pairs of members and rank by centrality; compare part of them where the pool has a budget."""
    n = len(pool.models)
    if pool.budget is not None and pool.budget < n * n:
        return _ranked_by_part(pool, pool.budget)
    from engine.selection.uncertainty import bootstrap, consensus

    pairs = pairs_of(pool)
    pairs.evaluate(np.ones((n, n), dtype=np.bool_), report_to(pool, pairs))
    scores = pairs.result()
    members, excluded = list(pool.models), exclusions(pool, scores.excluded)
    included = pool.rankable(CENTRALITY, excluded)
    own = scores.included
    ranking = model_centrality(scores.matrix[np.ix_(own, own)])
    if len(own) < 2:
        return PoolRanking(included, ranking, excluded, CentralityEvidence(scores, members))
    pool.progress("resampling votes", 0, 1)
    uncertainty = bootstrap(scores, own, ranking, pool.seed) if scores.voted else None
    evidence = CentralityEvidence(
        scores,
        members,
        uncertainty,
        consensus=consensus(scores, own, ranking.pick),
    )
    return PoolRanking(included, ranking, excluded, evidence, uncertainty.intervals if uncertainty else None)


def _ranked_by_part(pool: Pool, budget: int) -> PoolRanking:
    from engine.selection.halving import fast_medoid

    pairs = pairs_of(pool)
    found = fast_medoid(pairs, len(pool.models), budget, pool.seed, report_to(pool, pairs))
    scores = pairs.result()
    excluded = exclusions(pool, scores.excluded)
    included = pool.rankable(CENTRALITY, excluded)
    assert found is not None, "rankable() has raised where nothing can be ranked"
    intervals = found.intervals if len(included) > 1 else None
    evidence = CentralityEvidence(scores, list(pool.models), confidence=found.confidence)
    return PoolRanking(included, found.ranking, excluded, evidence, intervals)
