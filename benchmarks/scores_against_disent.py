"""The scores of this package beside those of ``disent`` on synthetic codes, computed from the same samples.

``disent`` (PyPI, Python 3.12 or newer) is an independent port of disentanglement_lib to PyTorch. It has FactorVAE, MIG,
SAP, DCI and the unsupervised scores; it has no BetaVAE, Modularity, Explicitness, IRS or dHSIC. What it draws while it
scores is recorded and handed to this package's functions under ``protocol="lib"``, so that every difference is one of
definition. Codes are float64 in both.

    python3.12 -m venv ENV && ENV/bin/pip install . disent
    ENV/bin/python benchmarks/scores_against_disent.py
"""

from __future__ import annotations

import argparse
import math
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import metrics

Array = NDArray[np.float64]
SIZES = (3, 6, 8)
"""Values of the three factors; the first is taken for categorical."""
TOLERANCE = 1e-6
NOISE = 4
"""Columns of standard normal noise that come with every image."""


@dataclass
class Recorder:
    """What ``disent`` asks of a dataset. An image is a row of factor ids and noise; all that was handed out is kept.

    Args:
        seed: of all draws.
        sizes: values of the factors.
        noise: columns of standard normal noise that come with every image.
    """

    seed: int = 0
    sizes: Sequence[int] = SIZES
    noise: int = NOISE
    labelled: list[Array] = field(default_factory=list)
    unlabelled: list[Array] = field(default_factory=list)
    groups: list[Array] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(self.seed)
        self.gt_data = SimpleNamespace(num_factors=len(self.sizes), sample_factors=self._factors)

    def dataset_sample_batch_with_factors(self, amount: int, mode: str) -> tuple[Array, NDArray[np.int64]]:
        factors = self._factors(amount)
        self.labelled.append(self._images(factors))
        return self.labelled[-1], factors

    def dataset_sample_batch(self, amount: int, mode: str) -> Array:
        self.unlabelled.append(self._images(self._factors(amount)))
        return self.unlabelled[-1]

    def dataset_batch_from_factors(self, factors: NDArray[np.int64], mode: str) -> Array:
        self.groups.append(self._images(factors))
        return self.groups[-1]

    def _factors(self, amount: int) -> NDArray[np.int64]:
        return self._random.integers(self.sizes, size=(amount, len(self.sizes)))

    def _images(self, factors: NDArray[np.int64]) -> Array:
        return np.hstack([factors, self._random.standard_normal((len(factors), self.noise))])


def perfect(images: Array) -> Array:
    """Each code is one factor, stretched to [-1, 1]."""
    codes: Array = 2.0 * images[:, : len(SIZES)] / (np.array(SIZES) - 1) - 1.0
    return codes


def rotated(images: Array) -> Array:
    """The plane of the first two codes turned by 45 degrees, both brought to unit variance before."""
    sizes = np.array(SIZES)
    unit = perfect(images) / np.sqrt((sizes + 1) / (3.0 * (sizes - 1)))
    first, second = unit[:, 0].copy(), unit[:, 1].copy()
    unit[:, 0], unit[:, 1] = (first - second) / math.sqrt(2), (first + second) / math.sqrt(2)
    return unit


def categorical(images: Array) -> Array:
    """The first factor's values in another order, as a code of categories gives them."""
    codes = perfect(images)
    codes[:, 0] = np.array([1.0, 2.0, 0.0])[images[:, 0].astype(int)]
    return codes


CODERS: dict[str, Callable[[Array], Array]] = {
    "perfect": perfect,
    "permuted": lambda images: perfect(images)[:, [2, 0, 1]],
    "sign-flipped": lambda images: -perfect(images),
    "rotated 45°": rotated,
    "noise": lambda images: images[:, len(SIZES) :],
    "dead dimensions": lambda images: np.column_stack([perfect(images), np.tile([0.1, 0.0], (len(images), 1))]),
    "duplicates": lambda images: np.column_stack([perfect(images), perfect(images)]),
    "categorical": categorical,
    "monotone-warped": lambda images: np.exp(2.0 * perfect(images)),
}

Pair = tuple[float, float]
"""The value of disent and that of this package."""
Coder = Callable[[Array], Array]


def of_votes(coder: Coder, samples: int) -> dict[str, Pair]:
    """FactorVAE; half as many votes are held out, and the scale is that of ten times as many images."""
    import disent.metrics

    recorder = Recorder()
    np.random.seed(0)  # noqa: NPY002 - disent draws the fixed factors from the global generator
    found = disent.metrics.metric_factor_vae.compute(
        recorder, coder, num_train=samples, num_eval=samples // 2, num_variance_estimate=10 * samples
    )
    images = np.stack(recorder.groups)
    labels = np.ptp(images[:, :, : len(SIZES)], axis=1).argmin(axis=1)
    groups = np.stack([coder(group) for group in images])
    ours = metrics.factor_vae(
        groups[:samples],
        labels[:samples],
        metrics.live_scale(coder(recorder.unlabelled[0])),
        protocol="lib",
        test_groups=groups[samples:],
        test_labels=labels[samples:],
    )
    return {"FactorVAE": (found["factor_vae.eval_accuracy"], ours)}


def of_samples(coder: Coder, samples: int) -> dict[str, Pair]:
    """The scores of labelled samples; half as many are held out."""
    import disent.metrics

    held_out = {"num_test": samples // 2}
    found, codes, ids = drawn(disent.metrics.metric_mig, coder, samples)
    pairs = {"MIG": (found["mig.discrete_score"], metrics.mig(codes, ids, protocol="lib"))}

    found, codes, ids = drawn(disent.metrics.metric_sap, coder, samples, **held_out)
    flags = [False] * len(SIZES)
    ours = metrics.sap(codes[:samples], ids[:samples], flags, protocol="lib", **tested(codes, ids, samples))
    pairs["SAP"] = (found["sap.score"], ours)

    found, codes, ids = drawn(disent.metrics.metric_sap, coder, samples, continuous_factors=True, **held_out)
    ours = metrics.sap(codes[:samples], ids[:samples], [True] * len(SIZES))
    pairs["SAP, continuous"] = (found["sap.score"], ours)

    found, codes, ids = drawn(disent.metrics.metric_dci, coder, samples, **held_out)
    dci = metrics.dci(codes[:samples], ids[:samples], protocol="lib", **tested(codes, ids, samples))
    pairs["DCI disentanglement"] = (found["dci.disentanglement"], dci.disentanglement)
    pairs["DCI completeness"] = (found["dci.completeness"], dci.completeness)
    pairs["DCI informativeness"] = (found["dci.informativeness_test"], dci.informativeness)

    found, codes, _ = drawn(disent.metrics.metric_unsupervised, coder, samples)
    theirs = {
        "Gaussian total correlation": ("unsup.gauss_total_corr", metrics.gaussian_total_correlation),
        "Gaussian Wasserstein": ("unsup.gauss_wasser_corr", metrics.gaussian_wasserstein_correlation),
        "Gaussian Wasserstein, norm.": ("unsup.gauss_wasser_corr_norm", metrics.gaussian_wasserstein_correlation_norm),
        "mutual information": ("unsup.mi_score", metrics.mutual_info_score),
    }
    return pairs | {name: (np.real(found[key]), score(codes)) for name, (key, score) in theirs.items()}


def drawn(metric: Any, coder: Coder, samples: int, **options: Any) -> tuple[dict[str, float], Array, NDArray[np.int64]]:
    """What disent finds, and the codes and factor ids of all samples that it drew for that, in its order."""
    recorder = Recorder()
    np.random.seed(0)  # noqa: NPY002 - its regressors draw from the global generator
    found = metric.compute(recorder, coder, num_train=samples, **options)
    images = np.concatenate(recorder.labelled)
    return found, coder(images), images[:, : len(SIZES)].astype(np.int64)


def tested(codes: Array, ids: NDArray[np.int64], samples: int) -> dict[str, Any]:
    """What comes after the first ``samples``, as the held-out half of a score's arguments."""
    return {"test_codes": codes[samples:], "test_factors": ids[samples:]}


def cell(pair: Pair) -> str:
    """Our value, and what disent's is beside it."""
    theirs, ours = pair
    if abs(theirs - ours) <= TOLERANCE:
        return f"{ours:.4f} ="
    return f"{ours:.4f} ({theirs - ours:+.1e})" if math.isfinite(theirs) else f"{ours:.4f} ({theirs:.0f})"


def main(arguments: Sequence[str] | None = None) -> None:
    """Score every code by both and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1000, help="samples and votes to fit to (default: 1000)")
    samples = parser.parse_args(arguments).samples
    warnings.simplefilter("ignore")
    started = time.perf_counter()
    table = {name: of_votes(coder, samples) | of_samples(coder, samples) for name, coder in CODERS.items()}
    libraries = ", ".join(f"{name} {version(name)}" for name in ("disent", "scikit-learn", "numpy"))
    print(f"{libraries}; {samples} samples; {time.perf_counter() - started:.0f} s")
    print(f"value of this package; '=': disent's differs by at most {TOLERANCE:g}; else (disent's - ours)\n")
    print(f"| score | {' | '.join(table)} |")
    print("| --- |" + " --- |" * len(table))
    for score in next(iter(table.values())):
        print(f"| {score} | {' | '.join(cell(pairs[score]) for pairs in table.values())} |")


if __name__ == "__main__":
    main()
