"""An array in a file that came from outside, and the checks before any of it is loaded."""

from __future__ import annotations

import contextlib
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from engine.errors import CrtuiError, InputError

BLOCK_BYTES = 4 << 20
"""Bytes to read at once, roughly."""
KEYS = ("imgs", "images")
"""Names of the array with the images, if a file holds several arrays."""
LABEL_KEYS = (
    *("factors", "factor_names", "latents_classes", "latents_values", "latents_names"),
    *("labels", "label", "targets", "target", "y", "classes", "gts", "latents", "metadata"),
)
"""Names of arrays that hold no images, if a file holds several arrays."""
_MEMORY_SHARE = 0.5


class StoredArray(ABC):
    """One array of an open file. Nothing of its content has been read yet.

    Args:
        path: the file.
        key: the array's name in it.
        shape: as declared.
        dtype: as declared.
        stored_bytes: bytes of the array in the file.
        fortran_order: whether the first axis varies fastest in the file, and not the last.

    Raises:
        InputError: the declaration is impossible or asks for Python objects.
    """

    def __init__(
        self,
        path: Path,
        key: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        stored_bytes: int,
        fortran_order: bool = False,
    ) -> None:
        self.path = path
        self.key = key
        self.shape = shape
        self.dtype = dtype
        self.stored_bytes = stored_bytes
        self.fortran_order = fortran_order and len(shape) > 1
        if dtype.hasobject:
            raise InputError(f"{self} holds pickled Python objects, which are never loaded; save a plain numeric array")
        if any(length < 0 for length in shape):
            raise InputError(f"{self} declares the impossible shape {shape}")

    def __str__(self) -> str:
        return f"array '{self.key}' of '{self.path}'" if self.key else f"'{self.path}'"

    @property
    def nbytes(self) -> int:
        """Size of the whole array in memory, as declared."""
        return math.prod(self.shape) * self.dtype.itemsize

    @abstractmethod
    def mapped(self) -> NDArray[Any] | None:
        """The whole array, read-only, mapped from the file; ``None`` if it is not stored plainly."""

    def blocks(self, start: int = 0) -> Iterator[NDArray[Any]]:
        """The array in consecutive pieces along the first axis.

        Args:
            start: first row that is wanted.

        Raises:
            InputError: the file is damaged or cut short, or is in Fortran order, packed, and larger than memory.
        """
        if not self.fortran_order:
            yield from self._read_blocks(start)
            return
        whole, rows = self.whole(), self._rows_at_once()
        with reading(self.path):
            for first in range(start, self.shape[0], rows):
                yield np.ascontiguousarray(whole[first : first + rows])

    def whole(self) -> NDArray[Any]:
        """The whole array, read-only: mapped if it is stored plainly, else in memory.

        Raises:
            InputError: the file is damaged or cut short, or the array does not fit into memory.
        """
        mapped = self.mapped()
        if mapped is not None:
            return mapped
        require_memory(self, self.nbytes)
        if self.fortran_order:
            return self._read_fortran()
        parts = np.empty(self.shape, self.dtype)
        done = 0
        for block in self._read_blocks(0):
            parts[done : done + len(block)] = block
            done += len(block)
        return parts

    @abstractmethod
    def _read_blocks(self, start: int) -> Iterator[NDArray[Any]]:
        """:meth:`blocks` of an array in C order."""

    def _read_fortran(self) -> NDArray[Any]:
        """The content of a packed array in Fortran order. Formats that know only C order are never asked."""
        raise NotImplementedError

    def _rows_at_once(self) -> int:
        return max(1, BLOCK_BYTES // max(1, self.nbytes // max(1, self.shape[0])))


def choose_key(path: Path, keys: list[str]) -> str:
    """Which array holds the images: ``imgs``, ``images``, or the only one that is not called like labels.

    Raises:
        InputError: there is none, or several and none has one of the two names.
    """
    for key in KEYS:
        if key in keys:
            return key
    left = [key for key in keys if key not in LABEL_KEYS] or keys
    if len(left) == 1:
        return left[0]
    if not keys:
        raise InputError(f"'{path}' holds no array; save the images as 'imgs', or give FILE:KEY for one in a group")
    raise several_arrays(path, left)


def several_arrays(path: Path, keys: list[str]) -> InputError:
    """The refusal to guess which of these arrays holds the images."""
    return InputError(
        f"'{path}' holds several arrays ({in_words(keys)}), none of them 'imgs' or 'images'; give the one with the "
        f"images as '{path.name}:{keys[0][:40]}', or name it so"
    )


def require_key(path: Path, key: str, keys: list[str]) -> str:
    """The array that the user named.

    Raises:
        InputError: there is none of that name.
    """
    if key not in keys:
        raise InputError(f"'{path}' holds no array '{key[:80]}' (it holds: {in_words(keys) or 'none'})")
    return key


def in_words(keys: list[str]) -> str:
    """The names of arrays for a message."""
    return ", ".join(repr(key[:40]) for key in keys[:5]) + (", …" if len(keys) > 5 else "")


def require_memory(stored: StoredArray, needed: int) -> None:
    """Refuse what would take more than half of the free memory.

    Args:
        stored: what would be loaded.
        needed: bytes.

    Raises:
        InputError: it would.
    """
    free = psutil.virtual_memory().available
    if needed > _MEMORY_SHARE * free:
        raise InputError(
            f"{stored} unpacks to {needed / 2**30:.1f} GiB, more than half of the free memory "
            f"({free / 2**30:.1f} GiB); save it as uint8 [n, H, W, C] in C order, uncompressed, with numpy.savez"
        )


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn the errors of a damaged file into one sentence.

    The readers (zip, npy headers, HDF5) document no complete list of errors for damaged bytes, so all are caught. Put
    nothing but reading inside.
    """
    try:
        yield
    except CrtuiError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None and error.strerror:
            raise InputError(f"'{path}' cannot be read: {error.strerror}") from error
        raise InputError(f"'{path}' is damaged or cut short; copy or save it again") from error
