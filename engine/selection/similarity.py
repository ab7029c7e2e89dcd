"""What one encoder's codes on one generated set say: the votes, and a cross-score by any supervised score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError
from engine.metrics.dci_score import dci
from engine.metrics.sap_score import sap
from engine.metrics.votes import NO_VOTE, votes_from_std
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
        """What was voted for each code while each factor stood still, float64 ``[codes, factors]``.

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
        """What each code was voted for its commonest factor, as a share of all votes: with weights 1, FactorVAE's."""
        return float(self.table(labels, codes, factors).max(axis=1).sum() / len(labels))


def equal_votes(statistics: PairStatistics) -> Ballot:
    """FactorVAE's votes: the code with the smallest standard deviation relative to its scale, each counting 1."""
    votes = votes_from_std(statistics.deviations.astype(np.float64), statistics.scale)
    return Ballot(votes.astype(np.int16), np.ones(len(votes), dtype=np.float32))


def weighted_votes(statistics: PairStatistics) -> Ballot:
    """The same votes, each counting by how far the winner is ahead (ours).

    A code's variance in a group, relative to its variance over all images, is 0 where the fixed factor is all that
    moves it and 1 where the factor is nothing to it. A vote counts the runner-up's less the winner's: 1 where one code
    follows the factor and no other does, cos 2a where a pair of codes is rotated by the angle a in its plane.
    """
    ballot = equal_votes(statistics)
    live = statistics.scale > 0
    relative = statistics.deviations[:, live] / statistics.scale[live]
    shares = np.minimum(np.square(relative), 1.0)
    # A runner-up that is not there is one that the factor is nothing to.
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
    """The mean of DCI's disentanglement, which does not see a factor without code, and completeness, which does."""
    found = dci(*_sample(statistics), "lasso")
    return (found.disentanglement + found.completeness) / 2


def _sample(statistics: PairStatistics) -> tuple[FloatArray, FloatArray]:
    """A handful of codes ``[n, d]`` and factors ``[n, w]`` with exactly the correlations that were kept.

    Squared correlations and a Lasso of standardised variables see no more of the data than these, so their scores are
    those of the whole set. Helmert's contrasts carry a root of the correlations to samples of zero mean.
    """
    from scipy.linalg import helmert

    values, vectors = np.linalg.eigh(statistics.correlations)
    root = np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T
    n = len(root) + 1
    # What is dead stays exactly so, whatever the eigenvectors' rounding makes of it.
    sample = np.where(np.diag(statistics.correlations) > 0, np.sqrt(n) * helmert(n).T @ root, 0.0)
    d = len(statistics.scale)
    return sample[:, :d], sample[:, d:]


READ_OFF: dict[str, Callable[[PairStatistics], float]] = {"mig": _mig, "dci": _dci, "sap": _sap}
"""Similarities of the set of unrestricted latents, its latents being the labels. The others are counted from votes."""

SIMILARITIES = ("factor-vae", "mig", "dci", "sap", "margin")
"""What models can be compared by, the paper's first."""


def check_similarity(name: str) -> None:
    """Refuse a similarity that does not exist.

    Raises:
        InputError: with the names that do.
    """
    if name not in SIMILARITIES:
        raise InputError(f"there is no similarity '{name}'; use {', '.join(SIMILARITIES)}")
