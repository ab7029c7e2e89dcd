"""Keeps a dataset's images on the device that trains on them, so that a batch needs no copy from the host."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from engine.data.dataset import Bitmaps, Dataset

Images = Callable[[Tensor], Tensor]
"""A function from indices int64 ``[n]`` to images float32 ``[n, C, H, W]`` in [0, 1], both on the device."""

_ROWS_AT_ONCE = 8_192


def resident_images(dataset: Dataset, device: torch.device, most_bytes: int) -> Images | None:
    """Copy all images of ``dataset`` to ``device``; ``None`` if they need more than ``most_bytes`` there.

    Args:
        dataset: a dataset that offers bitmaps is kept as bits, any other as bytes.
        device: the device to copy to.
        most_bytes: memory on the device that the images may take.
    """
    bitmaps = dataset.bitmaps()
    if bitmaps is not None:
        return _unpacking(bitmaps, device) if bitmaps.words.nbytes <= most_bytes else None
    height, width, channels = dataset.image_shape
    if len(dataset) * height * width * channels > most_bytes:
        return None
    kept = torch.empty((len(dataset), height, width, channels), dtype=torch.uint8, device=device)
    for start in range(0, len(dataset), _ROWS_AT_ONCE):
        rows = np.arange(start, min(start + _ROWS_AT_ONCE, len(dataset)))
        kept[start : start + len(rows)] = torch.from_numpy(dataset.images(rows)).to(device)
    return lambda indices: as_floats(kept[indices])


def as_floats(images: Tensor) -> Tensor:
    """uint8 ``[n, H, W, C]`` to float32 ``[n, C, H, W]`` in [0, 1]."""
    return images.permute(0, 3, 1, 2).float().div_(255.0).contiguous()


def _unpacking(bitmaps: Bitmaps, device: torch.device) -> Images:
    side = bitmaps.side
    words = torch.from_numpy(bitmaps.words.astype(np.int32, copy=False)).to(device)
    top, left = (torch.from_numpy(corner.astype(np.int64)).to(device) for corner in bitmaps.corners)
    window = torch.arange(words.shape[1], device=device)
    columns = torch.arange(side, device=device)

    def images(indices: Tensor) -> Tensor:
        place = indices % len(top)
        # Not every device can shift uint32, so the sign bits of the widened int32 are masked away.
        inside = (words[indices].long() & 0xFFFFFFFF) << left[place, None]
        rows = torch.zeros((len(indices), side), dtype=torch.int64, device=device)
        rows.scatter_(1, top[place, None] + window, inside)
        return ((rows[:, None, :, None] >> columns) & 1).float()

    return images
