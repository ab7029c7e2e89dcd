"""Labels in the file of an array: ``factors``, or ``latents_values`` and ``latents_classes`` as dSprites has them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.data.formats import hdf5, npz
from engine.data.formats.stored import StoredArray, in_words
from engine.data.options import NO_LABELS, advice
from engine.data.own.labels import Column, check_columns, column_of, numeric_column
from engine.errors import InputError

_MOST_BYTES = 1 << 30
_MOST_FACTORS = 1000
_LATENTS = "latents"


class _Names(NamedTuple):
    """Names of the arrays of one way to store labels; the first that is there has the values."""

    values: tuple[str, ...]
    names: tuple[str, ...]


_WAYS = (
    _Names(("factors",), ("factor_names",)),
    _Names(("latents_values", "latents_classes"), ("latents_names",)),
    _Names(("latents/values", "latents/classes"), ("latents/names",)),
)


def read_labels(stored: StoredArray, count: int) -> Sequence[Column] | None:
    """The labels in the file of an array of images; ``None`` if there are none.

    Args:
        stored: the images.
        count: how many there are.

    Raises:
        InputError: there are labels, and they cannot be used.
    """
    keys = _keys(stored)
    for way in _WAYS:
        key = next((key for key in way.values if key in keys and key != stored.key), None)
        if key is not None:
            names = next((key for key in way.names if key in keys), None)
            return _columns(stored, key, names, count)
    return None


def warn_of_unused(stored: StoredArray, count: int, used: bool) -> None:
    """Name, in one warning, the arrays that have a row for each image and are not used.

    Args:
        stored: the images.
        count: how many there are.
        used: whether the file has labels that are.
    """
    taken = {stored.key, *(key for way in _WAYS for key in (*way.values, *way.names) if used)}
    unused = [key for key in _keys(stored) if key not in taken and _has_rows(stored, key, count)]
    if unused:
        has = "has" if len(unused) == 1 else "have"
        warnings.warn(
            f"{in_words(unused)} of '{stored.path}' {has} a row for each image and {'is' if has == 'has' else 'are'} "
            "not used; if these are labels, save them as 'factors'"
            + (" (one array [n, k])" if len(unused) > 1 else ""),
            stacklevel=4,
        )


def _columns(stored: StoredArray, key: str, names_key: str | None, count: int) -> Sequence[Column]:
    with _open(stored, key) as array:
        if array.shape[:1] != (count,) or len(array.shape) > 2:
            raise InputError(
                f"{array} has shape {array.shape}, but labels of {count} images are [{count}, k]; save them so, or "
                f"{advice('labels', NO_LABELS)}"
            )
        if array.dtype.kind not in "buifSU":
            raise InputError(f"{array} is of type {array.dtype}; labels are numbers or text")
        values = _read(array).reshape(count, -1)
        where = str(array)
    if not 1 <= values.shape[1] <= _MOST_FACTORS:
        raise InputError(f"{where} has {values.shape[1]} columns; labels have 1 to {_MOST_FACTORS} factors")
    names = _names(stored, names_key, values.shape[1])
    columns = []
    for name, column in zip(names, values.T, strict=True):
        if values.dtype.kind in "SU":
            columns.append(column_of(name, [_text(cell) for cell in column], where))
        else:
            columns.append(numeric_column(name, column.astype(np.float64), where))
    return check_columns(columns, where)


def _names(stored: StoredArray, key: str | None, count: int) -> list[str]:
    if key is None:
        return [f"factor-{number}" for number in range(1, count + 1)]
    with _open(stored, key) as array:
        if array.dtype.kind not in "SU":
            raise InputError(f"{array} is of type {array.dtype}; names of factors are text")
        if array.shape != (count,):
            raise InputError(f"{array} has shape {array.shape}, but there are {count} factors")
        return [_text(name) for name in _read(array)]


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _read(array: StoredArray) -> NDArray[Any]:
    if array.nbytes > _MOST_BYTES:
        raise InputError(f"{array} declares {array.nbytes >> 20} MiB; labels take at most {_MOST_BYTES >> 20}")
    return array.whole()


def _keys(stored: StoredArray) -> list[str]:
    if isinstance(stored, npz.NpzArray):
        return npz.keys_of(stored.path)
    if isinstance(stored, hdf5.Hdf5Array):
        return [*hdf5.keys_of(stored.path), *hdf5.keys_of(stored.path, _LATENTS)]
    return []


def _open(stored: StoredArray, key: str) -> AbstractContextManager[StoredArray]:
    path: Path = stored.path
    return npz.open_npz(path, key) if isinstance(stored, npz.NpzArray) else hdf5.open_hdf5(path, key)


def _has_rows(stored: StoredArray, key: str, count: int) -> bool:
    try:
        with _open(stored, key) as array:
            return count > 1 and array.shape[:1] == (count,) and len(array.shape) <= 2
    except InputError:  # pickled objects, for instance, which are never looked at
        return False
