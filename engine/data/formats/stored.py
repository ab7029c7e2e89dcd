"""An array in a file that came from outside, and the checks before any of it is loaded."""

from __future__ import annotations

import contextlib
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import CrtuiError, InputError

BLOCK_BYTES = 4 << 20
"""Bytes to read at once, roughly."""
KEYS = ("imgs", "images")
"""Names of the array with the images, if a file holds several arrays."""


class StoredArray(ABC):
    """One array of an open file. Nothing of its content has been read yet.

    Args:
        path: the file.
        key: the array's name in it.
        shape: as declared.
        dtype: as declared.
        stored_bytes: bytes of the array in the file.

    Raises:
        InputError: the declaration is impossible or asks for Python objects.
    """

    def __init__(self, path: Path, key: str, shape: tuple[int, ...], dtype: np.dtype[Any], stored_bytes: int) -> None:
        self.path = path
        self.key = key
        self.shape = shape
        self.dtype = dtype
        self.stored_bytes = stored_bytes
        if dtype.hasobject:
            raise InputError(f"{self} holds pickled Python objects, which are never loaded; save a plain numeric array")
        if any(length < 0 for length in shape):
            raise InputError(f"{self} declares the impossible shape {shape}")

    def __str__(self) -> str:
        return f"array '{self.key}' of '{self.path}'"

    @property
    def nbytes(self) -> int:
        """Size of the whole array in memory, as declared."""
        return math.prod(self.shape) * self.dtype.itemsize

    @abstractmethod
    def mapped(self) -> NDArray[Any] | None:
        """The whole array, read-only, mapped from the file; ``None`` if it is not stored plainly."""

    @abstractmethod
    def blocks(self, start: int = 0) -> Iterator[NDArray[Any]]:
        """The array in consecutive pieces along the first axis.

        Args:
            start: first row that is wanted.

        Raises:
            InputError: the file is damaged or cut short.
        """

    def _rows_at_once(self) -> int:
        return max(1, BLOCK_BYTES // max(1, self.nbytes // max(1, self.shape[0])))


def choose_key(path: Path, keys: list[str]) -> str:
    """Which array holds the images: ``imgs``, ``images``, or the only one.

    Raises:
        InputError: there is none, or several and none has one of the two names.
    """
    for key in KEYS:
        if key in keys:
            return key
    if len(keys) == 1:
        return keys[0]
    if not keys:
        raise InputError(f"'{path}' holds no array; save the images as 'imgs'")
    shown = ", ".join(repr(key[:40]) for key in keys[:5]) + (", …" if len(keys) > 5 else "")
    raise InputError(f"'{path}' holds several arrays ({shown}), none of them 'imgs' or 'images'; name the images so")


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
