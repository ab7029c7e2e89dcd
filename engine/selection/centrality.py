"""ModelCentrality: the medoid of a pool is its best model (Lin et al. 2020; method facts section 8)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import InputError
from engine.selection.ranking import Ranking


def model_centrality(matrix: ArrayLike) -> Ranking:
    """Rank models by how well they agree with all the others.

    With the cross-score matrix B made symmetric, S = (B + B^T) / 2, the score of model i is the mean of S[i, j] over
    all j != i. The best is the medoid under the similarity S.

    Two models agree with each other equally, so a pool of two is always a tie, won by index 0. A pool of one has
    nobody to agree with: its score is NaN and it is its own pick. The method follows the majority: where most models
    share one wrong basis, one of these is picked.

    Args:
        matrix: B, float ``[n, n]``; row = encoder, column = the generator whose own factors it was scored on. The
            diagonal is not read and may be NaN.

    Returns:
        One score a model and the order, best first; ties go to the lower index.

    Raises:
        InputError: the matrix is not square, is empty, or holds a value off the diagonal that is not finite. Leave a
            model that could not be compared out of the matrix.
    """
    b = _cross_scores(matrix)
    n = len(b)
    if n == 1:
        return Ranking.from_scores([np.nan])
    similarity = (b + b.T) / 2
    np.fill_diagonal(similarity, 0.0)
    return Ranking.from_scores(similarity.sum(axis=1) / (n - 1))


def _cross_scores(matrix: ArrayLike) -> NDArray[np.float64]:
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
