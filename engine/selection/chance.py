"""Whether a pool agrees on anything: how well its pick fits the others, against models with unrelated bases."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.streams import stream_seed

POOLS = 100
"""How many random pools the level of chance is measured on."""
QUANTILE = 0.95


def agreement(margins: ArrayLike, model: int) -> float:
    """How well a model's codes fit those of the others, by the margin of votes (ours).

    The margin shows rotations that equal votes do not, and needs no further encoding. An encoder that is not exact
    loses as much on others' images as on its own. So the margin between two models is divided by the geometric mean of
    their margins with themselves (correction for attenuation, Spearman 1904).

    Args:
        margins: float ``[n, n]``, the cross-scores by margin, row = encoder, column = generator, all finite.
        model: index of the model.

    Returns:
        The mean over the other models; about 1 where all codes are the same up to order, sign and monotone warps. NaN
        for a pool of one.
    """
    m = np.array(margins, dtype=np.float64)
    if len(m) < 2:
        return float("nan")
    own = np.sqrt(np.outer(m.diagonal(), m.diagonal()))
    relative = np.divide((m + m.T) / 2, own, out=np.zeros_like(m), where=own > 0)
    return float(np.delete(relative[model], model).mean())


def agreement_by_chance(code_counts: Sequence[int], seed: int = 0) -> float:
    """The agreement that the medoid of a pool of models with unrelated bases rarely exceeds.

    The models of such a pool have found the same space, each along axes of its own: the codes of two models, all of
    unit variance, are a random rotation of each other. Where a generator's code is held fixed, an encoder's code keeps
    the variance 1 - c^2, with c the cosine between the two. The margin is the difference of the two largest c^2.

    One code cannot be rotated, and with two the level of chance is high: few codes give little evidence.

    Args:
        code_counts: number of codes of each model.
        seed: seed of the random rotations.

    Returns:
        The 95 % quantile over random pools of their medoid's agreement; NaN for fewer than two models.
    """
    n, dimensions = len(code_counts), max(code_counts, default=0)
    if n < 2:
        return float("nan")
    draws = np.random.default_rng(stream_seed(seed, "chance"))
    best = [_best_agreement(_random_bases(draws, n, dimensions), np.asarray(code_counts)) for _ in range(POOLS)]
    return float(np.quantile(best, QUANTILE))


def _random_bases(draws: np.random.Generator, n: int, dimensions: int) -> NDArray[np.float64]:
    """Random orthogonal matrices ``[n, dimensions, dimensions]`` (their signs are arbitrary, and vanish in squares)."""
    return np.asarray(np.linalg.qr(draws.standard_normal((n, dimensions, dimensions))).Q)


def _best_agreement(bases: NDArray[np.float64], counts: NDArray[np.int64]) -> float:
    n, dimensions = bases.shape[:2]
    present = np.arange(dimensions) < counts[:, None]
    # squares[j, f, i, c]: share of the variance of code c of encoder i that code f of generator j explains.
    columns = bases.transpose(1, 0, 2).reshape(dimensions, -1)
    squares = np.square(columns.T @ columns).reshape(n, dimensions, n, dimensions) * present
    winner = squares.argmax(axis=3)
    # Where there is no runner-up, one that the factor has no effect on stands in.
    ranked = np.sort(np.concatenate([squares, np.zeros((*winner.shape, 1))], axis=3), axis=3)
    weights = (ranked[..., -1] - ranked[..., -2]) * present[:, :, None]
    votes = (winner[..., None] == np.arange(dimensions)) * weights[..., None]
    scores = votes.max(axis=1).sum(axis=2) / counts[:, None]
    similarity = (scores + scores.T) / 2
    np.fill_diagonal(similarity, 0.0)
    return float(similarity.sum(axis=1).max() / (n - 1))
