"""The medoid of a large pool from few comparisons: correlated sequential halving (Baharav & Tse 2019, algorithm 1)."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError
from engine.progress import Progress
from engine.selection.centrality import mean_of_known, similarities
from engine.selection.cross_scores import CrossScores, Pairs
from engine.selection.ranking import Ranking
from engine.selection.resampling import REPLICATES, column_replicates
from engine.selection.uncertainty import RESOLVED_DECIMALS, intervals_of
from engine.streams import stream_seed

FloatArray = NDArray[np.float64]

_FIRST_REFERENCES = 2
"""In the first round. A single reference would itself have no model to be compared with."""


@dataclass(frozen=True)
class Round:
    """One halving.

    Args:
        survivors: models that were still in the race.
        references: models that all survivors have been compared with by now.
    """

    survivors: tuple[int, ...]
    references: tuple[int, ...]

    def without(self, excluded: Container[int]) -> Round:
        """The same round without models that turned out not to be comparable."""
        return Round(*(tuple(i for i in group if i not in excluded) for group in (self.survivors, self.references)))


@dataclass(frozen=True, eq=False)
class FastMedoid:
    """What part of the matrix says of the medoid.

    Args:
        included: the models that take part.
        ranking: of these. A model that left in a later round is above those that left earlier; within a round the mean
            similarity to the references decides. That mean is the score. It estimates the centrality, from fewer models
            the earlier a model left.
        intervals: float64 ``[included, 2]``, where 95 % of the bootstrap replicates of the scores lie.
        confidence: share of replicates in which the pick stays ahead of every model in the round where they parted.
        rounds: the rounds, first to last.
    """

    included: list[int]
    ranking: Ranking
    intervals: FloatArray
    confidence: float
    rounds: tuple[Round, ...]


def default_budget(n: int) -> int:
    """Pairs that usually suffice: 4 n log2 n, measured in docs/selection.md."""
    return max(least_budget(n), 4 * n * math.ceil(math.log2(max(n, 2))))


def least_budget(n: int) -> int:
    """Pairs below which a round would have no reference."""
    return sum(_least_costs(n))


def fast_medoid(
    pairs: Pairs, n: int, budget: int, seed: int = 0, progress: Progress | None = None
) -> FastMedoid | None:
    """Find the medoid with about ``budget`` comparisons instead of n².

    In each of log2(n) rounds all models that are still in are compared, both ways, with the same randomly chosen
    reference models, and the half with the larger mean similarity to all references so far stays. Sharing references
    makes the differences between models far less noisy than their means (the "correlated" of the name). Unlike the
    paper's, later rounds keep the references of earlier ones, which costs nothing. What is compared does not depend on
    what the cache holds.

    The confidence comes from replicates in which the references are drawn anew with replacement, scaled by the root of
    the share of the pool that was no reference (finite population), and the votes as in
    :func:`engine.selection.resampling.column_replicates`; scores without votes have the first part only.

    Args:
        pairs: compares the models; afterwards its result holds what was compared.
        n: number of models.
        budget: most comparisons (pairs of encoder and generator).
        seed: seed of the choice of references and of the replicates.
        progress: called with how many pairs are done, and how many there are; it begins anew with each round.

    Returns:
        The medoid, or None where no model can be compared.

    Raises:
        InputError: the budget is below :func:`least_budget`.
    """
    if budget < least_budget(n):
        raise InputError(
            f"a budget of {budget} pairs is too small for {n} models; give at least {least_budget(n)}, "
            f"or nothing to compare all {n * n}"
        )
    order = np.random.default_rng(stream_seed(seed, "order", str(n))).permutation(n).tolist()
    survivors = list(range(n))
    references: list[int] = []
    rounds: list[Round] = []
    for fresh in _fresh_references(n, budget):
        wanted = len(references) + fresh
        # Repeated where references turn out to be broken; their cost comes on top of the budget.
        while len(references) < wanted:
            unused = [index for index in order if index not in references and index not in pairs.excluded]
            if not unused:
                break
            references += unused[: wanted - len(references)]
            _compare(pairs, n, survivors, references, progress)
            references = [index for index in references if index not in pairs.excluded]
        rounds.append(Round(tuple(survivors), tuple(references)).without(pairs.excluded))
        if not rounds[-1].survivors:
            break
        survivors = _better_half(pairs.result(), rounds[-1])
    if len(pairs.result().included) == 1:
        # All others are broken. Comparing this model with itself shows whether it is broken too.
        pairs.evaluate(np.eye(n, dtype=np.bool_), progress)
    found = pairs.result()
    held = [this.without(found.excluded) for this in rounds]
    return _judged(found, [this for this in held if this.survivors], seed) if found.included else None


def _least_costs(n: int) -> list[int]:
    """Pairs of each round with as few references as it can have."""
    return [2 * size * (1 if place else _FIRST_REFERENCES) for place, size in enumerate(_sizes(n))]


def _fresh_references(n: int, budget: int) -> list[int]:
    """How many references each round adds: as many as its equal share of the budget pays for.

    A round gets less where the later rounds would not have enough for the fewest references they can do with.
    """
    sizes, least = _sizes(n), _least_costs(n)
    fresh: list[int] = []
    for place, size in enumerate(sizes):
        share = max(least[place], budget // (len(sizes) - place))
        fresh.append(min(share, budget - sum(least[place + 1 :])) // (2 * size))
        budget -= 2 * size * fresh[-1]
    return fresh


def _sizes(n: int) -> list[int]:
    """Models at the start of each round."""
    sizes = [n]
    while sizes[-1] > 2:
        sizes.append(math.ceil(sizes[-1] / 2))
    return sizes


def _compare(
    pairs: Pairs, n: int, survivors: Sequence[int], references: Sequence[int], progress: Progress | None
) -> None:
    wanted = np.zeros((n, n), dtype=np.bool_)
    wanted[np.ix_(survivors, references)] = True
    wanted |= wanted.T
    np.fill_diagonal(wanted, False)
    pairs.evaluate(wanted, progress)


def _similarities(scores: CrossScores, this: Round) -> FloatArray:
    """S between the models of a round and its references, float64 ``[survivors, references]``."""
    return similarities(scores.matrix)[np.ix_(this.survivors, this.references)]


def _better_half(scores: CrossScores, this: Round) -> list[int]:
    order = Ranking.from_scores(mean_of_known(_similarities(scores, this))).order
    return [this.survivors[place] for place in order[: math.ceil(len(order) / 2)]]


def _judged(scores: CrossScores, rounds: Sequence[Round], seed: int) -> FastMedoid:
    """Rank all models by the round in which they left, and replay the comparisons with other draws."""
    included = scores.included
    parted = {index: place for place, this in enumerate(rounds) for index in this.survivors}
    pick = _better_half(scores, rounds[-1])[0]
    estimates: dict[int, float] = {}
    intervals: dict[int, FloatArray] = {}
    beaten, tied = np.zeros(REPLICATES, dtype=np.bool_), np.zeros(REPLICATES)
    noise = _noise(scores, seed)
    for place in reversed(range(len(rounds))):
        this = rounds[place]
        means, replicates = _replicated(scores, this, noise, seed + place)
        left = [row for row, index in enumerate(this.survivors) if parted[index] == place]
        if not left:
            continue
        for row in [left[place] for place in Ranking.from_scores(means[left]).order]:
            estimates[this.survivors[row]] = means[row]
            intervals[this.survivors[row]] = intervals_of(replicates[:, [row]])[0]
        rivals = [row for row in left if this.survivors[row] != pick]
        lead = (replicates[:, [this.survivors.index(pick)]] - replicates[:, rivals]).round(RESOLVED_DECIMALS)
        beaten |= (lead < 0).any(axis=1)
        tied += (lead == 0).sum(axis=1)
    # Insertion is by round, last first, and by estimate within it.
    order = [included.index(index) for index in estimates]
    ranking = Ranking(np.array([estimates[index] for index in included]), np.array(order, dtype=np.int64))
    confidence = float(np.where(beaten, 0.0, 1 / (1 + tied)).mean())
    return FastMedoid(included, ranking, np.stack([intervals[index] for index in included]), confidence, tuple(rounds))


Noise = Callable[[int, int], NDArray[np.float32]]


def _noise(scores: CrossScores, seed: int) -> Noise:
    """Replicates of a pair's score less the score itself, float32 ``[replicates]``; a column is made when needed."""
    made: dict[int, dict[int, NDArray[np.float32]]] = {}

    def of(i: int, j: int) -> NDArray[np.float32]:
        if j not in made:
            known = [int(row) for row in np.flatnonzero(np.isfinite(scores.matrix[:, j])) if row != j]
            found = column_replicates(scores, j, known, seed) - scores.matrix[known, j].astype(np.float32)
            made[j] = dict(zip(known, found.T, strict=True))
        return made[j][i]

    return of


def _replicated(scores: CrossScores, this: Round, noise: Noise, seed: int) -> tuple[FloatArray, FloatArray]:
    """Mean similarities to the references ``[survivors]``, and replicates of them ``[replicates, survivors]``."""
    known = _similarities(scores, this)
    means, there = mean_of_known(known), np.isfinite(known)
    t = len(this.references)
    draws = np.random.default_rng(stream_seed(seed, "replicates"))
    weights = draws.multinomial(t, np.full(t, 1 / t), REPLICATES).astype(np.float64)
    drawn = weights @ there.T
    sums = weights @ np.where(there, known, 0.0).T
    resampled = np.divide(sums, drawn, out=np.broadcast_to(means, drawn.shape).copy(), where=drawn > 0)
    unseen = max(0.0, 1 - (t - 1) / (len(scores.included) - 1)) if len(scores.included) > 1 else 0.0
    replicates = means + (resampled - means) * math.sqrt(unseen)
    if scores.voted:
        for row, index in enumerate(this.survivors):
            own = [noise(index, j) + noise(j, index) for j in this.references if j != index]
            replicates[:, row] += np.sum(own, axis=0) / (2 * max(len(own), 1))
    return means, replicates
