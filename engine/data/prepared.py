"""Files made once and mapped ever after: how they are written so that nobody reads half of one, and how damage shows.

A prepared file is an ordinary ``.npy`` file (``numpy.load`` reads it) followed by the SHA-256 of all before it. Its
name carries the version of what made it. It is written under a temporary name and renamed when complete, by one process
at a time; whoever comes second waits and then finds it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import math
import mmap
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from engine import durable
from engine.data import Progress
from engine.errors import CrtuiError, InputError, WorkError

FOLDER_MODE = 0o700
FILE_MODE = 0o600
_DIGEST_BYTES = hashlib.sha256().digest_size
_NOT_WRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ELOOP}
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class _DamagedError(Exception):
    """The file is there but is not what was written."""


@dataclass(frozen=True)
class PreparedFile:
    """One array on disk.

    Args:
        path: where it lies.
        dtype: element type, byte order included, so that the file means the same on every machine.
        shape: the array's shape; the first axis counts images.
    """

    path: Path
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    def is_present(self) -> bool:
        """Whether the file is there with the right header and size. Its content is checked by :meth:`open` only."""
        try:
            with self.path.open("rb") as file:
                self._check_layout(file)
        except (OSError, _DamagedError):
            return False
        return True

    def open(self, blocks: Callable[[], Iterable[NDArray[Any]]], progress: Progress | None = None) -> NDArray[Any]:
        """Map the array, making the file first where it is missing or damaged.

        Args:
            blocks: yields the array in consecutive pieces along the first axis; called only if the file must be made.
            progress: told after each piece.

        Returns:
            The array, read-only, mapped from the file: processes that open it share its memory.

        Raises:
            InputError: the folder cannot be written.
            WorkError: the disk refused. Nothing is left behind.
        """
        # Most often the file is whole, perhaps in a folder that cannot be written: no lock is needed then.
        found = self._read(warn=False)
        if found is not None:
            return found
        with _told(self.path):
            self.path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            with FileLock(self.path.with_name(f".{self.path.name}.lock"), mode=FILE_MODE, fallback_to_soft=False):
                found = self._read(warn=True)
                if found is None:
                    self._write(blocks(), progress or _ignore)
                    found = self._read(warn=True)
        if found is None:
            raise WorkError(f"{self.path} was written but cannot be read back; check the disk")
        return found

    def _header(self) -> bytes:
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"descr": np.lib.format.dtype_to_descr(self.dtype), "fortran_order": False, "shape": self.shape}
        )
        return header.getvalue()

    @property
    def _size(self) -> int:
        return len(self._header()) + math.prod(self.shape) * self.dtype.itemsize + _DIGEST_BYTES

    def _read(self, warn: bool) -> NDArray[Any] | None:
        try:
            with self.path.open("rb") as file:
                return self._map(file)
        except FileNotFoundError:
            return None
        except _DamagedError as damage:
            if warn:
                warnings.warn(f"{self.path} {damage}; making it again", stacklevel=4)
            return None
        except OSError as error:
            raise InputError(f"{self.path} cannot be read: {error.strerror or error}") from error

    def _check_layout(self, file: BinaryIO) -> None:
        size = os.fstat(file.fileno()).st_size
        if size != self._size:
            raise _DamagedError(f"has {size} bytes instead of {self._size}")
        header = self._header()
        if file.read(len(header)) != header:
            raise _DamagedError("has a damaged header")

    def _map(self, file: BinaryIO) -> NDArray[Any]:
        self._check_layout(file)
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        with memoryview(content) as view, view[:-_DIGEST_BYTES] as hashed, view[-_DIGEST_BYTES:] as digest:
            if hashlib.sha256(hashed).digest() != digest:
                raise _DamagedError("is damaged (its SHA-256 differs)")
        flat: NDArray[Any] = np.frombuffer(content, self.dtype, math.prod(self.shape), offset=len(self._header()))
        return flat.reshape(self.shape)

    def _write(self, blocks: Iterable[NDArray[Any]], progress: Progress) -> None:
        temporary = self.path.with_name(f".{self.path.name}.tmp")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(temporary, flags, FILE_MODE), "wb") as file:
                self._reserve(file)
                self._write_blocks(file, blocks, progress)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        durable.sync(self.path.parent)

    def _reserve(self, file: BinaryIO) -> None:
        """Take the room at once: a full disk shows now rather than after a minute of work."""
        try:
            os.posix_fallocate(file.fileno(), 0, self._size)
        except OSError as error:
            if error.errno in _FULL:
                raise

    def _write_blocks(self, file: BinaryIO, blocks: Iterable[NDArray[Any]], progress: Progress) -> None:
        header = self._header()
        digest = hashlib.sha256(header)
        file.write(header)
        done = 0
        for block in blocks:
            content = np.ascontiguousarray(block, dtype=self.dtype)
            file.write(content.data)
            digest.update(content.data)
            done += len(content)
            progress(done, self.shape[0])
        if done != self.shape[0]:
            raise WorkError(f"{self.path.name} came out with {done} images instead of {self.shape[0]}")
        file.write(digest.digest())


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say what the disk refused, and whether another folder or more room is the remedy."""
    try:
        yield
    except CrtuiError:
        raise
    except OSError as error:
        cause = error.strerror or str(error)
        if error.errno in _NOT_WRITABLE:
            raise InputError(
                f"prepared data cannot be written to {path.parent}: {cause}; give a store that can be written"
            ) from error
        raise WorkError(f"{path.name} cannot be written to {path.parent}: {cause}") from error


def _ignore(done: int, total: int) -> None:
    """Progress that nobody asked for."""
