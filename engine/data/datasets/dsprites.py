"""dSprites (Matthey et al. 2017): 737,280 binary 64x64 images of a square, an ellipse or a heart.

The images are rendered from their geometry (:mod:`engine.data.datasets.dsprites_rendering`) or taken from the original
file (:mod:`engine.data.datasets.dsprites_original`), in the original's order, and kept as bits: the 32x32 window around
the sprite, whose place follows from the position ids. The original's sixth factor, colour, has only one value and is
left out.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import Bitmaps, Dataset, Factor
from engine.data.datasets import dsprites_rendering as rendering
from engine.data.datasets.dsprites_rendering import POSITIONS, STARTS, WINDOW, Words
from engine.data.prepared import PreparedFile
from engine.progress import Progress

SIDE = 64
Factors = tuple[Factor, ...]
FACTORS: Factors = (
    Factor("shape", (1.0, 2.0, 3.0), continuous=False),
    Factor("scale", tuple(np.linspace(0.5, 1.0, 6)), continuous=True),
    Factor("orientation", tuple(np.linspace(0.0, 2.0 * math.pi, 40)), continuous=True),
    Factor("position-x", tuple(POSITIONS), continuous=True),
    Factor("position-y", tuple(POSITIONS), continuous=True),
)
"""Slowest first; the values are the original's ``latents_values``."""

_RENDERERS = {1.0: rendering.square, 2.0: rendering.ellipse, 3.0: rendering.heart}
_IMAGES_AT_ONCE = 256
_PIXELS: NDArray[np.uint64] = (
    np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little") * np.uint8(255)
).view(np.uint64)[:, 0]
"""For each byte its eight bits as pixels, 0 or 255, so that one look-up writes eight pixels."""


class DSprites(Dataset):
    """dSprites, unpacked from windows of bits when images are asked for.

    Args:
        words: rows of the windows in grid order, uint32 ``[n, 32]``, bit ``k`` for column ``k``.
        name: the name or path it was loaded by.
        factors: the factor grid; the last two are the full 32 x 32 positions.
    """

    image_shape = (SIDE, SIDE, 1)
    in_grid_order = True

    def __init__(self, words: Words, name: str = "dsprites", factors: Factors = FACTORS) -> None:
        self.name = name
        self.factors = factors
        self._words = words

    def __len__(self) -> int:
        return len(self._words)

    def images(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint8]:
        wanted = np.asarray(indices, dtype=np.int64)
        eights = np.empty((len(wanted), SIDE, SIDE // 8), dtype=np.uint64)
        for start in range(0, len(wanted), _IMAGES_AT_ONCE):
            part = wanted[start : start + _IMAGES_AT_ONCE]
            rows = frame_rows(self._words[part], part)
            eights[start : start + len(part)] = _PIXELS[rows.view(np.uint8).reshape(len(part), SIDE, SIDE // 8)]
        return eights.view(np.uint8).reshape(-1, SIDE, SIDE, 1)

    def bitmaps(self) -> Bitmaps:
        return Bitmaps(self._words, _window_corners(np.arange(POSITIONS.size**2)), SIDE)


def open_dataset(root: Path, progress: Progress | None = None) -> DSprites:
    """Open the rendered dataset, rendering it first (once per store) where it is missing or damaged.

    Args:
        root: folder of prepared datasets.
        progress: told how many images are rendered.

    Raises:
        InputError, WorkError: see :meth:`engine.data.prepared.PreparedFile.open`.
    """
    words = prepared_file(root, "dsprites").open(lambda: render(FACTORS), progress)
    return DSprites(words, factors=FACTORS)


def is_prepared(root: Path) -> bool:
    """Whether the rendered dataset is there."""
    return prepared_file(root, "dsprites").is_present()


def prepared_file(root: Path, kind: str) -> PreparedFile:
    """The file that holds all windows. The version in its name counts up when geometry or packing changes."""
    count = math.prod(factor.size for factor in FACTORS)
    return PreparedFile(root / f"{kind}.v1.npy", np.dtype("<u4"), (count, WINDOW))


def render(factors: Factors) -> Iterator[Words]:
    """Windows of a grid in its order: uint32 ``[1024, 32]``, all positions, for each shape, scale and orientation."""
    for shape, scale, orientation in itertools.product(*(factor.values for factor in factors[:3])):
        yield _RENDERERS[shape](scale, orientation).reshape(-1, WINDOW)


def frame_rows(words: Words, indices: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The rows of whole images from the rows of their windows.

    Args:
        words: ``[n, 32]``.
        indices: numbers of the images, which give their positions.

    Returns:
        Little-endian uint64 ``[n, 64]``, bit ``k`` for column ``k``.
    """
    top, left = _window_corners(indices)
    rows = np.zeros((len(words), SIDE), dtype="<u8")
    inside = top[:, None] + np.arange(WINDOW)
    rows[np.arange(len(words))[:, None], inside] = words.astype(np.uint64) << left[:, None].astype(np.uint64)
    return rows


def window_words(rows: NDArray[np.uint64], indices: NDArray[np.int64]) -> Words:
    """The inverse of :func:`frame_rows`; bits outside the windows are lost."""
    top, left = _window_corners(indices)
    inside = np.take_along_axis(rows, top[:, None] + np.arange(WINDOW), axis=1)
    return (inside >> left[:, None].astype(np.uint64)).astype(np.uint32)


def _window_corners(indices: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First row and first column of each image's window."""
    x, y = np.divmod(indices % POSITIONS.size**2, POSITIONS.size)
    return STARTS[y], STARTS[x]
