"""The share of codes that move at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from engine.metrics.checks import as_codes
from engine.metrics.scoring import EncodedSets, Score


def moving_codes(codes: ArrayLike) -> float:
    """Share of the codes, float ``[n, d]``, whose standard deviation is above 1e-6."""
    return float(np.mean(as_codes(codes).std(axis=0) > 1e-6))


def _of_sets(sets: EncodedSets) -> dict[str, float]:
    return {"moving_codes": moving_codes(sets.codes["labelled"])}


SCORE = Score(keys=("moving_codes",), sets=("labelled",), compute=_of_sets)
