"""dHSIC: how far codes are from being jointly independent."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.metrics.checks import as_codes
from engine.metrics.scoring import EncodedSets, Score
from engine.metrics.spread import is_dead

IMAGES = 5000
"""Images that InfoGAN-CR's code measures on (docs/method.md, section 8)."""
_ROWS = 128
"""Rows of the kernel matrices in memory at a time."""


def dhsic(codes: ArrayLike) -> float:
    """dHSIC: the distance, in a kernel space, of the joint distribution of all codes from the product of its marginals.

    Pfister, Buehlmann, Schoelkopf and Peters, "Kernel-based tests for joint independence" (2018), section 2. With the
    kernel matrices K_1, ..., K_d of n samples, the biased estimator (V-statistic)::

        1/n^2 sum_ab prod_j K_j[a, b]  +  prod_j (1/n^2 sum_ab K_j[a, b])  -  2/n^(d+1) sum_a prod_j sum_b K_j[a, b]

    The kernel is that of InfoGAN-CR's code (docs/method.md, section 8), not the paper's Gaussian one:
    ``exp(-|x_a - x_b| / h^2)`` for each code, with h the median of ``|x_a - x_b|`` over all n^2 pairs, those of a
    sample with itself included. Since h is squared, the score depends on the codes' scale. Where more than half of the
    pairs are equal (a categorical code), h is 0 and the authors' code gives NaN; here the kernel is then its limit, 1
    for equal values and 0 for others.

    A dead code is independent of everything: its kernel is 1 and does not change the estimator.

    Args:
        codes: float ``[n, d]``.

    Returns:
        A number >= 0 up to rounding; 0 for fewer than two live codes. For n samples of independent codes it is not 0
        but of order 1/n. Smaller is better, but does not mean that the codes know anything.

    Raises:
        InputError: wrong shape, NaN or infinity.
    """
    array = as_codes(codes)
    live = array[:, ~is_dead(array)]
    if live.shape[1] < 2:
        return 0.0
    n, d = len(live), live.shape[1]
    inverse_scales = [_inverse_scale(column) for column in live.T]
    joint, crossed = 0.0, 0.0
    totals: NDArray[np.float64] = np.zeros(d)
    for start in range(0, n, _ROWS):
        rows = live[start : start + _ROWS]
        product, sums = np.ones((len(rows), n)), np.ones(len(rows))
        for j, inverse in enumerate(inverse_scales):
            kernel = _kernel(np.abs(rows[:, j, None] - live[None, :, j]), inverse)
            mean = kernel.mean(axis=1)
            product *= kernel
            sums *= mean
            totals[j] += mean.sum()
        joint += float(product.mean(axis=1).sum())
        crossed += float(sums.sum())
    return joint / n + float(np.prod(totals / n)) - 2.0 * crossed / n


def _inverse_scale(column: NDArray[np.float64]) -> float:
    """1 / h^2; infinity where the median distance is 0."""
    from scipy.spatial.distance import pdist

    distances = pdist(column[:, None], "cityblock")
    n = len(column)
    # Sorted, the n distances of samples to themselves come first among all n^2; every other one comes twice after them.
    middle = sorted({(n * n - 1) // 2, n * n // 2})
    places = sorted({(rank - n) // 2 for rank in middle if rank >= n})
    ordered = np.partition(distances, places) if places else distances
    median = float(np.mean([ordered[(rank - n) // 2] if rank >= n else 0.0 for rank in middle]))
    return 1.0 / median**2 if median**2 > 0 else np.inf


def _kernel(distances: NDArray[np.float64], inverse: float) -> NDArray[np.float64]:
    if inverse == np.inf:
        return np.asarray(distances == 0, dtype=np.float64)
    return np.asarray(np.exp(-distances * inverse))


def _of_sets(sets: EncodedSets) -> dict[str, float]:
    return {"dhsic": dhsic(sets.codes["scale"][:IMAGES])}


SCORE = Score(keys=("dhsic",), sets=("scale",), compute=_of_sets)
