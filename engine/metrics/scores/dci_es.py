"""DCI-ES: how easily factors are read off codes (explicitness), and how few codes there are (size)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import InputError
from engine.metrics.checks import as_samples
from engine.metrics.scoring import EncodedSets, Score
from engine.metrics.spread import standardised

DEPTHS = (1, 2, 3, 4, 8, 10, 12, 14, 16, 18, 20, 32)
"""Depths of the authors' random forests, their capacities."""
TREES = 100
"""Trees of each forest, the authors' number."""
MOST_SAMPLES = 5000
"""Samples that are fitted by the evaluation, at most (ours: deep forests of 73,728 samples take hours)."""


class DCIES(NamedTuple):
    """Both scores, each better when larger.

    Args:
        explicitness: whether probes of little capacity predict the factors as well as any.
        size: number of factors over number of codes.
    """

    explicitness: float
    size: float


def dci_es(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    test_codes: ArrayLike | None = None,
    test_factors: ArrayLike | None = None,
    depths: Sequence[int] = DEPTHS,
    trees: int = TREES,
) -> DCIES:
    """Explicitness and size, which extend DCI.

    Eastwood, Nicolicioiu, von Kuegelgen, Kekic, Traeuble, Dittadi and Schoelkopf, "DCI-ES: An Extended Disentanglement
    Framework with Connections to Identifiability" (ICLR 2023). Random forests of growing depth predict each
    factor. The loss of a depth is 1 - R^2, the least so far (a larger probe can do what a smaller one does); that of
    guessing the mean is 1. With A the area between this curve over depth and its lowest value, explicitness is
    1 - 2 A / (depths' range x 1), as in the authors' code, which takes 0 for the lowest possible loss: 1 if the
    shallowest forest is as good as the deepest, 0 if the loss falls evenly from that of guessing to 0. A factor that
    no forest predicts better than the mean has a flat curve, and so the explicitness 1: look at informativeness too.
    Size is k / d, 1 for as many codes as factors.

    Forests see standardised codes and factor values, also of categorical factors (ours: the authors classify those).

    Args:
        codes: float ``[n, d]``.
        factors: float ``[n, k]``, values.
        test_codes: float ``[t, d]``, on which losses are taken; default: every third sample, which is then not fitted.
        test_factors: float ``[t, k]``, their factors.
        depths: at least two depths, ascending.
        trees: of each forest.

    Raises:
        InputError: wrong shapes or lengths, NaN or infinity, a constant factor, or depths that do not ascend.
    """
    if len(depths) < 2 or depths[0] < 1 or any(a >= b for a, b in itertools.pairwise(depths)):
        raise InputError(f"depths are {list(depths)}, but a curve takes at least 2 that ascend from 1 or more")
    samples = as_samples("lib", codes, factors, test_codes, test_factors, ids=False)
    fitted, known, scored, truth = samples
    if scored is fitted:
        held_out = np.arange(len(fitted)) % 3 == 2
        fitted, known, scored, truth = fitted[~held_out], known[~held_out], fitted[held_out], known[held_out]
    inputs, scored_inputs = standardised(fitted, scored)
    losses = np.array(
        [
            _losses(inputs, factor, scored_inputs, true, depths, trees)
            for factor, true in zip(known.T, truth.T, strict=True)
        ]
    )
    return DCIES(_explicitness(np.minimum.accumulate(losses, axis=1), depths), known.shape[1] / inputs.shape[1])


def _losses(
    inputs: NDArray[np.float64],
    factor: NDArray[Any],
    scored: NDArray[np.float64],
    truth: NDArray[Any],
    depths: Sequence[int],
    trees: int,
) -> list[float]:
    """1 - R^2 of a forest of each depth, at most 1: who knows nothing guesses the mean."""
    from sklearn.ensemble import RandomForestRegressor

    found = []
    for depth in depths:
        forest = RandomForestRegressor(n_estimators=trees, max_depth=depth, random_state=0)
        found.append(min(1.0, 1.0 - float(forest.fit(inputs, factor).score(scored, truth))))
    return found


def _explicitness(losses: NDArray[np.float64], depths: Sequence[int]) -> float:
    """Mean over factors of 1 - twice the area between a falling curve and its end, as a share of the rectangle."""
    from scipy.integrate import trapezoid

    areas = trapezoid(losses - losses[:, -1:], np.asarray(depths, dtype=np.float64), axis=1)
    return float(np.mean(1.0 - 2.0 * areas / (depths[-1] - depths[0])))


def _of_sets(sets: EncodedSets) -> dict[str, float]:
    codes, values = sets.codes["labelled"][:MOST_SAMPLES], sets.values["labelled"][:MOST_SAMPLES]
    test_codes, test_values = sets.codes.get("test_labelled"), sets.values.get("test_labelled")
    found = dci_es(codes, values, test_codes=test_codes, test_factors=test_values)
    return {f"dci_es_{part}": value for part, value in found._asdict().items()}


SCORE = Score(keys=tuple(f"dci_es_{part}" for part in DCIES._fields), sets=("labelled",), compute=_of_sets)
