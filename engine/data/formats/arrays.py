"""Images of your own, without factors: one array of an npz or HDF5 file.

The array is ``imgs``, ``images`` or the only one: ``[n, H, W]`` or ``[n, H, W, C]`` with 1 or 3 channels, of uint8, of
bool, or of floats in [0, 1]. A uint8 array without values above 1 is taken as binary: 1 is full intensity.

uint8 that is stored plainly (``numpy.savez``, a contiguous HDF5 dataset) is mapped and costs no memory of its own.
Anything else is unpacked once into uint8 in memory.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from engine.data.dataset import Dataset
from engine.data.formats.stored import BLOCK_BYTES, StoredArray
from engine.errors import InputError
from engine.progress import Progress

MOST_PIXELS = 1024 * 1024
"""Most bytes of one image."""
CHANNELS = (1, 3)
_MEMORY_SHARE = 0.5
_GENEROUS_BYTES = 256 << 20
_MOST_EXPANSION = 600
"""Arrays that unpack to more than the above may grow at most so many times. Images as sparse as dSprites
unpack about 300-fold, files made to fill memory 1,000-fold."""


class ImageArray(Dataset):
    """Unlabelled images of an array.

    Args:
        frames: uint8 ``[n, H, W, C]``.
        name: the path it was loaded by.
        binary: whether the values are 0 and 1 rather than 0 to 255.
    """

    def __init__(self, frames: NDArray[np.uint8], name: str, binary: bool = False) -> None:
        self.name = name
        height, width, channels = frames.shape[1:]
        self.image_shape = (height, width, channels)
        self._frames = frames
        self._full = np.uint8(255 if binary else 1)

    def __len__(self) -> int:
        return len(self._frames)

    def images(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint8]:
        images = self._frames[np.asarray(indices, dtype=np.int64)]
        return images * self._full if self._full != 1 else images


def check_images(stored: StoredArray) -> None:
    """Check, by its declared shape and type, that an array can hold images.

    Raises:
        InputError: wrong dimensions, channels, size or type.
    """
    shape = stored.shape
    if len(shape) not in (3, 4):
        raise InputError(f"{stored} has shape {shape}; images are [n, H, W] or [n, H, W, C]")
    if len(shape) == 4 and shape[3] not in CHANNELS:
        raise InputError(f"{stored} has shape {shape}; images are [n, H, W, C] with 1 or 3 channels last")
    if 0 in shape:
        raise InputError(f"{stored} has shape {shape}, so it holds no pixel")
    if shape[1] * shape[2] > MOST_PIXELS:
        raise InputError(f"{stored} has images of {shape[1]}x{shape[2]}; at most {MOST_PIXELS:,} pixels are taken")
    kind, size = stored.dtype.kind, stored.dtype.itemsize
    if not (kind == "b" or (kind == "u" and size == 1) or (kind == "f" and size <= 8)):
        raise InputError(f"{stored} is of type {stored.dtype}; images are uint8, or floats in [0, 1]")
    check_expansion(stored)


def check_expansion(stored: StoredArray) -> None:
    """Refuse an array that unpacks to far more than any images do: such a file is made to fill memory or disk.

    Raises:
        InputError: it does.
    """
    if stored.nbytes > max(_GENEROUS_BYTES, _MOST_EXPANSION * stored.stored_bytes):
        raise InputError(
            f"{stored} declares {stored.nbytes / 2**20:,.0f} MiB but takes {stored.stored_bytes / 2**20:,.1f} MiB, "
            f"more than {_MOST_EXPANSION} times less; if that is right, save it uncompressed with numpy.savez"
        )


def open_images(stored: StoredArray, name: str, progress: Progress | None = None) -> ImageArray:
    """Map or load the images of a file.

    Args:
        stored: where they are.
        name: what the dataset shall be called.
        progress: told how many images are unpacked.

    Raises:
        InputError: they cannot be images, are damaged, or do not fit into memory.
    """
    check_images(stored)
    shape = (*stored.shape, 1)[:4]
    frames = stored.mapped() if stored.dtype == np.uint8 else None
    if frames is None:
        frames = _unpack(stored, progress)
    binary = stored.dtype == np.uint8 and not _exceeds_one(frames)
    return ImageArray(frames.reshape(shape), name, binary)


def _unpack(stored: StoredArray, progress: Progress | None) -> NDArray[np.uint8]:
    needed, free = math.prod(stored.shape), psutil.virtual_memory().available
    if needed > _MEMORY_SHARE * free:
        raise InputError(
            f"{stored} unpacks to {needed / 2**30:.1f} GiB, more than half of the free memory "
            f"({free / 2**30:.1f} GiB); save it as uint8, uncompressed, with numpy.savez"
        )
    frames = np.empty(stored.shape, dtype=np.uint8)
    done = 0
    for block in stored.blocks():
        frames[done : done + len(block)] = _as_bytes(block, stored)
        done += len(block)
        if progress:
            progress(done, len(frames))
    return frames


def _as_bytes(block: NDArray[Any], stored: StoredArray) -> NDArray[np.uint8]:
    if block.dtype == np.uint8:
        return block
    if block.dtype == np.bool_:
        # Bytes other than 0 and 1 are possible in a file.
        return np.where(block.view(np.uint8) != 0, np.uint8(255), np.uint8(0))
    if not np.isfinite(block).all():
        raise InputError(f"{stored} has values that are not finite (NaN or infinity); floats must lie in [0, 1]")
    low, high = float(block.min()), float(block.max())
    if low < 0.0 or high > 1.0:
        raise InputError(f"{stored} has values from {low:g} to {high:g}; floats must lie in [0, 1]")
    scaled: NDArray[np.uint8] = np.rint(block.astype(np.float32) * np.float32(255.0)).astype(np.uint8)
    return scaled


def _exceeds_one(frames: NDArray[np.uint8]) -> bool:
    rows = max(1, BLOCK_BYTES // frames[0].nbytes)
    return any(frames[start : start + rows].max() > 1 for start in range(0, len(frames), rows))
