"""Images kept on a device against the same images asked of their dataset."""

import numpy as np
import torch

from engine.data.datasets.dsprites import DSprites
from engine.data.datasets.dsprites_rendering import WINDOW
from engine.data.datasets.minisprites import MiniSprites
from engine.training.batches import as_input
from engine.training.resident import resident_images

CPU = torch.device("cpu")
PLENTY = 2**30


def noisy_dsprites() -> DSprites:
    """Two whole grids of positions whose windows are random, so that every bit is seen at every place."""
    words = np.random.default_rng(0).integers(0, 2**32, (2 * 32 * 32, WINDOW), dtype=np.uint32)
    return DSprites(words)


def test_bits_come_out_as_the_datasets_images() -> None:
    dataset = noisy_dsprites()
    indices = np.random.default_rng(1).permutation(len(dataset))
    images = resident_images(dataset, CPU, PLENTY)
    assert images is not None
    expected = as_input(dataset.images(indices), CPU)
    assert torch.equal(images(torch.from_numpy(indices)), expected)
    assert expected.mean() > 0


def test_bytes_come_out_as_the_datasets_images() -> None:
    dataset = MiniSprites()
    indices = np.random.default_rng(1).permutation(len(dataset))[:100]
    images = resident_images(dataset, CPU, PLENTY)
    assert images is not None
    assert torch.equal(images(torch.from_numpy(indices)), as_input(dataset.images(indices), CPU))


def test_what_does_not_fit_stays_where_it_is() -> None:
    assert resident_images(noisy_dsprites(), CPU, 2 * 32 * 32 * WINDOW * 4 - 1) is None
    assert resident_images(MiniSprites(), CPU, 1_000) is None
