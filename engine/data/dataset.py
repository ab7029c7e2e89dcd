"""What every dataset looks like to the rest of the engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError


@dataclass(frozen=True)
class Factor:
    """One ground-truth factor of variation.

    Args:
        name: short lower-case name, for example ``"orientation"``.
        values: the value behind each integer id, in ascending id order.
        continuous: whether the values are ordered and metric. SAP treats continuous and categorical factors
            differently.
    """

    name: str
    values: tuple[float, ...]
    continuous: bool

    @property
    def size(self) -> int:
        """Number of distinct values."""
        return len(self.values)


class Dataset(ABC):
    """Images by index, with their factors of variation when these are known.

    Attributes:
        name: the name or path it was loaded by.
        image_shape: ``(height, width, channels)``.
        factors: the known factors, slowest-varying first; empty for unlabelled images.
        in_grid_order: whether image ``i`` is cell ``i`` of the full row-major factor grid, each combination exactly
            once.
    """

    name: str
    image_shape: tuple[int, int, int]
    factors: tuple[Factor, ...] = ()
    in_grid_order: bool = False

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def images(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint8]:
        """Return the images at ``indices`` as uint8 ``[n, H, W, C]``, 0 = black, 255 = full intensity."""

    @property
    def factor_names(self) -> tuple[str, ...]:
        return tuple(factor.name for factor in self.factors)

    @property
    def factor_sizes(self) -> tuple[int, ...]:
        return tuple(factor.size for factor in self.factors)

    @property
    def factor_continuous(self) -> tuple[bool, ...]:
        return tuple(factor.continuous for factor in self.factors)

    def factors_of(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.int64]:
        """Factor ids int ``[n, k]`` of the images at ``indices``.

        Raises:
            InputError: the dataset has no known factors.
        """
        self._require_grid()
        ids = np.unravel_index(np.asarray(indices, dtype=np.int64), self.factor_sizes)
        return np.stack(ids, axis=1).astype(np.int64)

    def index_of(self, factors: NDArray[np.integer]) -> NDArray[np.int64]:
        """Image indices int ``[n]`` of the factor ids int ``[n, k]``: the inverse of :meth:`factors_of`.

        Raises:
            InputError: the dataset has no known factors.
        """
        self._require_grid()
        columns = tuple(np.asarray(factors, dtype=np.int64).T)
        return np.asarray(np.ravel_multi_index(columns, self.factor_sizes), dtype=np.int64)

    def _require_grid(self) -> None:
        if not self.in_grid_order:
            raise InputError(f"dataset '{self.name}' has no known factor grid, so it cannot be scored against factors")
