"""Arrays in npy files, which hold one each. Nothing is unpickled, and what a file declares is checked."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from engine.data.formats.stored import StoredArray, reading
from engine.errors import InputError

SIGNATURE = b"\x93NUMPY"


class NpyArray(StoredArray):
    """The array of an npy file. It is always stored plainly, so it can be mapped."""

    def __init__(self, path: Path) -> None:
        with reading(path), path.open("rb") as stream:
            shape, fortran_order, dtype = read_header(stream)
            self._header_bytes = stream.tell()
            there = path.stat().st_size - self._header_bytes
        super().__init__(path, "", shape, dtype, there, fortran_order)
        if self.nbytes != there:
            raise InputError(f"{self} declares {self.nbytes} bytes of content but {there} are there")

    def mapped(self) -> NDArray[Any]:
        with reading(self.path):
            return np.asarray(
                np.memmap(
                    self.path, self.dtype, "r", self._header_bytes, self.shape, order="F" if self.fortran_order else "C"
                )
            )

    def _read_blocks(self, start: int) -> Iterator[NDArray[Any]]:
        whole, rows = self.mapped(), self._rows_at_once()
        for first in range(start, self.shape[0], rows):
            yield whole[first : first + rows]


@contextlib.contextmanager
def open_npy(path: Path, key: str | None = None) -> Iterator[NpyArray]:
    """Open an npy file.

    Args:
        path: the file.
        key: must be ``None``: the array has no name.

    Raises:
        InputError: the file cannot be read, what it declares cannot be used, or a key was given.
    """
    if key is not None:
        raise InputError(f"'{path}' is an npy file, which holds one array without a name; leave out ':{key[:80]}'")
    yield NpyArray(path)


def read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether in Fortran order, and type of the array that a stream begins with.

    Raises:
        ValueError: it begins with none.
    """
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(stream)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(stream)
    raise ValueError(f"npy version {version}")
