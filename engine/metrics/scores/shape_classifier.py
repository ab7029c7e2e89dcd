"""The classifier of dSprites' shapes that judges a model's images, trained on first use and kept with the data.

Source: InfoGAN-CR's code (docs/method.md, section 8).
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.data.dataset import Dataset
from engine.errors import InputError, WorkError
from engine.models.layers import LEAKY_SLOPE, Conv, Linear
from engine.progress import PhaseProgress
from engine.storage.files import make_folders
from engine.storage.locks import lock_for_long
from engine.training import checkpoints
from engine.training.step_folders import step_folder, steps

FACTOR = "shape"
CHECK_IMAGES = 10_000
"""Real images that the trained classifier is tested on."""
STATISTICS_BATCHES = 200
"""Batches of real images that the trained classifier's batch normalisation takes its statistics from, at most."""
_WIDTHS = (1, 32, 32, 64, 64)
_SIDE = 64
_HIDDEN = 128
_VERSION = 1
"""To be raised when the same settings begin to give another classifier."""
_JUDGED_AT_ONCE = 512


@dataclass(frozen=True)
class Training:
    """How the classifier is trained; the defaults are the authors'.

    Args:
        epochs: passes over the images.
        batch: images in an update; what is left over at the end of an epoch is dropped.
        learning_rate: Adam's.
        images: how many of the dataset's images are used, drawn at random; ``None`` for all.
        seed: of the initial weights and the order of the images (the authors' are unseeded).

    Raises:
        InputError: a number out of range.
    """

    epochs: int = 5
    batch: int = 64
    learning_rate: float = 0.01
    images: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch < 2 or self.learning_rate <= 0 or self.seed < 0:
            raise InputError(f"{self} cannot train a classifier: it needs an epoch, a batch of 2, and a learning rate")
        if self.images is not None and self.images < self.batch:
            raise InputError(f"images is {self.images}, but one batch alone takes {self.batch}")


@dataclass(frozen=True, eq=False)
class Classifier:
    """A trained classifier.

    Args:
        network: in inference mode.
        fingerprint: SHA-256 of its weights.
        accuracy: share of real images that it names correctly.
    """

    network: ShapeNetwork
    fingerprint: str
    accuracy: float

    def probabilities(self, images: Tensor) -> Tensor:
        """p(shape | image), float32 ``[n, 3]``, of images float ``[n, 1, 64, 64]`` in [0, 1]."""
        with torch.inference_mode():
            return F.softmax(self.network(images), dim=1)


class ShapeNetwork(nn.Module):
    """Four stride-2 convolutions and two fully connected layers, activation before batch normalisation.

    Initial weights, leaky slope and batch normalisation are those of the authors' other networks (docs/method.md,
    section 2).

    Args:
        classes: number of shapes.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(_WIDTHS):
            layers += [Conv(inputs, outputs), nn.LeakyReLU(LEAKY_SLOPE), nn.BatchNorm2d(outputs)]
        features = _WIDTHS[-1] * (_SIDE >> len(_WIDTHS) - 1) ** 2
        layers += [nn.Flatten(), Linear(features, _HIDDEN), nn.LeakyReLU(LEAKY_SLOPE), nn.BatchNorm1d(_HIDDEN)]
        self.layers = nn.Sequential(*layers, Linear(_HIDDEN, classes))

    def forward(self, images: Tensor) -> Tensor:
        """Logits float ``[n, classes]``."""
        logits: Tensor = self.layers(images)
        return logits


def load_classifier(
    dataset: Dataset, root: Path, training: Training, device: str = "cpu", progress: PhaseProgress | None = None
) -> Classifier:
    """The classifier that ``training`` makes of a dataset. It is read from disk if it is there and whole, otherwise
    trained.

    It lies in ``root/shape-classifier.v1-.../step-NNNNNNNN`` with a manifest of its files' SHA-256. Several processes
    may ask at once: one trains, the others wait.

    Args:
        dataset: images of 64x64x1 with a factor ``shape``.
        root: folder of prepared datasets.
        training: how it is trained.
        device: where it computes. Another device may round differently, and train a slightly different classifier.
        progress: called with what is being done, updates done, and updates in all.

    Raises:
        InputError: a dataset without shapes, or with too few images, or a root that cannot be written.
        WorkError: the disk refused.
    """
    classes = _shapes(dataset)
    images = min(training.images or len(dataset), len(dataset))
    updates = training.epochs * (images // training.batch)
    if not updates:
        raise InputError(f"dataset '{dataset.name}' has {len(dataset)} images, but one batch takes {training.batch}")
    described = {"images_of": len(dataset), "torch_device": torch.device(device).type, **asdict(training)}
    values = (training.epochs, training.batch, training.learning_rate, images, training.seed)
    folder = root / f"shape-classifier.v{_VERSION}-{'-'.join(map(str, values))}"
    try:
        make_folders(folder)
        with lock_for_long(folder / ".lock"):
            found = _kept(folder, updates, classes)
            if found is None:
                network = _trained(dataset, images, training, device, progress)
                described["accuracy"] = _accuracy(network, dataset, training.seed, device)
                checkpoints.save(folder, updates, network.state_dict(), {}, described, milestone=True)
                found = _kept(folder, updates, classes)
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror or error}") from error
    if found is None:
        raise WorkError(f"{folder} was written but cannot be read back; check the disk")
    found.network.to(device)
    return found


def _shapes(dataset: Dataset) -> int:
    """The number of shapes.

    Raises:
        InputError: the dataset has none, or images of another size.
    """
    if FACTOR not in dataset.factor_names or dataset.image_shape != (_SIDE, _SIDE, 1):
        raise InputError(f"dataset '{dataset.name}' does not hold {_SIDE}x{_SIDE}x1 images with a factor '{FACTOR}'")
    return dataset.factors[dataset.factor_names.index(FACTOR)].size


def _kept(folder: Path, updates: int, classes: int) -> Classifier | None:
    """The classifier on disk; ``None`` if there is none or it is damaged."""
    if updates not in steps(folder):
        return None
    network = ShapeNetwork(classes)
    try:
        checkpoint = checkpoints.load(step_folder(folder, updates))
        network.load_state_dict(checkpoint.weights())
        accuracy = float(checkpoint.description["accuracy"])
    except (InputError, KeyError, TypeError, ValueError, RuntimeError) as error:
        warnings.warn(f"{str(error).splitlines()[0]}; training the classifier again", stacklevel=3)
        return None
    network.requires_grad_(False).eval()
    return Classifier(network, checkpoint.fingerprint, accuracy)


def _trained(
    dataset: Dataset, images: int, training: Training, device: str, progress: PhaseProgress | None
) -> ShapeNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        network = ShapeNetwork(_shapes(dataset)).to(device).train()
    optimiser = torch.optim.Adam(network.parameters(), lr=training.learning_rate)
    updates = training.epochs * (images // training.batch)
    for update, batch in enumerate(_batches(len(dataset), images, training), start=1):
        pixels, shapes = _labelled(dataset, batch, device)
        optimiser.zero_grad()
        loss = F.cross_entropy(network(pixels), shapes)
        loss.backward()
        optimiser.step()
        if progress:
            progress("training the classifier of shapes (once)", update, updates)
    network.requires_grad_(False)
    _settle_statistics(network, dataset, images, training, device)
    return network.eval()


def _settle_statistics(network: ShapeNetwork, dataset: Dataset, images: int, training: Training, device: str) -> None:
    """Replace the moving statistics of batch normalisation by plain averages over real images.

    The authors use the moving statistics. Those lag behind weights that learn this fast on images this empty: after
    4,000 updates the network named 98 % of its training batches correctly, 36 % of 1,000 real images by moving
    statistics, and 99.6 % by averaged ones (dSprites; after 2,500 updates at a tenth of the rate it was 36 %, too).
    """
    layers = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
    network.train()
    for batch in itertools.islice(_batches(len(dataset), images, training), STATISTICS_BATCHES):
        network(_labelled(dataset, batch, device)[0])


def _batches(size: int, images: int, training: Training) -> Iterator[NDArray[np.int64]]:
    random = np.random.default_rng(training.seed)
    used = random.permutation(size)[:images]
    for _ in range(training.epochs):
        order = random.permutation(used)
        for start in range(0, images - training.batch + 1, training.batch):
            yield order[start : start + training.batch]


def _accuracy(network: ShapeNetwork, dataset: Dataset, seed: int, device: str) -> float:
    """Share of random real images whose shape is named correctly."""
    indices = np.random.default_rng([seed, 1]).permutation(len(dataset))[:CHECK_IMAGES]
    right = 0
    with torch.inference_mode():
        for start in range(0, len(indices), _JUDGED_AT_ONCE):
            pixels, shapes = _labelled(dataset, indices[start : start + _JUDGED_AT_ONCE], device)
            right += int((network(pixels).argmax(1) == shapes).sum())
    return right / len(indices)


def _labelled(dataset: Dataset, indices: NDArray[np.int64], device: str) -> tuple[Tensor, Tensor]:
    """Images float32 ``[n, 1, 64, 64]`` in [0, 1] and their shapes int64 ``[n]``."""
    pixels = torch.from_numpy(np.ascontiguousarray(dataset.images(indices).transpose(0, 3, 1, 2)))
    shapes = torch.from_numpy(dataset.factors_of(indices)[:, dataset.factor_names.index(FACTOR)])
    return pixels.to(device).float() / 255, shapes.to(device)
