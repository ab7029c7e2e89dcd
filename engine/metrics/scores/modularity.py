"""The modularity score."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from engine.errors import InputError
from engine.metrics.checks import Protocol, check_protocol
from engine.metrics.mutual_information import mutual_information
from engine.metrics.scoring import EncodedSets, Score

NO_INFORMATION = 1e-12
"""Mutual information below this, in nats, is only rounding."""


def modularity(codes: ArrayLike, factors: ArrayLike, bins: int = 20, *, protocol: Protocol = "paper") -> float:
    """Modularity: whether each code knows about one factor only, averaged over codes.

    Ridgeway and Mozer, "Learning Deep Disentangled Embeddings With the F-Statistic Loss", section 2. With I the mutual
    information of a code and each of k factors: 1 - (sum I^2 - max I^2) / (max I^2 (k - 1)).

    For a code without any information this is 0 / 0, which in InfoGAN-CR's code makes the whole score NaN.
    ``paper``: it is left out of the mean. ``lib``: it counts 0, as in disentanglement_lib. With such codes only, the
    score is 0.

    Args:
        codes: float ``[n, d]``.
        factors: int ``[n, k]``, ids, k >= 2; continuous factors have to be binned first.
        bins: number of equal-width bins of each code.
        protocol: ``"paper"`` or ``"lib"``.

    Returns:
        A number in [0, 1]. It is high for noise as well, whose little information lies where chance put it. It has the
        invariances of :func:`engine.metrics.scores.mig.mig`.

    Raises:
        InputError: wrong shapes or lengths, NaN or infinity, factors that are not integer ids or do not vary, a single
            factor, ``bins`` < 2.
    """
    check_protocol(protocol)
    squared = mutual_information(codes, factors, bins) ** 2
    others = squared.shape[1] - 1
    if others == 0:
        raise InputError("modularity compares factors, but there is only 1: it needs at least 2")
    strongest = squared.max(axis=1)
    informed = strongest > NO_INFORMATION**2
    if not informed.any():
        return 0.0
    leaked = (squared.sum(axis=1) - strongest)[informed] / (strongest[informed] * others)
    counted = int(informed.sum()) if protocol == "paper" else len(informed)
    return float(np.sum(1.0 - leaked) / counted)


def _of_sets(sets: EncodedSets) -> dict[str, float]:
    return {"modularity": modularity(sets.codes["labelled"], sets.ids["labelled"], protocol=sets.protocol)}


SCORE = Score(keys=("modularity",), sets=("labelled",), compute=_of_sets)
