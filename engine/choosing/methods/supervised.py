"""``supervised``: the FactorVAE score by the paper's protocol. It asks labels: an oracle to hold the others against."""

from __future__ import annotations

from engine.choosing.methods import PoolRanking
from engine.choosing.pool import Pool
from engine.choosing.scoring import score_run
from engine.errors import InputError
from engine.progress import PhaseProgress
from engine.selection import Ranking

_SCORE = "factor_vae"


def rank(pool: Pool) -> PoolRanking:
    """Score every member on the dataset's images and rank by the score.

    Raises:
        InputError: the dataset does not allow the score, or no member can be scored.
    """
    from engine.metrics.evaluation import obstacle_to

    lack = obstacle_to(pool.dataset, _SCORE)
    if lack:
        raise InputError(f"{lack}, so 'supervised' cannot rank by it")
    excluded = dict(pool.excluded)
    scores: dict[int, float] = {}
    for index, model in pool.models.items():
        try:
            result = score_run(
                pool.store,
                pool.records[index],
                [_SCORE],
                step=pool.steps[index],
                seed=pool.seed,
                progress=_in_one_phase(pool.progress, f"scoring {model.name}"),
                device=pool.device,
                dataset=pool.dataset,
            )
        except InputError as error:
            excluded[index] = str(error)
        else:
            scores[index] = result["scores"][_SCORE]
    included = pool.rankable("supervised", excluded)
    return PoolRanking(included, Ranking.from_scores([scores[index] for index in included]), excluded)


def _in_one_phase(progress: PhaseProgress, phase: str) -> PhaseProgress:
    """Report all phases of a score under one name."""
    return lambda _, done, total: progress(phase, done, total)
