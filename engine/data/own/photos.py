"""Images of your own, from a folder of photos: found in all folders below, made square and small once, then mapped.

When the name, size or time of change of a photo changes, or another size is asked for, the folder is imported anew. The
images are grey if every photo is stored grey, otherwise RGB. Photos that cannot be read are left out, and a warning
says how many.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import Dataset
from engine.data.own.photo_decoding import UnreadableError, decode, is_grey
from engine.data.own.photo_listing import Photo, digest, list_photos
from engine.data.prepared import PreparedFile
from engine.data.processes import in_order
from engine.errors import InputError
from engine.progress import Progress

_PHOTOS_AT_ONCE = 64


class Photos(Dataset):
    """Unlabelled images.

    Args:
        rows: uint8 ``[n, 1 + size * size * channels]``: whether the photo could be read, then its pixels.
        name: the path it was loaded by.
        size: side of the images in pixels.
    """

    def __init__(self, rows: NDArray[np.uint8], name: str, size: int) -> None:
        self.name = name
        self.image_shape = (size, size, (rows.shape[1] - 1) // size**2)
        self._rows = rows
        self._readable = np.flatnonzero(rows[:, 0])

    def __len__(self) -> int:
        return len(self._readable)

    def images(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint8]:
        rows = self._rows[self._readable[np.asarray(indices, dtype=np.int64)]]
        return rows[:, 1:].reshape(len(rows), *self.image_shape)


def open_photos(folder: Path, name: str, root: Path, size: int, progress: Progress | None = None) -> Photos:
    """Open the photos of a folder, importing them first where that has not been done.

    Args:
        folder: where they lie.
        name: what the dataset shall be called.
        root: folder of prepared datasets.
        size: side of the images in pixels.
        progress: told how many photos are imported.

    Raises:
        InputError: there is no photo, or none that can be read.
        WorkError: the disk refused.
    """
    photos = list_photos(folder)
    key = digest(photos, f"{size}")
    prepared = _imported(root, key, len(photos), size) or _to_import(folder, photos, root, key, size)
    channels = (prepared.shape[1] - 1) // size**2
    rows = prepared.resume(lambda start: _import(folder, photos[start:], size, channels), key, progress)
    unreadable = np.flatnonzero(rows[:, 0] == 0)
    if unreadable.size == len(photos):
        prepared.path.unlink(missing_ok=True)
        raise InputError(
            f"none of the {len(photos)} photos in '{name}' can be read, the first being '{photos[0].path}'"
        )
    if unreadable.size:
        warnings.warn(
            f"{unreadable.size} of the {len(photos)} photos in '{name}' cannot be read and are left out, "
            f"the first being '{photos[unreadable[0]].path}'",
            stacklevel=2,
        )
    return Photos(rows, name, size)


def _prepared(root: Path, key: str, count: int, size: int, channels: int) -> PreparedFile:
    kind = "grey" if channels == 1 else "rgb"
    return PreparedFile(root / f"photos-{key}-{kind}.v1.npy", np.dtype(np.uint8), (count, 1 + size * size * channels))


def _imported(root: Path, key: str, count: int, size: int) -> PreparedFile | None:
    """What has been imported already, found without opening the photos, of which there may be thousands."""
    both = (_prepared(root, key, count, size, channels) for channels in (3, 1))
    return next((prepared for prepared in both if prepared.is_present()), None)


def _to_import(folder: Path, photos: list[Photo], root: Path, key: str, size: int) -> PreparedFile:
    grey = all(is_grey(folder / photo.path) for photo in photos)
    return _prepared(root, key, len(photos), size, 1 if grey else 3)


def _import(folder: Path, photos: list[Photo], size: int, channels: int) -> Generator[NDArray[Any], None, None]:
    parts = [photos[start : start + _PHOTOS_AT_ONCE] for start in range(0, len(photos), _PHOTOS_AT_ONCE)]
    yield from in_order(functools.partial(_rows, folder, size, channels), parts)


def _rows(folder: Path, size: int, channels: int, photos: list[Photo]) -> NDArray[np.uint8]:
    rows = np.zeros((len(photos), 1 + size * size * channels), dtype=np.uint8)
    for row, photo in zip(rows, photos, strict=True):
        try:
            row[1:] = decode(folder / photo.path, size, channels).ravel()
        except UnreadableError:
            continue
        row[0] = 1
    return rows
