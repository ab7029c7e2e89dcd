"""The mutual information gap."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from engine.metrics.checks import Protocol, as_codes, as_factor_ids, check_protocol
from engine.metrics.mutual_information import factor_entropy, mutual_information
from engine.metrics.scoring import EncodedSets, Score


def mig(codes: ArrayLike, factors: ArrayLike, bins: int = 20, *, protocol: Protocol = "paper") -> float:
    """Mutual information gap: how far the code that knows most about a factor is ahead of the next, averaged.

    Chen et al., "Isolating Sources of Disentanglement in Variational Autoencoders", section 4. The gap is divided by
    the factor's entropy. Codes are cut into ``bins`` bins of equal width, as in disentanglement_lib and InfoGAN-CR's
    code; both protocols have the same formula and differ in the number of samples only.

    A dead code has no information, and so has the missing runner-up of a single code. With dead codes only, the score
    is 0. A duplicated code makes it 0 as well.

    Args:
        codes: float ``[n, d]``.
        factors: int ``[n, k]``, ids; continuous factors have to be binned first.
        bins: number of bins of each code.
        protocol: ``"paper"`` or ``"lib"``.

    Returns:
        A number in [0, 1]. Does not change when codes are permuted, shifted or scaled. A warp that is monotone but not
        linear, and a mirroring where values lie on the bins' edges, change the bins.

    Raises:
        InputError: wrong shapes or lengths, NaN or infinity, factors that are not integer ids or do not vary, ``bins``
            < 2.
    """
    check_protocol(protocol)
    array = as_codes(codes)
    ids = as_factor_ids(factors, len(array))
    information = mutual_information(array, ids, bins)
    ranked = np.sort(np.vstack([information, np.zeros((1, ids.shape[1]))]), axis=0)
    return float(np.mean((ranked[-1] - ranked[-2]) / factor_entropy(ids)))


def _of_sets(sets: EncodedSets) -> dict[str, float]:
    return {"mig": mig(sets.codes["labelled"], sets.ids["labelled"], protocol=sets.protocol)}


SCORE = Score(keys=("mig",), sets=("labelled",), compute=_of_sets)
