"""DCIMIG: disentanglement, completeness and informativeness in one number."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from engine.metrics.checks import as_codes, as_factor_ids
from engine.metrics.mutual_information import factor_entropy, mutual_information
from engine.metrics.scoring import EncodedSets, Score


def dcimig(codes: ArrayLike, factors: ArrayLike, bins: int = 20) -> float:
    """What codes know of one factor more than of any other: the best such code of each factor, over all there is.

    Sepliarskaia, Kiseleva and de Rijke, "How to Not Measure Disentanglement" (called 3CharM there). A code belongs to
    the factor that it knows most about, with the gap to the factor that it knows second most about, in nats. A factor's
    share is the largest gap of its codes, 0 if it has none. The score is the sum of the shares over the sum of the
    factors' entropies.

    Codes have ``bins`` bins of equal width. A dead code has no gap. The missing runner-up of a single factor is 0.

    Args:
        codes: float ``[n, d]``.
        factors: int ``[n, k]``, ids; continuous factors have to be binned first.
        bins: number of bins of each code.

    Returns:
        A number in [0, 1]. Duplicated codes do not change it. It has the invariances of
        :func:`engine.metrics.scores.mig.mig`.

    Raises:
        InputError: wrong shapes or lengths, NaN or infinity, factors that are not integer ids or do not vary, ``bins``
            < 2.
    """
    array = as_codes(codes)
    ids = as_factor_ids(factors, len(array))
    information = mutual_information(array, ids, bins)
    ranked = np.sort(np.hstack([information, np.zeros((len(information), 1))]), axis=1)
    shares = np.zeros(ids.shape[1])
    np.maximum.at(shares, information.argmax(axis=1), ranked[:, -1] - ranked[:, -2])
    return float(shares.sum() / factor_entropy(ids).sum())


def _of_sets(sets: EncodedSets) -> dict[str, float]:
    return {"dcimig": dcimig(sets.codes["labelled"], sets.ids["labelled"])}


SCORE = Score(keys=("dcimig",), sets=("labelled",), compute=_of_sets)
