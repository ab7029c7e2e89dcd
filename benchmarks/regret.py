"""What a selector loses against a perfect one, over pools drawn from many trained models.

A selector picks one model of a pool without labels. Its regret by a score is the pool's best score minus the score of
the pick. Pools are drawn from a larger collection of models. Models that share something (a trunk, a seed) form a unit,
and a pool has at most one model of each unit. Pools overlap, so their regrets are not independent draws: the interval
of a mean comes from the jackknife over units (Efron & Stein 1981), which for a mean over all pools is that of a
U-statistic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, t

from differences import half_width

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

Selector = Callable[[IntArray], FloatArray]
"""Takes pools of models int64 ``[pools, size]`` and gives a score for each member, higher is better."""

RANDOM = "a random model"
BEST = "the best by FactorVAE"
_AT_ONCE = 2_000
"""Pools ranked at a time, which bounds memory."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """A mean over pools with its 95 % interval, one entry a score.

    Args:
        mean: float64.
        half_width: of the interval, float64.
        freedom: degrees of freedom of Student's t behind the interval.
    """

    mean: FloatArray
    half_width: FloatArray
    freedom: int

    def resolved(self, comparisons: int) -> NDArray[np.bool_]:
        """Where zero is left out by the interval that so many comparisons take together (Bonferroni)."""
        one, all_ = (float(t.ppf(1 - 0.025 / number, self.freedom)) for number in (1, comparisons))
        return np.abs(self.mean) > self.half_width * all_ / one


def centrality_selector(matrix: FloatArray) -> Selector:
    """The medoid of a pool, from the cross-scores ``[n, n]`` of all models (row = encoder, column = generator).

    A model that was not compared, whose row and column are NaN, is behind all others.
    """
    similarity: FloatArray = (matrix + matrix.T) / 2
    compared = np.isfinite(similarity.diagonal())
    np.fill_diagonal(similarity, 0.0)

    def scores(pools: IntArray) -> FloatArray:
        within: FloatArray = np.nansum(similarity[pools[:, :, None], pools[:, None, :]], axis=2)
        return np.where(compared[pools], within, -np.inf)

    return scores


def udr_selector(pairs: FloatArray) -> Selector:
    """UDR within a pool, from :func:`engine.selection.stability.udr_pairs` of all models."""
    alone = pairs.copy()
    np.fill_diagonal(alone, np.nan)

    def scores(pools: IntArray) -> FloatArray:
        within: FloatArray = np.nanmedian(alone[pools[:, :, None], pools[:, None, :]], axis=1)
        return within

    return scores


def supervised_selector(score: FloatArray) -> Selector:
    """The best by a score that needs labels, ``[n]``."""

    def scores(pools: IntArray) -> FloatArray:
        within: FloatArray = score[pools]
        return within

    return scores


def rank_mean_selector(*selectors: Selector) -> Selector:
    """The mean of the ranks within a pool by several selectors; ties share the mean of their ranks."""

    def scores(pools: IntArray) -> FloatArray:
        ranks: FloatArray = np.mean([rankdata(selector(pools), axis=1) for selector in selectors], axis=0)
        return ranks

    return scores


def draw_pools(units: IntArray, size: int, pools: int, seed: int = 0) -> IntArray:
    """Pools int64 ``[pools, size]`` of models from distinct units, each unit equally likely.

    Args:
        units: the unit of each model, int64 ``[n]``.
        size: models in a pool.
        pools: how many pools.
        seed: of the draws.

    Raises:
        ValueError: there are fewer units than a pool has models.
    """
    names = np.unique(units)
    if len(names) < size:
        raise ValueError(f"a pool of {size} needs as many independent units, but there are {len(names)}")
    draws = np.random.default_rng(seed)
    chosen = names[draws.random((pools, len(names))).argsort(axis=1)[:, :size]]
    members = {int(unit): np.flatnonzero(units == unit) for unit in names}
    found = np.empty((pools, size), dtype=np.int64)
    for unit, models in members.items():
        where = chosen == unit
        found[where] = draws.choice(models, size=int(where.sum()))
    return found


def regrets(selectors: Mapping[str, Selector], truth: FloatArray, pools: IntArray) -> dict[str, FloatArray]:
    """The regret of each selector in each pool by each score, float64 ``[pools, scores]``; also of a random model.

    Args:
        selectors: by name.
        truth: the supervised scores of all models, float64 ``[n, scores]``.
        pools: from :func:`draw_pools`. Ties between members go to a random one of them, because pools are shuffled.
    """
    parts: dict[str, list[FloatArray]] = {name: [] for name in (*selectors, RANDOM)}
    for start in range(0, len(pools), _AT_ONCE):
        some = pools[start : start + _AT_ONCE]
        within = truth[some]
        best = within.max(axis=1)
        parts[RANDOM].append(best - within.mean(axis=1))
        for name, selector in selectors.items():
            picks = selector(some).argmax(axis=1)
            parts[name].append(best - within[np.arange(len(some)), picks])
    return {name: np.concatenate(rows) for name, rows in parts.items()}


def estimate_of_independent(values: FloatArray) -> Estimate:
    """The mean of ``values`` ``[pools, scores]`` of pools that share no model, with its 95 % interval (Student's t).

    One pool alone has no interval: its half width is NaN.
    """
    return Estimate(values.mean(axis=0), half_width(values), len(values) - 1)


def estimate(values: FloatArray, units: IntArray, pools: IntArray) -> Estimate:
    """The mean of ``values`` ``[pools, scores]`` with its 95 % interval by the jackknife over units.

    Raises:
        ValueError: a unit is in every pool, so nothing is left without it.
    """
    names = np.unique(units)
    holds = np.zeros((len(pools), len(names)), dtype=np.bool_)
    places = np.searchsorted(names, units[pools])
    holds[np.arange(len(pools))[:, None], places] = True
    free = ~holds
    if not free.any(axis=0).all():
        raise ValueError("a unit is in every pool; draw more or smaller pools")
    without = (free.T.astype(np.float64) @ values) / free.sum(axis=0)[:, None]
    count = len(names)
    variance = (count - 1) / count * ((without - without.mean(axis=0)) ** 2).sum(axis=0)
    quantile = float(t.ppf(0.975, count - 1))
    return Estimate(values.mean(axis=0), quantile * np.sqrt(variance), count - 1)
