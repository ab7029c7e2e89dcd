"""JEMMIG: the mutual information gap that also asks whether the best code knows one factor only."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from engine.metrics.checks import as_bins, as_codes, as_factor_ids
from engine.metrics.mutual_information import binned, factor_entropy, mutual_information
from engine.metrics.scoring import EncodedSets, Score


def jemmig(codes: ArrayLike, factors: ArrayLike, bins: int = 20) -> float:
    """Joint entropy minus mutual information gap, as a share of its worst value, subtracted from 1, over all factors.

    Do and Tran, "Theory and Evaluation Metrics for Learning Disentangled Representations" (ICLR 2020). Of each factor
    with entropy H and the two codes that know most about it, I1 >= I2: J = H(best code, factor) - (I1 - I2). It is 0
    for a code that knows this factor, all of it and nothing else, and at most H + log(bins). The score is the mean over
    factors of 1 - J / (H + log(bins)), which is the form in which the scores are compared by Carbonneau et al. 2022.

    Codes have ``bins`` bins of equal width. What a code says beside the factor adds to the joint entropy, also where it
    is noise. A dead code has no entropy and no information, so J is H; the missing runner-up of a single code has no
    information either.

    Args:
        codes: float ``[n, d]``.
        factors: int ``[n, k]``, ids; continuous factors have to be binned first.
        bins: number of bins of each code.

    Returns:
        A number in [0, 1]; it has the invariances of :func:`engine.metrics.scores.mig.mig`.

    Raises:
        InputError: wrong shapes or lengths, NaN or infinity, factors that are not integer ids or do not vary, ``bins``
            < 2.
    """
    array = as_codes(codes)
    ids = as_factor_ids(factors, len(array))
    information = mutual_information(array, ids, bins)
    own = factor_entropy(binned(array, as_bins(bins)))
    best = information.argmax(axis=0)
    ranked = np.sort(np.vstack([information, np.zeros((1, ids.shape[1]))]), axis=0)
    entropy = factor_entropy(ids)
    joint = own[best] + entropy - ranked[-1]
    return float(np.mean(1 - (joint - ranked[-1] + ranked[-2]) / (entropy + np.log(bins))))


def _of_sets(sets: EncodedSets) -> dict[str, float]:
    return {"jemmig": jemmig(sets.codes["labelled"], sets.ids["labelled"])}


SCORE = Score(keys=("jemmig",), sets=("labelled",), compute=_of_sets)
