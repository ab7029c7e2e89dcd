"""Arrays in HDF5 files. Links to other files are not followed, and what a file declares is checked."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.formats.stored import StoredArray, choose_key, reading
from engine.errors import InputError
from engine.extras import require

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_MOST_CHUNK_BYTES = 512 << 20


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

    def blocks(self, start: int = 0) -> Iterator[NDArray[Any]]:
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
    require(("h5py",), "hdf5", f"'{path}' is an HDF5 file, which")
    import h5py

    with contextlib.ExitStack() as stack:
        with reading(path):
            file = stack.enter_context(h5py.File(path, "r"))
            # Hard links alone: the others may lead out of the file.
            linked = [key for key in file if isinstance(file.get(key, getlink=True), h5py.HardLink)]
            arrays = [name for name in linked if file.get(name, getclass=True) is h5py.Dataset]
            if key is not None and key not in arrays:
                raise InputError(f"'{path}' holds no array '{key}'")
            chosen = key if key is not None else choose_key(path, arrays)
            array = Hdf5Array(path, chosen, file[chosen])
        yield array
