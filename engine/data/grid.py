"""Images of a whole factor grid, in its order."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import Dataset, Factor


class GridImages(Dataset):
    """A dataset in memory: one image for each cell of the factor grid.

    Args:
        name: the name it was loaded by.
        frames: uint8 ``[n, H, W, C]`` in row-major order of the grid.
        factors: the grid, slowest first.
    """

    in_grid_order = True

    def __init__(self, name: str, frames: NDArray[np.uint8], factors: tuple[Factor, ...]) -> None:
        self.name = name
        self.factors = factors
        self._frames = frames
        height, width, channels = frames.shape[1:]
        self.image_shape = (height, width, channels)

    def __len__(self) -> int:
        return len(self._frames)

    def images(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint8]:
        return self._frames[np.asarray(indices, dtype=np.int64)]


def cells(factors: tuple[Factor, ...]) -> int:
    """How many combinations a factor grid has."""
    return math.prod(factor.size for factor in factors)


def counted(name: str, size: int, continuous: bool) -> Factor:
    """A factor whose values are only known by their number."""
    return Factor(name, tuple(map(float, range(size))), continuous)
