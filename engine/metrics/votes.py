"""The votes of the FactorVAE score: which code moves least while one factor stands still.

Source: Kim and Mnih, "Disentangling by Factorising", section 4; standard deviations instead of variances as in
InfoGAN-CR's code (the same vote, since the square is monotone).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import InputError
from engine.metrics.checks import as_codes, as_groups, as_labels, as_scale
from engine.metrics.spread import standard_deviation, without_dead

NO_VOTE = -1


def factor_votes(groups: ArrayLike, scale: ArrayLike, prune: float = 0.0) -> NDArray[np.int64]:
    """The vote of each group: the live code with the smallest standard deviation (ddof 0) in units of its scale.

    A code is dead, and gets no vote, where its scale is at most 1e-6 of its largest magnitude in the groups. Equal
    spreads go to the lowest dimension; a group's constant codes have a spread of exactly 0 and are thus equal.

    Args:
        groups: float ``[m, l, d]``, codes of m groups of l images that share the value of one factor.
        scale: float ``[d]``, standard deviation of each code over images of all kinds.
        prune: codes whose scale is below this get no vote (disentanglement_lib's pruning).

    Returns:
        int64 ``[m]``, dimensions; -1 where no code is left to vote for.

    Raises:
        InputError: wrong shapes, NaN or infinity, a negative scale.
    """
    codes = as_groups(groups)
    scales = as_scale(scale, codes.shape[2])
    live = without_dead(scales, np.abs(codes).max(axis=(0, 1)))
    return votes_from_std(standard_deviation(codes, axis=1), live, prune)


def votes_from_std(std: ArrayLike, scale: ArrayLike, prune: float = 0.0) -> NDArray[np.int64]:
    """:func:`factor_votes` for groups of which only the standard deviations are at hand.

    Args:
        std: float ``[m, d]``, standard deviation of each code inside each group (one ddof for all).
        scale: float ``[d]``, standard deviation of each code over images of all kinds; 0 marks a dead code
            (:func:`engine.metrics.spread.live_scale` gives exactly 0 for these).
        prune: codes whose scale is below this get no vote.

    Returns:
        int64 ``[m]``, dimensions; -1 where no code is left to vote for.

    Raises:
        InputError: wrong shapes, NaN or infinity, a negative scale.
    """
    deviations = as_codes(std, name="std", least=1)
    scales = as_scale(scale, deviations.shape[1])
    votable = (scales > 0) & (scales >= prune)
    if not votable.any():
        return np.full(len(deviations), NO_VOTE, dtype=np.int64)
    relative = np.where(votable, deviations / np.where(votable, scales, 1.0), np.inf)
    return np.asarray(relative.argmin(axis=1), dtype=np.int64)


def vote_table(votes: ArrayLike, labels: ArrayLike, dims: int, factors: int) -> NDArray[np.int64]:
    """Count the votes: how often each code was voted for while each factor stood still.

    Args:
        votes: int ``[m]``, dimensions 0..dims-1, or -1 for no vote.
        labels: int ``[m]``, the fixed factor of each group, 0..factors-1.
        dims: number of codes d.
        factors: number of factors k.

    Returns:
        int64 ``[d, k]``; its sum is the number of votes that were given.

    Raises:
        InputError: votes and labels of different length, or outside their ranges.
    """
    chosen = as_labels(votes, np.size(votes), name="votes")
    fixed = as_labels(labels, len(chosen))
    if len(chosen) and not (chosen.min() >= NO_VOTE and chosen.max() < dims):
        raise InputError(f"votes must lie in -1..{dims - 1}, but run from {chosen.min()} to {chosen.max()}")
    if len(fixed) and not (fixed.min() >= 0 and fixed.max() < factors):
        raise InputError(f"labels must lie in 0..{factors - 1}, but run from {fixed.min()} to {fixed.max()}")
    table = np.zeros((dims, factors), dtype=np.int64)
    given = chosen != NO_VOTE
    np.add.at(table, (chosen[given], fixed[given]), 1)
    return table
