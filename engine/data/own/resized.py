"""Images of an array, made square and of another size once, then mapped."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.data import fingerprints
from engine.data.fingerprints import Fingerprint
from engine.data.formats.arrays import ImageArray, check_images, open_images
from engine.data.formats.layouts import images_shape
from engine.data.formats.stored import StoredArray
from engine.data.options import Options
from engine.data.prepared import PreparedFile
from engine.data.sources import state_of
from engine.data.square import squares
from engine.progress import Progress

_IMAGES_AT_ONCE = 1024


def open_resized(
    stored: StoredArray,
    name: str,
    root: Path,
    origin: Fingerprint,
    options: Options,
    progress: Progress | None = None,
) -> ImageArray:
    """Open the images of a file as the largest centred square of each, resized with antialiasing.

    When the file's path, size, time of change or sampled content changes, or other options are given, the images are
    made anew.

    Args:
        stored: where the images are.
        name: what the dataset shall be called.
        root: folder of prepared datasets.
        origin: the fingerprint of the file.
        options: the size, and how the images are to be read.
        progress: told how many images are resized.

    Raises:
        InputError: they cannot be images, are damaged, or do not fit into memory.
        WorkError: the disk refused.
    """
    assert options.size is not None
    size, layout = options.size, check_images(stored, options)
    count, height, width, channels = images_shape(stored.shape, layout)
    if (height, width) == (size, size):
        return open_images(stored, name, progress, options)
    source = f"{state_of(stored.path)} {stored.key} {size} {layout} {options.value_range} {origin.content}"
    key = hashlib.sha256(source.encode(errors="surrogateescape")).hexdigest()[:16]
    prepared = PreparedFile(root / f"resized-{key}.v1.npy", np.dtype(np.uint8), (count, size, size, channels))
    frames = prepared.resume(lambda start: _resize(stored, name, options, size, start), source, progress)
    if fingerprints.kept(prepared.path) is None:
        fingerprints.keep(prepared.path, origin)
    return ImageArray(frames, name)


def _resize(
    stored: StoredArray, name: str, options: Options, size: int, start: int
) -> Generator[NDArray[np.uint8], None, None]:
    images = open_images(stored, name, None, options)
    for first in range(start, len(images), _IMAGES_AT_ONCE):
        yield squares(images.images(range(first, min(first + _IMAGES_AT_ONCE, len(images)))), size)
