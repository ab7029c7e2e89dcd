"""Which code of one model is which code of another: from the votes of each on the other's images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import InputError
from engine.selection.cross_scores import CrossScores, Pairs
from engine.selection.generated_set import LatentModel, VotingProtocol
from engine.selection.pair_cache import PairCache

LEAST_CORRELATION = 0.05
"""Below it no sign is given: unrelated codes correlate by 0.01 on 10,000 images, by chance."""
MATCHING = VotingProtocol(votes=1, group_size=32, scale_samples=1024)
"""The fewest votes there are, 20 for each code: enough to tell codes apart, where a ranking needs more."""


@dataclass(frozen=True)
class CodeMatch:
    """A code and its counterpart.

    Args:
        code: of the first model.
        partner: of the second.
        agreement: share of votes that go from one to the other, mean of both directions, in [0, 1].
        sign: -1 where one falls when the other rises, 1 where both rise, 0 where that cannot be said: of categorical
            codes and of uncorrelated ones.
    """

    code: int
    partner: int
    agreement: float
    sign: int


def match_codes(
    there: ArrayLike, back: ArrayLike, correlation_there: ArrayLike, correlation_back: ArrayLike
) -> list[CodeMatch]:
    """Match the codes of two models one to one so that they agree most (the Hungarian assignment).

    Args:
        there: votes float ``[d, k]`` for the first model's codes on the second's generated set, by the fixed code.
        back: votes float ``[k, d]`` for the second model's codes on the first's generated set.
        correlation_there: float ``[d, k]``, linear correlation of these codes there.
        correlation_back: float ``[k, d]``, the same back.

    Returns:
        In the order of the first model's codes. A code without a counterpart is left out: where the models have
        different numbers of codes, and where no group voted for it.

    Raises:
        InputError: shapes that do not fit each other.
    """
    from scipy.optimize import linear_sum_assignment

    votes_there, votes_back = np.asarray(there, dtype=np.float64), np.asarray(back, dtype=np.float64)
    correlations = np.asarray(correlation_there, dtype=np.float64), np.asarray(correlation_back, dtype=np.float64)
    shapes = [votes_there.shape, votes_back.shape[::-1], correlations[0].shape, correlations[1].shape[::-1]]
    if votes_there.ndim != 2 or len(set(shapes)) > 1:
        raise InputError(f"tables of {shapes[0]} votes there and {votes_back.shape} back do not belong to two models")
    shares = (_by_fixed_code(votes_there) + _by_fixed_code(votes_back).T) / 2
    correlation = (correlations[0] + correlations[1].T) / 2
    signs = np.where(np.abs(correlation) > LEAST_CORRELATION, np.sign(correlation), 0).astype(np.int64)
    return [
        CodeMatch(int(code), int(partner), float(shares[code, partner]), int(signs[code, partner]))
        for code, partner in zip(*linear_sum_assignment(shares, maximize=True), strict=True)
        if shares[code, partner] > 0
    ]


def match_in(scores: CrossScores, first: int, second: int) -> list[CodeMatch] | None:
    """Match the codes of two models of a pool; ``None`` where these were not compared with each other.

    Args:
        scores: the pool's.
        first: index of the first model.
        second: index of the second model.
    """
    there, back = scores.comparisons.get((first, second)), scores.comparisons.get((second, first))
    if there is None or back is None:
        return None
    return match_codes(there.table, back.table, there.correlations, back.correlations)


def match_models(
    first: LatentModel,
    second: LatentModel,
    protocol: VotingProtocol = MATCHING,
    *,
    cache: PairCache | None = None,
    device: str = "cpu",
) -> list[CodeMatch]:
    """Compare two models with each other, as far as the cache does not hold it, and match their codes.

    Args:
        first: a model on ``device``.
        second: another, with images of the same shape.
        protocol: sizes and seed of the generated sets.
        cache: where the statistics of pairs are kept.
        device: where latent vectors are put.

    Raises:
        InputError: the models cannot be compared, or have no fingerprints.
        WorkError: the cache's disk refused.
    """
    pairs = Pairs([first, second], protocol, cache=cache, device=device)
    pairs.evaluate(~np.eye(2, dtype=np.bool_))
    matches = match_in(pairs.result(), 0, 1)
    if matches is None:
        reasons = "; ".join(f"{(first, second)[index].name}: {reason}" for index, reason in pairs.excluded.items())
        raise InputError(f"the codes of {first.name} and {second.name} cannot be matched ({reasons})")
    return matches


def _by_fixed_code(votes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Votes as shares of those that were given while the same code was held fixed."""
    given = votes.sum(axis=0)
    shares: NDArray[np.float64] = np.divide(votes, given, out=np.zeros_like(votes), where=given > 0)
    return shares
