"""``ica``: how nearly the codes are their own independent components (ours)."""

from __future__ import annotations

from engine.choosing.methods import PoolRanking
from engine.choosing.pool import Pool
from engine.errors import InputError
from engine.selection import Ranking
from engine.selection.independent import components_of


def rank(pool: Pool) -> PoolRanking:
    """Rank by the mean squared correlation of each code with its independent component.

    It judges each model by itself: what the other models of the pool share does not count. A model of whose codes ICA
    cannot know the components is left out. It does not see which factors are in no code.
    """
    excluded = dict(pool.excluded)
    scores: dict[int, float] = {}
    for done, (index, codes) in enumerate(pool.codes.items()):
        pool.progress("independent components", done, len(pool.codes))
        if isinstance(codes, str):
            excluded[index] = codes
            continue
        try:
            found = components_of(pool.models[index], codes, pool.seed)
        except InputError as error:
            excluded[index] = str(error)
            continue
        if found.doubt:
            excluded[index] = found.doubt
        elif not found.took_part.any():
            excluded[index] = "none of its codes says anything about the images"
        else:
            scores[index] = found.agreement
    included = pool.rankable("ica", excluded)
    return PoolRanking(included, Ranking.from_scores([scores[index] for index in included]), excluded)
