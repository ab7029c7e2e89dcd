"""Batches of real images. Their order depends on the seed and the epoch alone."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.data.dataset import Dataset
from engine.errors import InputError
from engine.streams import stream_seed
from engine.training.resident import as_floats, resident_images

_SHARE_OF_MEMORY = 0.25
"""Largest share of a GPU's free memory that images may take."""


class Batches:
    """Shuffled batches by iteration number.

    With ``n`` batches an epoch, iteration ``i`` takes batch ``i mod n`` of epoch ``i // n``, so a resumed run needs no
    position of its own. Each epoch's order is drawn from (seed, epoch), the same on every device. The last batch of an
    epoch is dropped where it is not full (docs/method.md, section 1). All images are kept on a GPU that has room for
    them.

    Args:
        dataset: the real images.
        batch_size: images in a batch.
        seed: seed of the order.
        device: the device that batches are put on.

    Raises:
        InputError: the dataset has fewer images than one batch.
    """

    def __init__(self, dataset: Dataset, batch_size: int, seed: int, device: torch.device) -> None:
        if len(dataset) < batch_size:
            raise InputError(
                f"dataset '{dataset.name}' has {len(dataset)} images, fewer than one batch of {batch_size}; "
                "lower training.batch_size"
            )
        self._dataset = dataset
        self._resident = resident_images(dataset, device, _spare_bytes(device)) if device.type == "cuda" else None
        self._resident_order = torch.empty(0, dtype=torch.int64)
        self._batch_size = batch_size
        self._seed = seed
        self.device = device
        self._epoch = -1
        self._order: NDArray[np.int64] = np.empty(0, dtype=np.int64)

    @property
    def per_epoch(self) -> int:
        """Batches in one epoch."""
        return len(self._dataset) // self._batch_size

    def at(self, iteration: int) -> Tensor:
        """The batch of ``iteration``, float32 ``[batch_size, C, H, W]`` in [0, 1]."""
        epoch, position = divmod(iteration, self.per_epoch)
        if epoch != self._epoch:
            draws = np.random.default_rng(stream_seed(self._seed, "order", str(epoch)))
            self._order = draws.permutation(len(self._dataset))
            self._epoch = epoch
            if self._resident is not None:
                self._resident_order = torch.from_numpy(self._order).to(self.device)
        rows = slice(position * self._batch_size, (position + 1) * self._batch_size)
        if self._resident is not None:
            return self._resident(self._resident_order[rows])
        return as_input(self._dataset.images(self._order[rows]), self.device)


def _spare_bytes(device: torch.device) -> int:
    free, _ = torch.cuda.mem_get_info(device)
    return int(free * _SHARE_OF_MEMORY)


def as_input(images: NDArray[np.uint8], device: torch.device) -> Tensor:
    """uint8 ``[n, H, W, C]`` to float32 ``[n, C, H, W]`` in [0, 1] on ``device``, copied there as bytes."""
    return as_floats(torch.from_numpy(images).to(device))
