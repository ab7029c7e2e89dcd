"""Labels of images of your own: factors as columns, continuous or categorical, and the dataset that has them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import BINS, Dataset, Factor, bin_centres
from engine.errors import InputError

CATEGORIES = 20
"""Whole numbers with at most so many different values are taken for categories, unless the name says otherwise."""
_MOST_VALUES = 100
"""A continuous factor with more different values is counted in bins."""
_KINDS = {":continuous": True, ":categorical": False}
_LONGEST_NAME = 60
_LARGEST = 1e100
"""Beyond it the range of a factor is no longer a number."""


@dataclass(frozen=True, eq=False)
class Column:
    """The values of one factor.

    Args:
        name: of the factor.
        values: float64 ``[n]``; categories that are words are counted from 0 in alphabetical order.
        continuous: whether they are ordered and metric.
        words: what the categories are called, where they are words.
    """

    name: str
    values: NDArray[np.float64]
    continuous: bool
    words: tuple[str, ...] = ()


class LabelledImages(Dataset):
    """Images of your own with the factors that their labels give.

    If each combination of the factors' values has exactly one image, the images are put in the order of that grid, and
    every score applies.

    Args:
        images: the images.
        columns: their labels, in the order of the images.
    """

    def __init__(self, images: Dataset, columns: Sequence[Column]) -> None:
        self.name = images.name
        self.image_shape = images.image_shape
        self.source = images.source
        self._images = images
        counted = [_count(column) for column in columns]
        self.factors = tuple(factor for factor, _ in counted)
        ids = np.stack([numbers for _, numbers in counted], axis=1)
        values = np.stack([column.values for column in columns], axis=1)
        exact = all(
            np.unique(column.values).size == factor.size for column, factor in zip(columns, self.factors, strict=True)
        )
        order = _grid_order(ids, self.factor_sizes) if exact else None
        self.in_grid_order = order is not None
        self._order = np.arange(len(images)) if order is None else order
        self._ids, self._values = ids[self._order], values[self._order]

    def __len__(self) -> int:
        return len(self._images)

    def images(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint8]:
        return self._images.images(self._order[np.asarray(indices, dtype=np.int64)])

    def factors_of(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.int64]:
        return self._ids[np.asarray(indices, dtype=np.int64)]

    def factor_values(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.float64]:
        return self._values[np.asarray(indices, dtype=np.int64)]


def column_of(name: str, cells: Sequence[str], where: str) -> Column:
    """A column of text. It is numbers if every cell is one, and words otherwise.

    Args:
        name: of the factor; may end in ``:continuous`` or ``:categorical``.
        cells: the values.
        where: what holds them, for messages.

    Raises:
        InputError: a cell is empty, or a name or kind that cannot be.
    """
    stripped = [cell.strip() for cell in cells]
    if "" in stripped:
        raise InputError(f"{where} has no value of '{name}' for image {stripped.index('')}; every image needs one")
    try:
        numbers = np.array([float(cell) for cell in stripped], dtype=np.float64)
    except ValueError:
        plain, kind = _plain_name(name, where)
        if kind:
            odd = next(cell for cell in stripped if not _is_number(cell))
            raise InputError(f"{where}: '{plain}' is called continuous, but '{odd[:40]}' is no number") from None
        words = sorted(set(stripped))
        places = {word: place for place, word in enumerate(words)}
        return Column(plain, np.array([places[cell] for cell in stripped], dtype=np.float64), False, tuple(words))
    return numeric_column(name, numbers, where)


def numeric_column(name: str, values: NDArray[np.float64], where: str) -> Column:
    """A column of numbers: continuous if they are not whole or have many different values, or if the name says so.

    Raises:
        InputError: a value is not finite, or a name that cannot be.
    """
    odd = np.flatnonzero(~(np.abs(values) < _LARGEST))
    if odd.size:
        raise InputError(f"{where} has no finite value of '{name}' for image {odd[0]}; every image needs one")
    plain, kind = _plain_name(name, where)
    if kind is None:
        kind = bool((values != np.floor(values)).any()) or np.unique(values).size > CATEGORIES
    return Column(plain, values, kind)


def check_columns(columns: Sequence[Column], where: str) -> Sequence[Column]:
    """Refuse labels without a factor, or with two of one name.

    Raises:
        InputError: there are such.
    """
    names = [column.name for column in columns]
    if not names:
        raise InputError(f"{where} holds no factor; it needs a column for each")
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise InputError(f"{where} has two factors called '{twice}'; give each a name of its own")
    return columns


def _plain_name(name: str, where: str) -> tuple[str, bool | None]:
    """A name without the kind behind it, and the kind: ``True`` for continuous."""
    plain, kind = name.strip(), None
    for ending, continuous in _KINDS.items():
        if plain.endswith(ending):
            plain, kind = plain.removesuffix(ending).strip(), continuous
    if not plain or not plain.isprintable() or len(plain) > _LONGEST_NAME:
        raise InputError(
            f"{where}: {name[:80]!r} is no name of a factor; give 1 to {_LONGEST_NAME} printable characters"
        )
    return plain, kind


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _count(column: Column) -> tuple[Factor, NDArray[np.int64]]:
    """The factor of a column, and the id of each image: of its value, or of the bin that it lies in."""
    distinct, ids = np.unique(column.values, return_inverse=True)
    if not column.continuous or distinct.size <= _MOST_VALUES:
        words = tuple(column.words[int(value)] for value in distinct) if column.words else ()
        return Factor(column.name, tuple(distinct.tolist()), column.continuous, words), ids.reshape(-1).astype(np.int64)
    low, high = float(distinct[0]), float(distinct[-1])
    bins = np.floor((column.values - low) / (high - low) * BINS).astype(np.int64)
    return Factor(column.name, bin_centres(low, high), column.continuous), np.clip(bins, 0, BINS - 1)


def _grid_order(ids: NDArray[np.int64], sizes: tuple[int, ...]) -> NDArray[np.int64] | None:
    """Which image is each cell of the full grid; ``None`` if a cell has no image or several."""
    if math.prod(sizes) != len(ids):
        return None
    cells = np.ravel_multi_index(tuple(ids.T), sizes)
    order = np.full(len(ids), -1, dtype=np.int64)
    order[cells] = np.arange(len(ids))
    return None if (order < 0).any() else order
