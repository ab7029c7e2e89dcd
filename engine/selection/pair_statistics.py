"""Statistics of one encoder on one generated set: small on disk, and enough for every vote, score and matching."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.metrics.spread import live_scale, standard_deviation
from engine.models.codes import Codes
from engine.selection.latent_sets import LatentSet

BINS = 20
"""Bins of each code and of each continuous factor where information is measured: those of MIG."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PairStatistics:
    """What is kept of one encoder's codes on one generated set: 10 KB for five codes a side, 50 KB for ten.

    Args:
        deviations: float32 ``[m, d]``, standard deviation of each code inside each group of images.
        scale: float64 ``[d]``, standard deviation of each code over the images that give the scale; 0 for a dead code.
        correlations: float64 ``[d + w, d + w]``, linear correlations over the same images. First come the encoder's d
            codes, then the w columns of the generator's latent vectors that hold its codes. Dead codes have 0.
        information: float64 ``[d, k]``, mutual information over the same images of each of the encoder's codes with
            each of the generator's k, as a share of the latter's entropy.
    """

    deviations: NDArray[np.float32]
    scale: FloatArray
    correlations: FloatArray
    information: FloatArray

    @classmethod
    def of(cls, encoded: FloatArray, drawn: LatentSet, generator: Codes) -> PairStatistics:
        """Reduce the codes of a generated set.

        Args:
            encoded: float64 ``[n, d]``, the encoder's codes of its images.
            drawn: the latents of these images, and their groups.
            generator: the codes that the latents consist of.
        """
        deviations = np.stack([standard_deviation(encoded[group], axis=0) for group in drawn.groups]).astype(np.float32)
        encoded, latents = encoded[drawn.scale], drawn.latents[drawn.scale].double().numpy()
        scale = live_scale(encoded)
        own = latents[:, : generator.regularised]
        return cls(
            deviations,
            scale,
            _correlations(np.hstack([np.where(scale > 0, encoded, 0.0), own])),
            _information(encoded, scale > 0, _factor_ids(own, generator)),
        )

    def fits(self, groups: int, encoder: Codes, generator: Codes) -> bool:
        """Whether these are finite numbers for that many groups and codes."""
        d, both = encoder.count, encoder.count + generator.regularised
        expected = (
            (self.deviations, (groups, d)),
            (self.scale, (d,)),
            (self.correlations, (both, both)),
            (self.information, (d, generator.count)),
        )
        return all(array.shape == shape and bool(np.isfinite(array).all()) for array, shape in expected)


def _correlations(values: FloatArray) -> FloatArray:
    """Linear correlations of the columns, 0 for those that are constant."""
    scale = live_scale(values)
    standardised = np.where(scale > 0, values - values.mean(axis=0), 0.0) / np.where(scale > 0, scale, 1.0)
    correlations: FloatArray = standardised.T @ standardised / len(values)
    return correlations


def _factor_ids(latents: FloatArray, codes: Codes) -> NDArray[np.int64]:
    """The generator's codes as classes, int64 ``[s, k]``. A continuous code is cut into equally likely bins."""
    from scipy.special import ndtr

    continuous = latents[:, : codes.continuous]
    shares = (continuous + 1) / 2 if codes.prior == "uniform" else ndtr(continuous)
    ids = np.clip((shares * BINS).astype(np.int64), 0, BINS - 1)
    categories = [latents[:, codes.columns(code)].argmax(axis=1) for code in range(codes.continuous, codes.count)]
    return np.column_stack([ids, *categories])


def _information(encoded: FloatArray, live: NDArray[np.bool_], factors: NDArray[np.int64]) -> FloatArray:
    """Mutual information of binned codes with factors, over the factors' entropies.

    The bins have equal width, as in :func:`engine.metrics.mutual_information.mutual_information`. That function asks
    scikit-learn for every entry, which takes a quarter of a second for ten codes a side; counting takes 1/50 of that.
    """
    low = encoded.min(axis=0)
    width = np.where(live, encoded.max(axis=0) - low, 1.0)
    binned = np.where(live, np.clip((encoded - low) / width * BINS, 0, BINS - 1), 0).astype(np.int64)
    information = np.zeros((encoded.shape[1], factors.shape[1]))
    for j, factor in enumerate(factors.T):
        classes = int(factor.max()) + 1
        entropy = _entropy(np.bincount(factor))
        if entropy == 0:
            continue
        for i in np.flatnonzero(live):
            joint = np.bincount(binned[:, i] * classes + factor, minlength=BINS * classes).reshape(BINS, classes)
            shared = _entropy(joint.sum(axis=1)) + entropy - _entropy(joint.ravel())
            information[i, j] = max(shared, 0.0) / entropy
    return information


def _entropy(counts: NDArray[np.int64]) -> float:
    """Entropy in nats of a distribution that is given as counts."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())
