"""Images of your own: one array of an npy, npz or HDF5 file.

The array is ``imgs``, ``images`` or the only one. Which axis is which is decided by
:mod:`engine.data.formats.layouts`, and which values are black and white by :mod:`engine.data.formats.levels`.

uint8 that is stored plainly (``numpy.save``, ``numpy.savez``, a contiguous HDF5 dataset), with the images along its
first axis, is mapped and costs no memory of its own. Anything else is unpacked once into uint8 in memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import Dataset
from engine.data.formats.layouts import images_shape, in_order, layout_of
from engine.data.formats.levels import DARK, Levels, levels_of, require_finite
from engine.data.formats.stored import BLOCK_BYTES, StoredArray, require_memory
from engine.data.options import Options, parse_range
from engine.errors import InputError
from engine.progress import Progress

MOST_PIXELS = 1024 * 1024
"""Most bytes of one image."""
DEFAULTS = Options()
_PLAIN = Levels(0, 255)
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


def check_images(stored: StoredArray, options: Options = DEFAULTS) -> str:
    """Check, by its declared shape and type, that an array can hold images.

    Args:
        stored: the array.
        options: what the user says of it.

    Returns:
        Its layout; see :func:`engine.data.formats.layouts.layout_of`.

    Raises:
        InputError: wrong dimensions, channels, size or type, or a layout that must be asked for.
    """
    layout = layout_of(stored, options.layout)
    if 0 in stored.shape:
        raise InputError(f"{stored} has shape {stored.shape}, so it holds no pixel")
    _, height, width, _ = images_shape(stored.shape, layout)
    if height * width > MOST_PIXELS:
        raise InputError(f"{stored} has images of {height}x{width}; at most {MOST_PIXELS:,} pixels are taken")
    if stored.dtype.kind not in "buif" or stored.dtype.itemsize > 8:
        raise InputError(f"{stored} is of type {stored.dtype}; images are bool, whole numbers or floats")
    check_expansion(stored)
    return layout


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


def open_images(
    stored: StoredArray, name: str, progress: Progress | None = None, options: Options = DEFAULTS
) -> ImageArray:
    """Map or load the images of a file.

    Args:
        stored: where they are.
        name: what the dataset shall be called.
        progress: told how many images are unpacked.
        options: their layout and range, where the file does not say them.

    Raises:
        InputError: they cannot be images, are damaged, do not fit into memory, or must be told more of.
    """
    layout = check_images(stored, options)
    asked = Levels(*parse_range(options.value_range)) if options.value_range else None
    if stored.dtype != np.uint8 or asked not in (None, _PLAIN):
        return ImageArray(_unpack(stored, layout, progress, asked), name)
    mapped = stored.mapped() if layout[0] == "N" and not stored.fortran_order else None
    frames = _unpack(stored, layout, progress, _PLAIN) if mapped is None else in_order(mapped, layout)
    return ImageArray(frames, name, asked is None and _is_binary(frames, stored))


def _unpack(stored: StoredArray, layout: str, progress: Progress | None, levels: Levels | None) -> NDArray[np.uint8]:
    """The images as bytes in memory. Unless their range is known, they are read twice: its extremes come first."""
    shape = images_shape(stored.shape, layout)
    require_memory(stored, math.prod(shape))
    source = _Images(stored, layout)
    is_bool = stored.dtype.kind == "b"
    levels = levels or (Levels(0, 1) if is_bool else source.levels())
    frames = np.empty(shape, dtype=np.uint8)
    done = 0
    for block in source.blocks():
        # Bytes of a bool other than 0 and 1 are possible in a file.
        values = block.view(np.uint8) != 0 if is_bool else block
        frames[done : done + len(block)] = levels.to_bytes(values, stored)
        done += len(block)
        if progress:
            progress(done, len(frames))
    return frames


class _Images:
    """The images of an array in blocks ``[n, H, W, C]``, read as often as is wanted.

    Args:
        stored: the array.
        layout: of its axes.
    """

    def __init__(self, stored: StoredArray, layout: str) -> None:
        self._stored = stored
        self._layout = layout
        # Blocks of a file are along its first axis. If that does not count images, everything is needed for each.
        self._whole = None if layout[0] == "N" else in_order(stored.whole(), layout)

    def blocks(self) -> Iterator[NDArray[Any]]:
        if self._whole is None:
            for block in self._stored.blocks():
                yield in_order(block, self._layout)
            return
        rows = max(1, BLOCK_BYTES // (math.prod(self._whole.shape[1:]) * self._whole.itemsize))
        for first in range(0, len(self._whole), rows):
            yield self._whole[first : first + rows]

    def levels(self) -> Levels:
        """The levels that type and values imply.

        Raises:
            InputError: they imply none, or are not finite.
        """
        low, high = math.inf, -math.inf
        for block in self.blocks():
            require_finite(block, self._stored)
            low, high = min(low, float(block.min())), max(high, float(block.max()))
        return levels_of(self._stored, low, high)


def _is_binary(frames: NDArray[np.uint8], stored: StoredArray) -> bool:
    """Whether no value is above 1. Looks at no more images than it takes to find that they are not dark."""
    rows, high = max(1, BLOCK_BYTES // frames[0].nbytes), 0
    for start in range(0, len(frames), rows):
        high = max(high, int(frames[start : start + rows].max()))
        if high >= DARK * _PLAIN.white:
            return False
    return levels_of(stored, 0, high).white == 1
