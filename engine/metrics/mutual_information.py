"""Mutual information between codes and factors, as MIG and Modularity measure it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.metrics.checks import as_bins, as_codes, as_factor_ids
from engine.metrics.spread import is_dead


def mutual_information(codes: ArrayLike, factors: ArrayLike, bins: int = 20) -> NDArray[np.float64]:
    """Mutual information of every binned code with every factor, in nats.

    A code's range is cut into ``bins`` bins of equal width. A dead code falls into one bin and has no information.

    Args:
        codes: float ``[n, d]``.
        factors: int ``[n, k]``.
        bins: number of bins.

    Returns:
        float64 ``[d, k]``, >= 0.

    Raises:
        InputError: wrong shapes or lengths, NaN or infinity, factors that are not integer ids or do not vary, ``bins``
            < 2.
    """
    from sklearn.metrics import mutual_info_score

    binned = _binned(as_codes(codes), as_bins(bins))
    ids = as_factor_ids(factors, len(binned))
    return np.array([[mutual_info_score(factor, code) for factor in ids.T] for code in binned.T], dtype=np.float64)


def factor_entropy(factors: NDArray[np.int64]) -> NDArray[np.float64]:
    """Entropy of each factor in nats: its mutual information with itself.

    Args:
        factors: int64 ``[n, k]``.

    Returns:
        float64 ``[k]``.
    """
    from sklearn.metrics import mutual_info_score

    return np.array([mutual_info_score(factor, factor) for factor in factors.T], dtype=np.float64)


def _binned(codes: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    """The bin of each code, the upper end of its range counted to the last one."""
    dead = is_dead(codes)
    binned = np.zeros(codes.shape, dtype=np.int64)
    for dimension in np.flatnonzero(~dead):
        edges = np.histogram_bin_edges(codes[:, dimension], bins)
        binned[:, dimension] = np.digitize(codes[:, dimension], edges[:-1])
    return binned
