"""Images of an npz or HDF5 file, made square and of another size once, then mapped."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.data.formats.arrays import ImageArray, check_images, open_images
from engine.data.formats.stored import StoredArray
from engine.data.prepared import PreparedFile
from engine.data.sources import state_of
from engine.data.square import squares
from engine.progress import Progress

_IMAGES_AT_ONCE = 1024


def open_resized(stored: StoredArray, name: str, root: Path, size: int, progress: Progress | None = None) -> ImageArray:
    """Open the images of a file as the largest centred square of each, resized with antialiasing.

    When the file's path, size or time of change changes, or another size is asked for, the images are made anew.

    Args:
        stored: where the images are.
        name: what the dataset shall be called.
        root: folder of prepared datasets.
        size: side of the images in pixels.
        progress: told how many images are resized.

    Raises:
        InputError: they cannot be images, are damaged, or do not fit into memory.
        WorkError: the disk refused.
    """
    check_images(stored)
    count, height, width, channels = (*stored.shape, 1)[:4]
    if (height, width) == (size, size):
        return open_images(stored, name, progress)
    source = f"{state_of(stored.path)} {stored.key} {size}"
    key = hashlib.sha256(source.encode(errors="surrogateescape")).hexdigest()[:16]
    prepared = PreparedFile(root / f"resized-{key}.v1.npy", np.dtype(np.uint8), (count, size, size, channels))
    frames = prepared.resume(lambda start: _resize(stored, name, size, start), source, progress)
    return ImageArray(frames, name)


def _resize(stored: StoredArray, name: str, size: int, start: int) -> Generator[NDArray[np.uint8], None, None]:
    images = open_images(stored, name)
    for first in range(start, len(images), _IMAGES_AT_ONCE):
        yield squares(images.images(range(first, min(first + _IMAGES_AT_ONCE, len(images)))), size)
