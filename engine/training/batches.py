"""Batches of real images whose order is a function of seed and epoch alone."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.data.dataset import Dataset
from engine.errors import InputError
from engine.training.resident import as_floats, resident_images

_SHARE_OF_MEMORY = 0.25
"""Most of a GPU's free memory that images are kept in."""


class Batches:
    """Shuffled batches by iteration number; the incomplete last batch of an epoch is dropped (method facts section 1).

    Any iteration can be asked for, so a resumed run needs no position of its own: iteration ``i`` is batch ``i mod
    n`` of epoch ``i // n``, and each epoch's order is drawn from (seed, epoch), on every device the same. A GPU that
    has room for all images keeps them.

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
        self._device = device
        self._epoch = -1
        self._order: NDArray[np.int64] = np.empty(0, dtype=np.int64)

    @property
    def per_epoch(self) -> int:
        """Batches in one epoch."""
        return len(self._dataset) // self._batch_size

    def at(self, iteration: int) -> Tensor:
        """Images of ``iteration``, float32 ``[batch_size, C, H, W]`` in [0, 1]."""
        epoch, position = divmod(iteration, self.per_epoch)
        if epoch != self._epoch:
            self._order = np.random.default_rng([self._seed, epoch]).permutation(len(self._dataset))
            self._epoch = epoch
            if self._resident is not None:
                self._resident_order = torch.from_numpy(self._order).to(self._device)
        rows = slice(position * self._batch_size, (position + 1) * self._batch_size)
        if self._resident is not None:
            return self._resident(self._resident_order[rows])
        return as_input(self._dataset.images(self._order[rows]), self._device)


def _spare_bytes(device: torch.device) -> int:
    free, _ = torch.cuda.mem_get_info(device)
    return int(free * _SHARE_OF_MEMORY)


def as_input(images: NDArray[np.uint8], device: torch.device) -> Tensor:
    """uint8 ``[n, H, W, C]`` to float32 ``[n, C, H, W]`` in [0, 1]; bytes travel to the device, not floats."""
    return as_floats(torch.from_numpy(images).to(device))
