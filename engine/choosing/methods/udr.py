"""``udr-lasso`` and ``udr-spearman``: Unsupervised Disentanglement Ranking on images of the dataset."""

from __future__ import annotations

from typing import Literal

from engine.choosing.methods import PoolRanking
from engine.choosing.pool import Pool
from engine.selection import udr


def rank_by_lasso(pool: Pool) -> PoolRanking:
    """Rank by :func:`engine.selection.udr` with Lasso coefficients."""
    return _ranked(pool, "lasso")


def rank_by_spearman(pool: Pool) -> PoolRanking:
    """Rank by :func:`engine.selection.udr` with rank correlations."""
    return _ranked(pool, "spearman")


def _ranked(pool: Pool, kind: Literal["lasso", "spearman"]) -> PoolRanking:
    name = f"udr-{kind}"
    excluded = pool.excluded | {index: codes for index, codes in pool.codes.items() if isinstance(codes, str)}
    included = pool.rankable(name, excluded)
    common = [codes for codes in pool.codes.values() if not isinstance(codes, str)]
    pool.progress(name, 0, 1)
    ranking = udr([each.codes for each in common], [each.kl for each in common], kind)
    return PoolRanking(included, ranking, excluded)
