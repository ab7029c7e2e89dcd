"""256 grey 8x8 images of a bar: thickness, place, brightness; made in memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import Dataset, Factor
from engine.progress import Progress


class Bars(Dataset):
    """Image ``i`` is cell ``i`` of the grid of factors, so every score can be computed."""

    name = "bars"
    image_shape = (8, 8, 1)
    in_grid_order = True
    factors = (
        Factor("thickness", (1.0, 2.0, 3.0, 4.0), continuous=True),
        Factor("place", tuple(map(float, range(8))), continuous=True),
        Factor("brightness", tuple(float(32 * step) for step in range(1, 9)), continuous=True),
    )

    def __len__(self) -> int:
        return 256

    def images(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint8]:
        """The images at ``indices``, uint8 ``[n, 8, 8, 1]``."""
        found = np.zeros((len(indices), 8, 8, 1), dtype=np.uint8)
        for image, (thickness, place, brightness) in zip(found, self.factors_of(indices), strict=True):
            image[:, place : place + thickness + 1] = min(32 * (brightness + 1), 255)
        return found


def open_dataset(root: Path, progress: Progress | None) -> Dataset:
    """The dataset. One that must be prepared first would keep its files in ``root / "bars"``."""
    return Bars()


def is_prepared(root: Path) -> bool:
    """Whether it can be opened at once."""
    return True
