"""How well one encoder's codes fit one generator's: the votes, and cross-scores by any supervised score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError
from engine.metrics.scores.dci import dci
from engine.metrics.scores.sap import sap
from engine.metrics.votes import NO_VOTE, votes_from_std
from engine.selection import SIMILARITIES
from engine.selection.pair_statistics import PairStatistics

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ballot:
    """The votes of one encoder on one generated set.

    Args:
        votes: int16 ``[m]``, the encoder's code that moved least in each group, -1 for none.
        weights: float32 ``[m]``, what each vote counts: 1, or how far the winner is ahead.
    """

    votes: NDArray[np.int16]
    weights: NDArray[np.float32]

    def table(self, labels: NDArray[np.int64], codes: int, factors: int) -> FloatArray:
        """Votes for each code while each factor was held fixed, float64 ``[codes, factors]``.

        Args:
            labels: the fixed factor of each group, int64 ``[m]``.
            codes: number of the encoder's codes.
            factors: number of the generator's codes.
        """
        table = np.zeros((codes, factors))
        given = self.votes != NO_VOTE
        np.add.at(table, (self.votes[given], labels[given]), self.weights[given])
        return table

    def score(self, labels: NDArray[np.int64], codes: int, factors: int) -> float:
        """Votes for each code's commonest factor, as a share of all groups. With weights of 1: FactorVAE's score."""
        return float(self.table(labels, codes, factors).max(axis=1).sum() / len(labels))


def equal_votes(statistics: PairStatistics) -> Ballot:
    """FactorVAE's votes: the code with the smallest standard deviation relative to its scale, each counting 1."""
    votes = votes_from_std(statistics.deviations.astype(np.float64), statistics.scale)
    return Ballot(votes.astype(np.int16), np.ones(len(votes), dtype=np.float32))


def weighted_votes(statistics: PairStatistics) -> Ballot:
    """The same votes, each counting by how far the winner is ahead (ours).

    A code's variance in a group, relative to its variance over all images, is 0 where only the fixed factor moves it
    and 1 where the factor has no effect on it. A vote counts the runner-up's relative variance less the winner's: 1
    where one code follows the factor and no other does, cos 2a where a pair of codes is rotated by the angle a in its
    plane.
    """
    ballot = equal_votes(statistics)
    live = statistics.scale > 0
    relative = statistics.deviations[:, live] / statistics.scale[live]
    shares = np.minimum(np.square(relative), 1.0)
    # Where there is no runner-up, one that the factor has no effect on stands in.
    ranked = np.sort(np.column_stack([shares, np.ones((len(shares), 2))]), axis=1)
    return Ballot(ballot.votes, (ranked[:, 1] - ranked[:, 0]).astype(np.float32))


def _mig(statistics: PairStatistics) -> float:
    information = np.vstack([statistics.information, np.zeros((1, statistics.information.shape[1]))])
    ranked = np.sort(information, axis=0)
    return float((ranked[-1] - ranked[-2]).mean())


def _sap(statistics: PairStatistics) -> float:
    codes, factors = _sample(statistics)
    return sap(codes, factors, [True] * factors.shape[1])


def _dci(statistics: PairStatistics) -> float:
    """The mean of DCI's disentanglement, which is blind to a factor without a code, and completeness, which is not."""
    found = dci(*_sample(statistics), "lasso")
    return (found.disentanglement + found.completeness) / 2


def _sample(statistics: PairStatistics) -> tuple[FloatArray, FloatArray]:
    """A few codes ``[n, d]`` and factors ``[n, w]`` that have exactly the correlations that were kept.

    Squared correlations and a Lasso of standardised variables depend on the data through its correlations only, so they
    score this sample as they would the whole set. Helmert's contrasts turn a root of the correlation matrix into
    samples of zero mean.
    """
    from scipy.linalg import helmert

    values, vectors = np.linalg.eigh(statistics.correlations)
    root = np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T
    n = len(root) + 1
    # Dead codes stay exactly 0 in spite of rounding in the eigenvectors.
    sample = np.where(np.diag(statistics.correlations) > 0, np.sqrt(n) * helmert(n).T @ root, 0.0)
    d = len(statistics.scale)
    return sample[:, :d], sample[:, d:]


READ_OFF: dict[str, Callable[[PairStatistics], float]] = {"mig": _mig, "dci": _dci, "sap": _sap}
"""Similarities that are read off the images that give a set's scale, with latents as labels. The others count votes."""


def check_similarity(name: str) -> None:
    """Refuse a similarity that does not exist.

    Raises:
        InputError: with the names that do.
    """
    if name not in SIMILARITIES:
        raise InputError(f"there is no similarity '{name}'; use {', '.join(SIMILARITIES)}")
