"""InfoMEC: modularity, compactness and explicitness by normalised information."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import InputError
from engine.metrics.checks import as_codes, as_factor_ids
from engine.metrics.mutual_information import factor_entropy, of_numbers
from engine.metrics.scoring import EncodedSets, Score
from engine.metrics.spread import is_dead, standardised

NEIGHBOURS = 10
"""Neighbours of the estimate of mutual information for continuous codes."""
LEAST_RANGE = 1 / 20
"""A continuous code whose range is at most this share of the largest is inactive."""
MOST_LEVELS = 32
"""Codes that take no more values than this are counted as discrete by the evaluation (ours: it is not told)."""


class InfoMEC(NamedTuple):
    """The three scores, each better when larger.

    Args:
        modularity: whether each code knows about one factor only (InfoM).
        compactness: whether each factor is known by one code only (InfoC).
        explicitness: how well a linear classifier of all codes tells the factors' values (InfoE).
    """

    modularity: float
    compactness: float
    explicitness: float


def infomec(codes: ArrayLike, factors: ArrayLike, discrete: bool = False) -> InfoMEC:
    """InfoModularity, InfoCompactness and InfoExplicitness.

    Hsu, Dorrell, Whittington, Wu and Finn, "Disentanglement via Latent Quantization" (NeurIPS 2023). With I[i, j] the
    mutual information of code i and factor j over the factor's entropy, and only active codes counted: modularity is
    the mean over codes of max_j I / sum_j I, compactness the mean over factors of max_i I / sum_i I. Each is scaled so
    that equal shares give 0. Explicitness is the mean over factors of 1 - L / log(values of the factor), where L is the
    log-loss of a logistic regression of all codes, without penalty and with balanced classes, on the samples that it
    was fitted to.

    The information of continuous codes is estimated from 10 nearest neighbours (Ross 2014; scikit-learn), that of
    discrete ones is counted. A continuous code is active if its range is more than a twentieth of the largest range,
    a discrete one if it varies. Explicitness sees the standardised codes, or the values of discrete ones one-hot.

    Beyond the reference, which divides by zero there: a code or factor without any information counts 0 and, with a
    single active code, a factor that it knows anything about counts 1 in compactness. Dead codes only: all three are 0.

    Args:
        codes: float ``[n, d]``.
        factors: int ``[n, k]``, ids, k >= 2; continuous factors have to be binned first.
        discrete: whether the codes take few values each, such as quantised ones.

    Returns:
        Modularity and compactness in [0, 1], explicitness at most 1. Noise has some modularity, as in other scores.
        Those of continuous codes depend on their relative ranges only by which codes are active.

    Raises:
        InputError: wrong shapes or lengths, NaN or infinity, factors that are not integer ids or do not vary, a single
            factor, fewer than 11 samples of continuous codes.
    """
    array = as_codes(codes, least=2 if discrete else NEIGHBOURS + 1)
    ids = as_factor_ids(factors, len(array))
    if ids.shape[1] < 2:
        raise InputError("InfoModularity compares factors, but there is only 1: it needs at least 2")
    ids = np.stack([np.unique(factor, return_inverse=True)[1] for factor in ids.T], axis=1)
    active = array[:, _active(array, discrete)]
    if not active.shape[1]:
        return InfoMEC(0.0, 0.0, 0.0)
    information = (_counted if discrete else _by_neighbours)(active, ids) / factor_entropy(ids)
    return InfoMEC(
        _concentration(information), _concentration(information.T), _predictive_information(array, ids, discrete)
    )


def _active(codes: NDArray[np.float64], discrete: bool) -> NDArray[np.bool_]:
    ranges = np.where(is_dead(codes), 0.0, np.ptp(codes, axis=0))
    return np.asarray(ranges > (0.0 if discrete else ranges.max() * LEAST_RANGE))


def _counted(codes: NDArray[np.float64], ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mutual information in nats, ``[d, k]``, of codes of few values."""
    levels = [np.unique(code, return_inverse=True)[1] for code in codes.T]
    return np.array([[of_numbers(code, factor) for factor in ids.T] for code in levels])


def _by_neighbours(codes: NDArray[np.float64], ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mutual information in nats, ``[d, k]``, of continuous codes. The seed is that of the noise that breaks ties."""
    from sklearn.feature_selection import mutual_info_classif

    scaled, _ = standardised(codes, codes)
    columns = [
        mutual_info_classif(scaled, factor, discrete_features=False, n_neighbors=NEIGHBOURS, random_state=0)
        for factor in ids.T
    ]
    return np.stack(columns, axis=1)


def _concentration(rows: NDArray[np.float64]) -> float:
    """Mean over rows of the largest share, scaled so that equal shares give 0 and a single entry 1."""
    sums, most, width = rows.sum(axis=1), rows.max(axis=1), rows.shape[1]
    if width == 1:
        return float(np.mean(sums > 0))
    shares = np.divide(most, sums, out=np.full(len(rows), 1 / width), where=sums > 0)
    return float((shares.mean() - 1 / width) / (1 - 1 / width))


def _predictive_information(codes: NDArray[np.float64], ids: NDArray[np.int64], discrete: bool) -> float:
    """What all codes tell of the factors by a linear classifier, as a share of what there is to tell.

    Without codes, balanced classes leave a uniform guess, whose log-loss is that of the number of values.
    """
    from sklearn.metrics import log_loss
    from sklearn.preprocessing import OneHotEncoder

    inputs = OneHotEncoder().fit_transform(codes) if discrete else standardised(codes, codes)[0]
    shares = []
    for factor in ids.T:
        told = log_loss(factor, _fitted(inputs, factor).predict_proba(inputs))
        shares.append(1 - told / np.log(factor.max() + 1))
    return float(np.mean(shares))


def _fitted(inputs: Any, factor: NDArray[np.int64]) -> Any:
    """The reference's logistic regression. It stops after 100 iterations, whether it has converged or not."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    classifier = LogisticRegression(C=np.inf, class_weight="balanced", solver="lbfgs", tol=1e-4, max_iter=100)
    with warnings.catch_warnings():
        # Separable values have no optimum to converge to.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return classifier.fit(inputs, factor)


def _of_sets(sets: EncodedSets) -> dict[str, float]:
    codes = sets.codes["labelled"]
    discrete = all(len(np.unique(code)) <= MOST_LEVELS for code in codes.T)
    found = infomec(codes, sets.ids["labelled"], discrete)
    return {f"infomec_{part}": value for part, value in found._asdict().items()}


SCORE = Score(keys=tuple(f"infomec_{part}" for part in InfoMEC._fields), sets=("labelled",), compute=_of_sets)
