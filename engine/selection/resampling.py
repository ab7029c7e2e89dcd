"""The bootstrap of votes: cross-scores as other draws of the generated sets might have given them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.metrics.votes import NO_VOTE
from engine.selection.cross_scores import CrossScores
from engine.streams import stream_seed

REPLICATES = 1000
"""Bootstrap replicates: the usual number for 95 % intervals (Efron & Tibshirani 1993, section 13.3: at least 1,000)."""
NEIGHBOURS = 10
"""How many groups are drawn from each other: half of the fewest groups that a code has."""
_ROWS = 4_000_000
"""Most replicated table entries in memory at a time."""


def column_replicates(
    scores: CrossScores, j: int, encoders: Sequence[int], seed: int, replicates: int = REPLICATES
) -> NDArray[np.float32]:
    """Bootstrap the scores of several encoders on one generator's set (Efron 1979).

    The groups of the set are drawn anew with replacement among those of the same fixed code. Where values are
    stratified, each is drawn from its neighbours only: about ten groups with successive values. For another such set
    would differ near each value, but not in which values there are. All encoders get the same draws, because they voted
    on the same groups: noise that they share stays shared. The largest of resampled counts is biased upwards, so the
    replicates are shifted to have the observed scores as their mean.

    Args:
        scores: holds votes of every encoder on that set.
        j: the generator.
        encoders: the encoders whose scores are resampled.
        seed: seed of the draws, together with ``j``.
        replicates: number of replicates.

    Returns:
        float32 ``[replicates, encoders]``.
    """
    labels = scores.labels[j]
    draws = np.random.default_rng(stream_seed(seed, "images", str(j)))
    counts = {
        int(fixed): _draws(int(size), NEIGHBOURS if scores.stratified else int(size), replicates, draws)
        for fixed, size in zip(*np.unique(labels, return_counts=True), strict=True)
    }
    codes = max(len(scores.comparisons[i, j].table) for i in encoders)
    batch = max(1, _ROWS // (replicates * codes))
    parts = [
        _batch_replicates(scores, j, encoders[start : start + batch], codes, counts)
        for start in range(0, len(encoders), batch)
    ]
    found = np.concatenate(parts, axis=1)
    observed = scores.matrix[list(encoders), j].astype(np.float32)
    # Drawing n from the same n has (n - 1) / n of the variance that n new ones would have, which matters for ten.
    n = NEIGHBOURS if scores.stratified else len(labels) / len(counts)
    stretch = np.float32(np.sqrt(n / (n - 1)))
    shifted: NDArray[np.float32] = observed + stretch * (
        found - found.mean(axis=0, dtype=np.float64).astype(np.float32)
    )
    return shifted


def _draws(groups: int, neighbours: int, replicates: int, draws: np.random.Generator) -> NDArray[np.float32]:
    """How often each group of one fixed code is drawn, ``[replicates, groups]``, each from its neighbours."""
    sizes = [len(part) for part in np.array_split(np.arange(groups), max(1, groups // neighbours))]
    drawn = [draws.multinomial(size, np.full(size, 1 / size), replicates) for size in sizes]
    return np.concatenate(drawn, axis=1).astype(np.float32)


def _batch_replicates(
    scores: CrossScores, j: int, encoders: Sequence[int], codes: int, counts: dict[int, NDArray[np.float32]]
) -> NDArray[np.float32]:
    labels = scores.labels[j]
    votes = np.stack([scores.comparisons[i, j].ballot.votes for i in encoders], axis=1).astype(np.int64)
    weights = np.stack([scores.comparisons[i, j].ballot.weights for i in encoders], axis=1)
    cells = np.zeros((len(votes), len(encoders), codes), dtype=np.float32)
    groups, places = np.nonzero(votes != NO_VOTE)
    cells[groups, places, votes[groups, places]] = weights[groups, places]
    best: NDArray[np.float32] | None = None
    for fixed, drawn in counts.items():
        table = drawn @ cells[labels == fixed].reshape(drawn.shape[1], -1)
        best = table if best is None else np.maximum(best, table, out=best)
    assert best is not None
    agreeing: NDArray[np.float32] = best.reshape(len(best), len(encoders), codes).sum(axis=2) / np.float32(len(labels))
    return agreeing


def centrality_replicates(
    scores: CrossScores, included: Sequence[int], seed: int, replicates: int = REPLICATES
) -> NDArray[np.float64]:
    """Bootstrap each model's centrality, the mean similarity to all others.

    Args:
        scores: holds votes of all pairs of ``included``.
        included: the models, at least two.
        seed: seed of the draws.
        replicates: number of replicates.

    Returns:
        float64 ``[replicates, included]``.
    """
    found = np.zeros((replicates, len(included)))
    for place, j in enumerate(included):
        others = [i for i in included if i != j]
        column = column_replicates(scores, j, others, seed, replicates).astype(np.float64)
        found[:, place] += column.sum(axis=1)
        found[:, [p for p in range(len(included)) if p != place]] += column
    return found / (2 * (len(included) - 1))
