"""What is known of a cross-score matrix while it is being computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class PartialMatrix:
    """Cross-scores as far as they are known.

    Args:
        matrix: float64 ``[n, n]`` over the runs of the request, row = encoder, column = generator; NaN where a pair has
            not been compared.
        excluded: why runs take no part, by id.
    """

    matrix: NDArray[np.float64]
    excluded: Mapping[str, str]


PartialReport = Callable[[PartialMatrix], None]
"""Called while models are compared, with what is known so far."""
