"""dSprites from its authors' file, npz or HDF5, or saved again: recognised, and packed once like the rendered images.

The authors' file is recognised by its hash. A file that was saved again is recognised by its content: each image must
be, but for a few pixels, the one that is rendered for its index. The images are taken as the file has them; only the
order of its factors is assumed (docs/method.md, section 11). Its metadata is a pickle and is never read.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import warnings
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data import fingerprints
from engine.data.datasets import dsprites
from engine.data.datasets.dsprites import SIDE, DSprites
from engine.data.datasets.dsprites_rendering import Words
from engine.data.fingerprints import Fingerprint
from engine.data.formats.arrays import check_expansion
from engine.data.formats.stored import StoredArray, reading
from engine.data.options import NO_LABELS, advice
from engine.errors import InputError
from engine.progress import Progress

MD5 = {"npz": "7da33b31b13a06f4b04a70402ce90c2e", "HDF5": "b331c4447a651c44bf5e8ae09022e230"}


_MOST_DIFFERENT = 8
"""Pixels by which an image may differ from the rendered one. The authors' differ by two at most, as far as measured."""
_LOOKED_AT = 256


class Original(Enum):
    """How a file was recognised."""

    PUBLISHED = "by its hash"
    SAVED_AGAIN = "by its images"


def find_original(stored: StoredArray) -> Original | None:
    """Whether an array has the images of dSprites. Only one of the right dimensions is looked at.

    A file of these dimensions with other images is said to be none of the authors'.

    Raises:
        InputError: it is damaged.
    """
    if not has_dimensions_of_dsprites(stored):
        return None
    check_expansion(stored)
    with reading(stored.path), stored.path.open("rb") as file:
        if hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() in MD5.values():
            return Original.PUBLISHED
    first = next(iter(stored.blocks()))[:_LOOKED_AT]
    rendered = next(dsprites.render(dsprites.FACTORS))[: len(first)]
    if first.max(initial=0) > 0 and _differing(_words(first, 0)[0], rendered).max() <= _MOST_DIFFERENT:
        return Original.SAVED_AGAIN
    warnings.warn(
        f"'{stored.path}' has the dimensions of dSprites but not its images (and its MD5 differs): it is read like any "
        "other file",
        stacklevel=2,
    )
    return None


def has_dimensions_of_dsprites(stored: StoredArray) -> bool:
    """Whether an array has the type and the shape of the authors' one."""
    count = math.prod(factor.size for factor in dsprites.FACTORS)
    return stored.dtype.name in ("uint8", "bool") and stored.shape in ((count, SIDE, SIDE), (count, SIDE, SIDE, 1))


def open_original(
    stored: StoredArray,
    name: str,
    root: Path,
    original: Original,
    source: Fingerprint,
    progress: Progress | None = None,
) -> DSprites:
    """Open the original, packing it first (once per store and file).

    Args:
        stored: the images, ``[n, 64, 64]`` in grid order, of two values.
        name: what the dataset shall be called.
        root: folder of prepared datasets.
        original: how it was recognised.
        source: the fingerprint of the file.
        progress: told how many images are packed.

    Raises:
        InputError: the file is damaged, or its images are not sprites at the places their indices say.
        WorkError: the disk refused.
    """
    if original is Original.PUBLISHED:
        # One file on every disk, so one prepared file.
        words = dsprites.prepared_file(root, "dsprites-original").open(lambda: _pack(stored), progress)
        return DSprites(words, name, dsprites.FACTORS)
    prepared = dsprites.prepared_file(root, f"dsprites-{source.short}")
    words = prepared.open(lambda: _checked(stored), progress)
    if fingerprints.kept(prepared.path) is None:
        fingerprints.keep(prepared.path, source)
    return DSprites(words, name, dsprites.FACTORS)


def _pack(stored: StoredArray) -> Iterator[Words]:
    done, full = 0, 0
    for block in stored.blocks():
        words, lost = _words(block, done)
        high = int(block.max(initial=0))
        full = full or high
        if lost.size or not ((block == 0) | (block == full)).all():
            where = done + int(lost[0]) if lost.size else done
            raise InputError(f"image {where} of '{stored.path}' is not a sprite at the place its index says")
        yield words
        done += len(block)


def _checked(stored: StoredArray) -> Iterator[Words]:
    """The packed images, each held against the one that is rendered for its index."""
    done = 0
    rendered = itertools.chain.from_iterable(dsprites.render(dsprites.FACTORS))
    for words in _pack(stored):
        expected = np.stack(list(itertools.islice(rendered, len(words))))
        wrong = np.flatnonzero(_differing(words, expected) > _MOST_DIFFERENT)
        if wrong.size:
            raise InputError(
                f"'{stored.path}' begins like dSprites, but its image {done + wrong[0]} is another; "
                f"{advice('labels', NO_LABELS)} to read it like any other file"
            )
        yield words
        done += len(words)


def _words(block: NDArray[Any], start: int) -> tuple[Words, NDArray[np.int64]]:
    """The windows of images from number ``start`` on, and which of the images have pixels outside of theirs."""
    indices = np.arange(start, start + len(block))
    rows = _bits(block.reshape(len(block), SIDE, SIDE))
    words = dsprites.window_words(rows, indices)
    return words, np.flatnonzero((dsprites.frame_rows(words, indices) != rows).any(axis=1))


def _differing(words: Words, others: Words) -> NDArray[np.int64]:
    """In how many pixels images differ, ``[n]``."""
    differing = np.ascontiguousarray(words ^ others).view(np.uint8)
    counts: NDArray[np.int64] = np.unpackbits(differing, axis=1).sum(axis=1, dtype=np.int64)
    return counts


def _bits(frames: NDArray[Any]) -> NDArray[np.uint64]:
    """Rows of images as little-endian words, ``[n, 64]``."""
    rows: NDArray[np.uint64] = np.packbits(frames != 0, axis=2, bitorder="little").view("<u8")[:, :, 0]
    return rows
