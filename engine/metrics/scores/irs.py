"""The interventional robustness score."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from engine.errors import InputError
from engine.metrics.checks import as_bins, as_codes, as_factor_values
from engine.metrics.mutual_information import binned
from engine.metrics.scoring import EncodedSets, Score
from engine.metrics.spread import is_dead


def irs(codes: ArrayLike, factors: ArrayLike, bins: int = 20, quantile: float = 0.99) -> float:
    """Interventional robustness score: how little a code moves while its factor stands still and all others change.

    Suter, Miladinovic, Schoelkopf and Bauer, "Robustly Disentangled Causal Mechanisms" (2019), in the form of
    disentanglement_lib's ``irs``: for each code and factor, the ``quantile`` of the code's distance from its mean among
    the samples that share a value of the factor, averaged over the values, relative to the code's largest distance
    from its overall mean. A code's robustness is 1 minus the smallest of these over factors; the score is the mean of
    the codes, weighted by their largest distances. The paper takes the largest distance (``quantile`` 1).

    Factors are cut into ``bins`` bins of equal width, as the library's study does: of dSprites' 40 orientations two
    share a bin each. InfoGAN-CR's code has no such score; both protocols use this one.

    Dead codes are left out. With dead codes only, the score is 0.

    Args:
        codes: float ``[n, d]``.
        factors: float or int ``[n, k]``, values or ids.
        bins: number of bins of each factor.
        quantile: in (0, 1].

    Returns:
        A number of at most 1, and above 0 but for contrived codes. Depends on the relative scale of the codes through
        their weights. Codes with rare outliers score high whatever they encode, because the largest distance is the
        measure.

    Raises:
        InputError: wrong shapes or lengths, NaN or infinity, a constant factor, ``bins`` < 2, a ``quantile`` outside.
    """
    array = as_codes(codes)
    values = as_factor_values(factors, len(array))
    if not 0 < quantile <= 1:
        raise InputError(f"quantile is {quantile}, but must lie above 0 and not above 1")
    cells = binned(values, as_bins(bins))
    live = array[:, ~is_dead(array)]
    if not live.shape[1]:
        return 0.0
    largest = np.abs(live - live.mean(axis=0)).max(axis=0)
    moved = np.empty((live.shape[1], cells.shape[1]))
    for j, column in enumerate(cells.T):
        groups = [live[column == cell] for cell in np.unique(column)]
        distances = [np.quantile(np.abs(group - group.mean(axis=0)), quantile, axis=0) for group in groups]
        moved[:, j] = np.mean(distances, axis=0)
    robustness = 1.0 - (moved / largest[:, None]).min(axis=1)
    return float(np.average(robustness, weights=largest))


def _of_sets(sets: EncodedSets) -> dict[str, float]:
    return {"irs": irs(sets.codes["labelled"], sets.ids["labelled"])}


SCORE = Score(keys=("irs",), sets=("labelled",), compute=_of_sets)
