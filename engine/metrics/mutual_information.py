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

    cells = binned(as_codes(codes), as_bins(bins))
    ids = as_factor_ids(factors, len(cells))
    return np.array([[mutual_info_score(factor, code) for factor in ids.T] for code in cells.T], dtype=np.float64)


def factor_entropy(factors: NDArray[np.int64]) -> NDArray[np.float64]:
    """Entropy of each factor in nats: its mutual information with itself.

    Args:
        factors: int64 ``[n, k]``.

    Returns:
        float64 ``[k]``.
    """
    from sklearn.metrics import mutual_info_score

    return np.array([mutual_info_score(factor, factor) for factor in factors.T], dtype=np.float64)


def binned(codes: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    """The bin of each code among ``bins`` of equal width, the upper end of its range counted to the last one.

    Args:
        codes: float64 ``[n, d]``.
        bins: at least 2.

    Returns:
        int64 ``[n, d]``, 1..bins, or 0 throughout for a dead code.
    """
    dead = is_dead(codes)
    cells = np.zeros(codes.shape, dtype=np.int64)
    for dimension in np.flatnonzero(~dead):
        edges = np.histogram_bin_edges(codes[:, dimension], bins)
        cells[:, dimension] = np.digitize(codes[:, dimension], edges[:-1])
    return cells
