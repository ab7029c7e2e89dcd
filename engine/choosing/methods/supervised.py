"""``supervised``: the FactorVAE score by the paper's protocol. It asks labels: an oracle to hold the others against."""

from __future__ import annotations

import numpy as np

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
    from engine.metrics.evaluation_sets import SetSizes

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
    shares = [scores[index] for index in included]
    votes = SetSizes.of_dataset("paper", pool.dataset).groups
    intervals = np.array([_interval(share, votes) for share in shares])
    return PoolRanking(included, Ranking.from_scores(shares), excluded, intervals=intervals)


def _interval(share: float, votes: int) -> tuple[float, float]:
    """The 95 % interval of a score that is a share of votes, for the noise of drawing them (Wilson 1927).

    Beside a score of 1 it still has a width, where an interval by the normal distribution has none.
    """
    from scipy.stats import binomtest

    low, high = binomtest(round(share * votes), votes).proportion_ci(method="wilson")
    return float(low), float(high)


def _in_one_phase(progress: PhaseProgress, phase: str) -> PhaseProgress:
    """Report all phases of a score under one name."""
    return lambda _, done, total: progress(phase, done, total)
