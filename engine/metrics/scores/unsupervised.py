"""The unsupervised scores of disentanglement_lib: how much codes depend on each other, without looking at factors.

Source: Locatello et al., "Challenging Common Assumptions in the Unsupervised Learning of Disentangled Representations"
(2019), section 5.2, and the library's ``unsupervised_metrics``. Both protocols have the same formulas. Smaller is
better, but does not mean that the codes know anything: independent noise is ideal.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.metrics.checks import as_bins, as_codes
from engine.metrics.mutual_information import binned, of_numbers
from engine.metrics.scoring import EncodedSets, Score
from engine.metrics.spread import DEAD_SPREAD, is_dead


def gaussian_total_correlation(codes: ArrayLike) -> float:
    """Total correlation of the Gaussian that has the codes' covariance: -1/2 log det of their correlation matrix.

    In nats. A linear change of single codes changes nothing; dead codes add nothing. For codes that determine each
    other linearly it would be infinite; in the reference rounding decides whether it is. Here eigenvalues of the
    correlation matrix count as at least 1e-12, the least variance that float32 resolves.

    Args:
        codes: float ``[n, d]``.

    Returns:
        A number in [0, 13.8 d].

    Raises:
        InputError: wrong shape, NaN or infinity.
    """
    covariance = _live_covariance(codes)
    scale = np.sqrt(np.diag(covariance))
    eigenvalues = np.linalg.eigvalsh(covariance / np.outer(scale, scale))
    return max(float(-0.5 * np.log(np.maximum(eigenvalues, DEAD_SPREAD**2)).sum()), 0.0)


def gaussian_wasserstein_correlation(codes: ArrayLike) -> float:
    """Squared 2-Wasserstein distance of the Gaussian with the codes' covariance S from the product of its marginals.

    2 tr S - 2 tr (D^(1/2) S D^(1/2))^(1/2) with D the diagonal of S (ddof 1). Dead codes add nothing.

    Args:
        codes: float ``[n, d]``.

    Returns:
        A number >= 0 in units of the codes' variance: codes twice as large have four times the distance.

    Raises:
        InputError: wrong shape, NaN or infinity.
    """
    covariance = _live_covariance(codes)
    scale = np.sqrt(np.diag(covariance))
    eigenvalues = np.linalg.eigvalsh(covariance * np.outer(scale, scale))
    return max(float(2.0 * np.trace(covariance) - 2.0 * np.sqrt(np.maximum(eigenvalues, 0.0)).sum()), 0.0)


def gaussian_wasserstein_correlation_norm(codes: ArrayLike) -> float:
    """:func:`gaussian_wasserstein_correlation` divided by the codes' total variance.

    Args:
        codes: float ``[n, d]``.

    Returns:
        A number in [0, 2), 0 where all codes are dead. Scaling all codes alike changes nothing.

    Raises:
        InputError: wrong shape, NaN or infinity.
    """
    variance = float(np.trace(_live_covariance(codes)))
    return gaussian_wasserstein_correlation(codes) / variance if variance else 0.0


def mutual_info_score(codes: ArrayLike, bins: int = 20) -> float:
    """Mutual information of two codes in nats, each cut into bins of equal width, averaged over all pairs.

    A dead code counts with no information about any other. A single code has no pair; its score is 0.

    Args:
        codes: float ``[n, d]``.
        bins: number of bins of each code.

    Returns:
        A number in [0, log bins]; for independent codes not 0, but about (bins - 1)^2 / 2n.

    Raises:
        InputError: wrong shape, NaN or infinity, ``bins`` < 2.
    """
    columns = binned(as_codes(codes), as_bins(bins)).T
    pairs = [of_numbers(columns[i], columns[j]) for i in range(len(columns)) for j in range(i)]
    return float(np.mean(pairs)) if pairs else 0.0


def _live_covariance(codes: ArrayLike) -> NDArray[np.float64]:
    """Covariance (ddof 1) of the codes that are not dead."""
    array = as_codes(codes)
    live = array[:, ~is_dead(array)]
    centred = live - live.mean(axis=0)
    return np.asarray(centred.T @ centred / (len(live) - 1))


_FUNCTIONS = {
    function.__name__: function
    for function in (
        gaussian_total_correlation,
        gaussian_wasserstein_correlation,
        gaussian_wasserstein_correlation_norm,
        mutual_info_score,
    )
}


def _of_sets(sets: EncodedSets) -> dict[str, float]:
    return {name: function(sets.codes["scale"]) for name, function in _FUNCTIONS.items()}


SCORE = Score(keys=tuple(_FUNCTIONS), sets=("scale",), compute=_of_sets)
