"""Mutual information between codes and factors, as MIG and Modularity measure it."""

from __future__ import annotations

from typing import Any

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
    cells = binned(as_codes(codes), as_bins(bins))
    ids = [np.unique(factor, return_inverse=True)[1] for factor in as_factor_ids(factors, len(cells)).T]
    return np.array([[of_numbers(factor, code) for factor in ids] for code in cells.T], dtype=np.float64)


def of_numbers(first: NDArray[np.integer], second: NDArray[np.integer]) -> float:
    """Mutual information of two columns of small numbers, in nats.

    The result equals scikit-learn's to the last bit. Only the table of pairs is counted here, because scikit-learn
    sorts both columns for every pair of columns, which takes most of its time.

    Args:
        first: int ``[n]``, >= 0; the table has a row for each number up to the largest.
        second: int ``[n]``, >= 0; the table has a column for each.

    Returns:
        A number >= 0.
    """
    width = int(second.max()) + 1
    pairs = np.bincount(first * width + second, minlength=(int(first.max()) + 1) * width).reshape(-1, width)
    return _of_table(pairs[pairs.any(axis=1)][:, pairs.any(axis=0)])


def factor_entropy(factors: NDArray[np.int64]) -> NDArray[np.float64]:
    """Entropy of each factor in nats: its mutual information with itself.

    Args:
        factors: int64 ``[n, k]``.

    Returns:
        float64 ``[k]``.
    """
    from scipy.sparse import diags

    counts = [np.unique(factor, return_counts=True)[1] for factor in factors.T]
    return np.array([_of_table(diags(count, dtype=np.int64)) for count in counts], dtype=np.float64)


def _of_table(pairs: Any) -> float:
    """Mutual information from how often each pair occurs; no row and no column is empty."""
    from scipy.sparse import csr_matrix
    from sklearn.metrics import mutual_info_score

    # Given as a sparse matrix, so that scikit-learn adds up in the same order as with a table of its own.
    return float(mutual_info_score(None, None, contingency=csr_matrix(pairs)))


def binned(codes: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    """The bin of each code among ``bins`` of equal width. The upper end of its range belongs to the last bin.

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
