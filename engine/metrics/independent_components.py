"""The independent components of codes: the axes along which they are least mixed, where the codes can tell.

Codes may know all factors and still mix them: most objectives and FactorVAE's votes forgive a rotation. Where factors
are independent and at most one of them is normal, independent component analysis (ICA; Comon 1994) finds their axes
again without labels. Where two are normal it cannot: every rotation of independent normal codes is as independent.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import InputError
from engine.metrics.checks import as_codes
from engine.metrics.spread import is_dead

SAMPLES_A_CODE = 20
"""Least number of samples for each code that takes part: with fewer, chance decides (our choice)."""
LEVEL = 0.01
"""Chance that normal components are taken for others, over all components of a model."""
TRIES = 3
MOST_ITERATIONS = 500
TOLERANCE = 1e-5

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class IndependentComponents:
    """A linear map from codes to their independent components.

    A component has the number of the code that it is most alike to, by the best assignment as a whole, and that code's
    sign. Codes that took no part are their own components.

    Args:
        unmixing: float64 ``[d, d]``: components = (codes - centre) @ unmixing.T.
        centre: float64 ``[d]``.
        took_part: bool ``[d]``.
        agreement: mean squared correlation of the codes that took part with their components, in [0, 1]: 1 where the
            codes are independent components already, 1/2 for a plane that is turned by 45 degrees.
        normal: how many components cannot be told from normal ones on samples that they were not fitted to.
        settled: whether the search came to an end.
    """

    unmixing: FloatArray
    centre: FloatArray
    took_part: NDArray[np.bool_]
    agreement: float
    normal: int
    settled: bool

    @property
    def doubt(self) -> str | None:
        """Why these axes mean nothing, as the end of a sentence; None where they do."""
        if self.normal > 1:
            return (
                f"ICA cannot know their axes: {self.normal} of the {int(self.took_part.sum())} components look normal, "
                "and every rotation of normal ones is as independent"
            )
        if not self.settled:
            return f"ICA found no axes in {TRIES} searches of {MOST_ITERATIONS} iterations"
        return None

    def of(self, codes: FloatArray) -> FloatArray:
        """The components, float64 ``[n, d]``, of codes ``[n, d]``."""
        return (codes - self.centre) @ self.unmixing.T


def independent_components(
    codes: ArrayLike, informative: NDArray[np.bool_] | None = None, *, spread: float = 1.0, seed: int = 0
) -> IndependentComponents:
    """Find the independent components of codes by FastICA (Hyvarinen 1999; scikit-learn, log-cosh contrast).

    Whether a component is normal is judged on one half of the samples, after a fit to the other half, by D'Agostino and
    Pearson's test: components are chosen to be far from normal, so on the samples of the fit they always look so. The
    map that is returned was fitted to all samples.

    Args:
        codes: float ``[n, d]``.
        informative: bool ``[d]``, which codes may take part; dead ones never do. Default: all.
        spread: standard deviation of the components.
        seed: of where the search begins, and of the halves.

    Raises:
        InputError: wrong shape, NaN or infinity, or fewer than 20 samples a code.
    """
    array = as_codes(codes)
    d = array.shape[1]
    took_part = ~is_dead(array) & (np.ones(d, dtype=np.bool_) if informative is None else informative)
    taking = int(took_part.sum())
    if len(array) < SAMPLES_A_CODE * max(taking, 1):
        raise InputError(
            f"{len(array)} samples are too few for the independent components of {taking} codes: "
            f"give at least {SAMPLES_A_CODE} for each"
        )
    unmixing, centre = np.eye(d), np.zeros(d)
    if taking < 2:
        return IndependentComponents(unmixing, centre, took_part, 1.0, 0, settled=True)
    own = array[:, took_part]
    unit, settled = _fitted(own, seed)
    part, agreement = _ordered(own, unit)
    unmixing[np.ix_(took_part, took_part)] = spread * part
    centre[took_part] = own.mean(axis=0)
    return IndependentComponents(unmixing, centre, took_part, agreement, _normal(own, seed), settled)


def _fitted(codes: FloatArray, seed: int) -> tuple[FloatArray, bool]:
    """Unmixing matrix ``[d, d]`` to components of unit variance, and whether the search ended."""
    from sklearn.decomposition import FastICA
    from sklearn.exceptions import ConvergenceWarning

    scale = codes.std(axis=0)
    unmixing = np.eye(codes.shape[1])
    for attempt in range(TRIES):
        search = FastICA(whiten="unit-variance", random_state=seed + attempt, max_iter=MOST_ITERATIONS, tol=TOLERANCE)
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always", ConvergenceWarning)
            search.fit(codes / scale)
        unmixing = np.asarray(search.components_, dtype=np.float64) / scale
        if unmixing.shape[0] == codes.shape[1] and not any(issubclass(w.category, ConvergenceWarning) for w in heard):
            return unmixing, True
    return unmixing, False


def _ordered(codes: FloatArray, unmixing: FloatArray) -> tuple[FloatArray, float]:
    """The rows of ``unmixing`` in the order and with the signs of the codes, and how alike codes and components are."""
    from scipy.optimize import linear_sum_assignment

    d = codes.shape[1]
    correlations = np.corrcoef(codes.T, (codes @ unmixing.T).T)[:d, d:]
    rows, columns = linear_sum_assignment(np.square(correlations), maximize=True)
    matched = correlations[rows, columns]
    return unmixing[columns] * np.where(matched < 0, -1.0, 1.0)[:, None], float(np.square(matched).mean())


def _normal(codes: FloatArray, seed: int) -> int:
    """How many components of one half cannot be told from normal ones on the other half."""
    from scipy.stats import normaltest

    order = np.random.default_rng(seed).permutation(len(codes))
    fitted, held_out = np.array_split(codes[order], 2)
    unmixing, _ = _fitted(fitted, seed)
    chances = normaltest(held_out @ unmixing.T, axis=0).pvalue
    return int(np.count_nonzero(~(chances < LEVEL / codes.shape[1])))
