"""The quality of a model's images: InfoGAN-CR's trio for dSprites (docs/method.md, section 8).

A classifier of real shapes looks at images that the model makes of latent vectors from its prior. This judges the
decoder; no encoder and no codes are involved. Torch is imported only when a model is judged.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import InputError
from engine.metrics.checks import as_codes
from engine.progress import PhaseProgress
from engine.streams import stream_seed

if TYPE_CHECKING:
    from engine.data.dataset import Dataset
    from engine.metrics.scores.shape_classifier import Training
    from engine.models.model import Model

SAMPLES = 50_000
"""Images that the authors judge a model by."""
LEAST_ACCURACY = 0.9
"""Share of real images that a classifier must name correctly, or its judgement means little; our choice."""
_BATCH = 512


class SampleQuality(NamedTuple):
    """The trio.

    Args:
        inception_score: exp of the mean KL divergence of p(y|x) from p(y), in [1, classes]; larger is better.
        mean_confidence: mean of the largest class probability, in [1 / classes, 1]; larger is better.
        mode_kl: KL divergence in nats of the classes' shares among the images from equal shares, in [0, log classes];
            smaller is better.
    """

    inception_score: float
    mean_confidence: float
    mode_kl: float


@dataclass(frozen=True)
class Judgement:
    """The trio, and the classifier that judged.

    Args:
        quality: the trio.
        samples: images judged.
        seed: of their latent vectors.
        classifier: SHA-256 of the classifier's weights.
        classifier_accuracy: its share of real images named correctly.
    """

    quality: SampleQuality
    samples: int
    seed: int
    classifier: str
    classifier_accuracy: float


def sample_scores(probabilities: ArrayLike) -> SampleQuality:
    """Inception score, mean confidence and mode KL of images whose classes were judged.

    The inception score is that of Salimans et al., "Improved Techniques for Training GANs" (2016), section 4, but over
    all images at once and with the classifier of dSprites' shapes. All three follow InfoGAN-CR's code.

    Args:
        probabilities: float ``[n, classes]``, p(y|x) of each image.

    Raises:
        InputError: wrong shape, NaN or infinity, or rows that are no distributions.
    """
    from scipy.special import rel_entr

    given = as_codes(probabilities, name="probabilities", least=1)
    if (given < 0).any() or not np.allclose(given.sum(axis=1), 1.0, atol=1e-3):
        raise InputError("probabilities must be >= 0 and add up to 1 in every row")
    rows = given / given.sum(axis=1, keepdims=True)
    information = rel_entr(rows, rows.mean(axis=0)).sum(axis=1).mean()
    classes = rows.shape[1]
    shares = np.bincount(rows.argmax(axis=1), minlength=classes) / len(rows)
    return SampleQuality(
        inception_score=float(np.exp(information)),
        mean_confidence=float(rows.max(axis=1).mean()),
        mode_kl=float(rel_entr(shares, 1.0 / classes).sum()),
    )


def check_applicable(model: Model, dataset: Dataset) -> None:
    """Refuse a model that the classifier of dSprites' shapes cannot judge.

    Raises:
        InputError: it does not make 64x64x1 images, or was trained on something else than dSprites.
    """
    if not is_applicable(model, dataset):
        shape = "x".join(map(str, model.image_shape))
        raise InputError(
            f"the sample quality scores are defined for 64x64x1 images of dSprites, but {model.name} makes {shape} "
            f"images of '{dataset.name}'"
        )


def is_applicable(model: Model, dataset: Dataset) -> bool:
    """Whether the classifier of dSprites' shapes can judge a model that was trained on ``dataset``."""
    from engine.data.datasets import dsprites

    side = dsprites.SIDE
    return model.image_shape == dataset.image_shape == (side, side, 1) and dataset.factors == dsprites.FACTORS


def judge(
    model: Model,
    dataset: Dataset,
    root: Path,
    seed: int = 0,
    progress: PhaseProgress | None = None,
    *,
    device: str = "cpu",
    samples: int = SAMPLES,
    training: Training | None = None,
) -> Judgement:
    """Judge the images of a model. Train the classifier first if that has not been done.

    Args:
        model: with its decoder on ``device``.
        dataset: the real images, whose factor ``shape`` the classifier learns.
        root: folder of prepared datasets, where the classifier is kept.
        seed: of the latent vectors, drawn from the model's prior.
        progress: see :data:`PhaseProgress`.
        device: torch device of the classifier.
        samples: images to judge.
        training: other sizes than the authors'.

    Raises:
        InputError: images that are not finite, a dataset without shapes, fewer than one sample, or a root that cannot
            be written.
        WorkError: the disk refused.
    """
    import torch

    from engine.metrics.scores.shape_classifier import Training, load_classifier

    if samples < 1:
        raise InputError(f"samples is {samples}, but at least 1 image must be judged")
    judging = load_classifier(dataset, root, training or Training(), device, progress)
    if judging.accuracy < LEAST_ACCURACY:
        warnings.warn(
            f"the classifier names only {judging.accuracy:.0%} of real shapes correctly: its judgement means little",
            stacklevel=2,
        )
    latent = model.codes.sample(samples, torch.Generator().manual_seed(stream_seed(seed, "sample quality")))
    probabilities: list[NDArray[np.float32]] = []
    for start in range(0, samples, _BATCH):
        images = model.decode(latent[start : start + _BATCH].to(device))
        if not bool(torch.isfinite(images).all()):
            raise InputError(f"{model.name} makes images that are not finite: a model that diverged cannot be scored")
        probabilities.append(judging.probabilities(images).cpu().numpy())
        if progress:
            progress("judging images", min(start + _BATCH, samples), samples)
    quality = sample_scores(np.concatenate(probabilities))
    return Judgement(quality, samples, seed, judging.fingerprint, judging.accuracy)
