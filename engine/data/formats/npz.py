"""Arrays in npz files. Nothing is unpickled, and what a file declares is checked."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from engine.data.formats.npy import read_header
from engine.data.formats.stored import StoredArray, choose_key, reading, require_key
from engine.errors import InputError

SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ENCRYPTED = 0x1
_LOCAL_HEADER_BYTES = 30


class NpzArray(StoredArray):
    """An array of an npz file: a ``.npy`` file inside a zip archive."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
        key = member.filename.removesuffix(".npy")
        if member.compress_type not in _METHODS or member.flag_bits & _ENCRYPTED:
            raise InputError(
                f"array '{key}' of '{path}' is packed in a way NumPy does not use; save it with numpy.savez"
            )
        if member.compress_size > path.stat().st_size:
            raise InputError(f"'{path}' is damaged or cut short; copy or save it again")
        with archive.open(member) as stream:
            shape, fortran_order, dtype = read_header(stream)
            self._header_bytes = stream.tell()
        super().__init__(path, key, shape, dtype, member.compress_size, fortran_order)
        if self._header_bytes + self.nbytes != member.file_size:
            raise InputError(
                f"{self} declares {self.nbytes} bytes of content but {member.file_size - self._header_bytes} are there"
            )
        self._archive = archive
        self._member = member

    def mapped(self) -> NDArray[Any] | None:
        if self._member.compress_type != zipfile.ZIP_STORED:
            return None
        with reading(self.path), self.path.open("rb") as file:
            # The local header repeats the name, but its extra fields can have another length than those of the central
            # header.
            file.seek(self._member.header_offset)
            header = file.read(_LOCAL_HEADER_BYTES)
            name_bytes, extra_bytes = int.from_bytes(header[26:28], "little"), int.from_bytes(header[28:30], "little")
            offset = file.tell() + name_bytes + extra_bytes + self._header_bytes
            return np.asarray(
                np.memmap(file, self.dtype, "r", offset, self.shape, order="F" if self.fortran_order else "C")
            )

    def _read_blocks(self, start: int) -> Iterator[NDArray[Any]]:
        rows, length = self._rows_at_once(), self.shape[0]
        row_bytes = self.nbytes // max(1, length)
        with reading(self.path), self._archive.open(self._member) as stream:
            stream.seek(self._header_bytes + start * row_bytes)
            for first in range(start, length, rows):
                count = min(rows, length - first)
                content = _read_exactly(stream, count * row_bytes)
                yield np.frombuffer(content, self.dtype).reshape(count, *self.shape[1:])

    def _read_fortran(self) -> NDArray[Any]:
        with reading(self.path), self._archive.open(self._member) as stream:
            stream.seek(self._header_bytes)
            return np.frombuffer(_read_exactly(stream, self.nbytes), self.dtype).reshape(self.shape, order="F")


@contextlib.contextmanager
def open_npz(path: Path, key: str | None = None) -> Iterator[NpzArray]:
    """Open an array of an npz file.

    Args:
        path: the file.
        key: which array; default: that of the images, see :func:`engine.data.formats.stored.choose_key`.

    Raises:
        InputError: the file cannot be read, or what it declares cannot be used.
    """
    with contextlib.ExitStack() as stack:
        with reading(path):
            archive = stack.enter_context(zipfile.ZipFile(path))
            members = {member.filename: member for member in archive.infolist() if member.filename.endswith(".npy")}
            keys = [name.removesuffix(".npy") for name in members]
            chosen = choose_key(path, keys) if key is None else require_key(path, key, keys)
            array = NpzArray(path, archive, members[f"{chosen}.npy"])
        yield array


def keys_of(path: Path) -> list[str]:
    """The names of the arrays in an npz file.

    Raises:
        InputError: it cannot be read.
    """
    with reading(path), zipfile.ZipFile(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]


def _read_exactly(stream: IO[bytes], count: int) -> bytes:
    content = stream.read(count)
    if len(content) != count:
        raise EOFError
    return content
