"""ModelCentrality: the medoid of a pool is its best model (Lin et al. 2020; docs/method.md, section 8)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import InputError
from engine.selection.ranking import Ranking

FloatArray = NDArray[np.float64]


def model_centrality(matrix: ArrayLike) -> Ranking:
    """Rank models by how well they agree with all the others.

    With the cross-score matrix B made symmetric, S = (B + B^T) / 2, the score of model i is the mean of S[i, j] over
    all j != i. The best is the medoid under the similarity S.

    Two models agree with each other equally, so a pool of two is always a tie, won by index 0. In a pool of one there
    is no other model to agree with: its score is NaN and it is its own pick. The method follows the majority: where
    most models share one wrong basis, one of these is picked.

    Args:
        matrix: B, float ``[n, n]``; row = encoder, column = the generator whose own factors it was scored on. The
            diagonal is not read and may be NaN.

    Returns:
        One score a model and the order, best first; ties go to the lower index.

    Raises:
        InputError: the matrix is not square, is empty, or holds a value off the diagonal that is not finite. Leave a
            model that could not be compared out of the matrix.
    """
    return Ranking.from_scores(partial_centrality(_complete(matrix)))


def partial_centrality(matrix: FloatArray) -> FloatArray:
    """The centrality of each model over the models that it is known to have been compared with.

    Args:
        matrix: B, float64 ``[n, n]``; NaN where a pair was not compared.

    Returns:
        float64 ``[n]``; NaN for a model that was compared with no other.
    """
    return mean_of_known(similarities(matrix))


def similarities(matrix: FloatArray) -> FloatArray:
    """The symmetric similarity S of each pair of models.

    Args:
        matrix: B, float64 ``[n, n]``; NaN where a pair was not compared.

    Returns:
        float64 ``[n, n]``: the mean of both directions; the one that is known where the other is not; NaN where neither
        is known, and on the diagonal.
    """
    directions = np.stack([matrix, matrix.T])
    found = mean_of_known(directions, axis=0)
    np.fill_diagonal(found, np.nan)
    return found


def mean_of_known(values: FloatArray, axis: int = -1) -> FloatArray:
    """Mean along an axis of the values that are not NaN; NaN where all are."""
    known = np.isfinite(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis)
    mean: FloatArray = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
    return mean


def _complete(matrix: ArrayLike) -> FloatArray:
    try:
        b = np.array(matrix, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("ModelCentrality needs a square matrix of numbers, one row and one column a model") from error
    if b.ndim != 2 or b.shape[0] != b.shape[1] or b.size == 0:
        raise InputError(f"ModelCentrality needs a square matrix, one row and one column a model, not shape {b.shape}")
    missing = ~np.isfinite(b) & ~np.eye(len(b), dtype=np.bool_)
    if missing.any():
        rows = ", ".join(str(row) for row in np.flatnonzero(missing.any(axis=1)))
        raise InputError(
            f"the cross-score matrix is not finite in row {rows}; leave out the models that could not be compared"
        )
    return b
