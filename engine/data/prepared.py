"""Files that are made once and mapped into memory ever after. Nobody reads half of one, and damage is noticed.

A prepared file is an ordinary ``.npy`` file (``numpy.load`` reads it) followed by the SHA-256 of all before it. Its
name holds the version of the code that made it. One process at a time writes it under a temporary name and renames it
when it is complete; a second process waits and then finds it. Files that take minutes are made by
:meth:`PreparedFile.resume`, which continues where a killed process was (:mod:`engine.data.partial`).
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
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from engine.data.partial import PartialFile
from engine.errors import CrtuiError, InputError, StoreError, WorkError
from engine.progress import Progress, ignore_progress
from engine.storage.descriptors import open_regular, sync_folder
from engine.storage.files import is_full, make_folders, may_pass, replacing
from engine.storage.locks import lock_for_long

BlocksFrom = Callable[[int], Generator[NDArray[Any], None, None]]
"""A function that makes the pieces of an array, from the given image on."""
_DIGEST_BYTES = hashlib.sha256().digest_size
VERIFIED_BYTES = 1 << 30
"""A file up to this size, in bytes, is checked against its SHA-256 whenever it is opened. A larger one is checked once,
when it has been made: reading it whole would delay every start."""
_NOT_WRITABLE = {errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ELOOP}


class _DamagedError(Exception):
    """The file exists but is not what was written."""


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
            with os.fdopen(open_regular(self.path), "rb") as file:
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
            WorkError: the disk is full. Nothing is left behind.
            StoreError: the disk refused just now.
        """
        return self._obtain(lambda: self._write(blocks(), progress or ignore_progress))

    def resume(
        self,
        blocks: BlocksFrom,
        source: str,
        progress: Progress | None = None,
    ) -> NDArray[Any]:
        """Map the array like :meth:`open`, but continue the work of a process that was killed or interrupted.

        Args:
            blocks: yields the rest of the array, from the given image on; called only if something is missing.
            source: a word for what the array is made from, which differs when that changes. A half-made file of another
                source is started anew.
            progress: told after each piece, and at once where a half-made file is continued.

        Returns:
            The array, as :meth:`open` does.

        Raises:
            InputError: the folder cannot be written.
            WorkError: the disk is full. Nothing is left behind.
            StoreError: the disk refused just now. As by a process that is killed or interrupted, a half-made file is
                left for the next call.
        """
        return self._obtain(lambda: self._continue(blocks, source, progress or ignore_progress))

    def _obtain(self, make: Callable[[], None]) -> NDArray[Any]:
        # Most often the file is whole, perhaps in a folder that cannot be written: no lock is needed then.
        found = self._read(warn=False)
        if found is not None:
            return found
        with _told(self.path):
            make_folders(self.path.parent)
            lock = self.path.with_name(f".{self.path.name}.lock")
            with lock_for_long(lock):
                found = self._read(warn=True)
                if found is None:
                    make()
                    found = self._read(warn=True, verify=True)
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
        return len(self._header()) + self._size_of_rows(self.shape[0]) + _DIGEST_BYTES

    def _read(self, warn: bool, verify: bool = False) -> NDArray[Any] | None:
        try:
            with os.fdopen(open_regular(self.path), "rb") as file:
                return self._map(file, verify or self._size <= VERIFIED_BYTES)
        except FileNotFoundError:
            return None
        except _DamagedError as damage:
            if warn:
                warnings.warn(f"{self.path} {damage}; making it again", stacklevel=5)
            return None
        except OSError as error:
            kind = StoreError if may_pass(error) else InputError
            raise kind(f"{self.path} cannot be read: {error.strerror or error}") from error

    def _check_layout(self, file: BinaryIO) -> None:
        size = os.fstat(file.fileno()).st_size
        if size != self._size:
            raise _DamagedError(f"has {size} bytes instead of {self._size}")
        header = self._header()
        if file.read(len(header)) != header:
            raise _DamagedError("has a damaged header")

    def _map(self, file: BinaryIO, verify: bool) -> NDArray[Any]:
        self._check_layout(file)
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        with memoryview(content) as view, view[:-_DIGEST_BYTES] as hashed, view[-_DIGEST_BYTES:] as digest:
            if verify and hashlib.sha256(hashed).digest() != digest:
                raise _DamagedError("is damaged (its SHA-256 differs)")
        flat: NDArray[Any] = np.frombuffer(content, self.dtype, math.prod(self.shape), offset=len(self._header()))
        return flat.reshape(self.shape)

    def _write(self, blocks: Iterable[NDArray[Any]], progress: Progress) -> None:
        header = self._header()
        with replacing(self.path) as file:
            self._reserve(file)
            file.write(header)
            self._write_blocks(file, blocks, progress, 0, hashlib.sha256(header), _note_nothing)

    def _continue(self, blocks: BlocksFrom, source: str, progress: Progress) -> None:
        partial = PartialFile(self.path, self._header(), self._size_of_rows(1), source)
        try:
            with partial.opened() as file:
                done, digest = partial.restore(file)
                self._reserve(file)
                if done:
                    progress(done, self.shape[0])
                # Closed at once, so that the processes behind it end when this one is interrupted.
                with contextlib.closing(blocks(done)) as missing:
                    self._write_blocks(file, missing, progress, done, digest, partial.note)
                file.flush()
                os.fsync(file.fileno())
            partial.finish()
        except Exception as error:
            # What the disk refused for a moment is continued, like the work of a process that was killed.
            if not may_pass(error):
                partial.discard()
            raise
        sync_folder(self.path.parent)

    def _size_of_rows(self, rows: int) -> int:
        return rows * math.prod(self.shape[1:]) * self.dtype.itemsize

    def _reserve(self, file: BinaryIO) -> None:
        """Reserve the space at once, so that a full disk is noticed before the work and not after a minute of it."""
        try:
            os.posix_fallocate(file.fileno(), 0, self._size)
        except OSError as error:
            if is_full(error):
                raise

    def _write_blocks(
        self,
        file: BinaryIO,
        blocks: Iterable[NDArray[Any]],
        progress: Progress,
        done: int,
        digest: hashlib._Hash,
        note: Callable[[BinaryIO, int, hashlib._Hash], None],
    ) -> None:
        """Write the images after the first ``done``, then the digest of all; ``digest`` is that of what is there."""
        for block in blocks:
            content = np.ascontiguousarray(block, dtype=self.dtype)
            file.write(content.data)
            digest.update(content.data)
            done += len(content)
            note(file, done, digest)
            progress(done, self.shape[0])
        if done != self.shape[0]:
            raise WorkError(f"{self.path.name} came out with {done} images instead of {self.shape[0]}")
        file.write(digest.digest())


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """The disk's error as one for users, which says whether another folder or more space helps."""
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
        kind = StoreError if may_pass(error) else WorkError
        raise kind(f"{path.name} cannot be written to {path.parent}: {cause}") from error


def _note_nothing(file: BinaryIO, done: int, digest: hashlib._Hash) -> None:
    """Note nothing: a file that takes seconds is not continued but made again."""
