"""Arrays in HDF5 files. Links to other files are not followed, and what a file declares is checked."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.formats.stored import KEYS, StoredArray, choose_key, reading, require_key, several_arrays
from engine.errors import InputError
from engine.extras import require

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_MOST_CHUNK_BYTES = 512 << 20
_MOST_GROUPS = 1000


class Hdf5Array(StoredArray):
    """A dataset of an HDF5 file."""

    def __init__(self, path: Path, key: str, dataset: Any) -> None:
        if dataset.shape is None:
            raise InputError(f"array '{key}' of '{path}' is empty")
        super().__init__(path, key, dataset.shape, dataset.dtype, dataset.id.get_storage_size())
        if dataset.is_virtual or dataset.external:
            raise InputError(f"{self} keeps its content in other files; copy it into this one")
        if dataset.chunks and math.prod(dataset.chunks) * self.dtype.itemsize > _MOST_CHUNK_BYTES:
            raise InputError(f"{self} is in chunks of more than {_MOST_CHUNK_BYTES >> 20} MiB; save it in smaller ones")
        self._dataset = dataset

    def mapped(self) -> NDArray[Any] | None:
        offset = self._dataset.id.get_offset()
        if offset is None or self._dataset.file.userblock_size:
            return None
        with reading(self.path):
            return np.asarray(np.memmap(self.path, self.dtype, "r", offset, self.shape))

    def _read_blocks(self, start: int) -> Iterator[NDArray[Any]]:
        rows = self._rows_at_once()
        with reading(self.path):
            for first in range(start, self.shape[0], rows):
                yield self._dataset[first : first + rows]

    def _rows_at_once(self) -> int:
        """Rows to read at once: about a block, in whole chunks, so that no chunk is unpacked twice."""
        rows = super()._rows_at_once()
        chunk = self._dataset.chunks[0] if self._dataset.chunks else 1
        row_bytes = self.nbytes // max(1, self.shape[0])
        if chunk * row_bytes > _MOST_CHUNK_BYTES:
            return rows
        return max(chunk, rows // chunk * chunk)


@contextlib.contextmanager
def open_hdf5(path: Path, key: str | None = None) -> Iterator[Hdf5Array]:
    """Open an array of an HDF5 file.

    Args:
        path: the file.
        key: which array; default: that of the images, see :func:`engine.data.formats.stored.choose_key`.

    Raises:
        InputError: h5py is missing, the file cannot be read, or what it declares cannot be used.
    """
    with contextlib.ExitStack() as stack:
        with reading(path):
            file = stack.enter_context(_opened(path))
            chosen = _chosen(path, file) if key is None else require_key(path, key, _around(file, key))
            array = Hdf5Array(path, chosen, file[chosen])
        yield array


def _chosen(path: Path, file: Any) -> str:
    """The array with the images, which is not in a group; where a group has images as well, nothing says which."""
    chosen = choose_key(path, _linked(file))
    in_groups = [] if chosen in KEYS else _images_in_groups(file)
    if in_groups:
        raise several_arrays(path, [chosen, *in_groups])
    return chosen


def _images_in_groups(file: Any) -> list[str]:
    """Arrays in groups that could be images: numbers, of three axes or four. Not all, where a file has very many."""
    found: list[str] = []
    groups = [f"{name}/" for name in _linked(file, is_group=True)]
    # The list grows meanwhile; a group may even hold itself.
    for prefix in itertools.islice(groups, _MOST_GROUPS):
        group = file[prefix]
        found += [f"{prefix}{name}" for name in _linked(group) if _could_be_images(group[name])]
        if len(groups) < _MOST_GROUPS:
            groups += [f"{prefix}{name}/" for name in _linked(group, is_group=True)]
    return found


def _could_be_images(dataset: Any) -> bool:
    return dataset.shape is not None and len(dataset.shape) in (3, 4) and dataset.dtype.kind in "buif"


def keys_of(path: Path, group: str = "") -> list[str]:
    """The names of the arrays in an HDF5 file, or in one of its groups; without those in groups further below.

    Raises:
        InputError: h5py is missing, or the file cannot be read.
    """
    with reading(path), _opened(path) as file:
        return _around(file, f"{group}/x") if group else _linked(file)


def _opened(path: Path) -> Any:
    require(("h5py",), "hdf5", f"'{path}' is an HDF5 file, which")
    import h5py

    return h5py.File(path, "r")


def _around(file: Any, key: str) -> list[str]:
    """The arrays of the group that a key names one of, by their whole names."""
    group, prefix = file, ""
    for name in key.split("/")[:-1]:
        if name not in _linked(group, is_group=True):
            return []
        group, prefix = group[name], f"{prefix}{name}/"
    return [f"{prefix}{name}" for name in _linked(group)]


def _linked(group: Any, is_group: bool = False) -> list[str]:
    """The arrays or groups in a group. Hard links alone: the others may lead out of the file."""
    import h5py

    wanted = h5py.Group if is_group else h5py.Dataset
    linked = [name for name in group if isinstance(group.get(name, getlink=True), h5py.HardLink)]
    return [name for name in linked if group.get(name, getclass=True) is wanted]
