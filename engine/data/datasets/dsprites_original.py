"""dSprites from its authors' file, npz or HDF5: recognised by hash, and packed once like the rendered images.

The images are taken as the file has them; only the order of its factors is assumed (docs/method.md, section 11). Its
metadata is a pickle and is never read.
"""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.datasets import dsprites
from engine.data.datasets.dsprites import SIDE, DSprites
from engine.data.datasets.dsprites_rendering import Words
from engine.data.formats.stored import StoredArray, reading
from engine.errors import InputError
from engine.progress import Progress

MD5 = {"npz": "7da33b31b13a06f4b04a70402ce90c2e", "HDF5": "b331c4447a651c44bf5e8ae09022e230"}


def is_original(stored: StoredArray) -> bool:
    """Whether an array is that of the authors' file. Only a file of the right dimensions is hashed."""
    if not has_dimensions_of_dsprites(stored):
        return False
    with reading(stored.path), stored.path.open("rb") as file:
        if hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() in MD5.values():
            return True
    warnings.warn(
        f"'{stored.path}' has the dimensions of dSprites but is not the authors' file (its MD5 differs): "
        "its images are used without factors",
        stacklevel=2,
    )
    return False


def has_dimensions_of_dsprites(stored: StoredArray) -> bool:
    """Whether an array has the name, the type and the shape of the authors' one."""
    count = math.prod(factor.size for factor in dsprites.FACTORS)
    return stored.key == "imgs" and stored.dtype == np.uint8 and stored.shape == (count, SIDE, SIDE)


def open_original(stored: StoredArray, name: str, root: Path, progress: Progress | None = None) -> DSprites:
    """Open the original, packing it first (once per store).

    Args:
        stored: the images, uint8 ``[n, 64, 64]`` of 0 and 1 in grid order.
        name: what the dataset shall be called.
        root: folder of prepared datasets.
        progress: told how many images are packed.

    Raises:
        InputError: the file is damaged, or its images are not sprites at the places their indices say.
        WorkError: the disk refused.
    """
    words = dsprites.prepared_file(root, "dsprites-original").open(lambda: _pack(stored), progress)
    return DSprites(words, name, dsprites.FACTORS)


def _pack(stored: StoredArray) -> Iterator[Words]:
    done = 0
    for block in stored.blocks():
        indices = np.arange(done, done + len(block))
        rows = _bits(block)
        words = dsprites.window_words(rows, indices)
        lost = np.flatnonzero((dsprites.frame_rows(words, indices) != rows).any(axis=1))
        if lost.size:
            raise InputError(f"image {done + lost[0]} of '{stored.path}' is not a sprite at the place its index says")
        yield words
        done += len(block)


def _bits(frames: NDArray[Any]) -> NDArray[np.uint64]:
    """Rows of images as little-endian words, ``[n, 64]``."""
    rows: NDArray[np.uint64] = np.packbits(frames != 0, axis=2, bitorder="little").view("<u8")[:, :, 0]
    return rows
