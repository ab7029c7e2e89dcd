"""minisprites: the embedded dataset, 16,384 grey 32x32 images of one white disc, with four continuous factors.

A small dataset of our own for trying things on any machine. It needs no download and is rendered in about a second. The
disc's edge is a soft ramp, so that moving and growing change the image smoothly. The background stays darker than the
disc.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import Dataset, Factor

SIDE = 32
EDGE = 4.0
"""Width of the edge's ramp in pixels."""
RADII = np.linspace(2.5, 8.5, 8)
BACKGROUNDS = np.linspace(0.0, 0.6, 8)
CENTRES = np.linspace(10.0, 22.0, 16)


class MiniSprites(Dataset):
    """Discs. Their radius, their position and the brightness of the background vary independently."""

    name = "minisprites"
    image_shape = (SIDE, SIDE, 1)
    in_grid_order = True
    factors = (
        Factor("size", tuple(RADII), continuous=True),
        Factor("background", tuple(BACKGROUNDS), continuous=True),
        Factor("position-x", tuple(CENTRES), continuous=True),
        Factor("position-y", tuple(CENTRES), continuous=True),
    )

    def __init__(self) -> None:
        self._images = _render()

    def __len__(self) -> int:
        return len(self._images)

    def images(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint8]:
        return self._images[np.asarray(indices, dtype=np.int64)]


def _render() -> NDArray[np.uint8]:
    """All images in grid order: a smoothstep from disc (1) to background across the edge, by distance to the centre."""
    offsets = np.arange(SIDE) + 0.5 - CENTRES[:, None]
    distance = np.hypot(offsets[:, None, None, :], offsets[None, :, :, None])  # x, y, row, column
    ramp = np.clip((RADII[:, None, None, None, None] - distance) / EDGE + 0.5, 0.0, 1.0)
    coverage = (ramp * ramp * (3.0 - 2.0 * ramp)).astype(np.float32)
    frames = np.empty((len(RADII), len(BACKGROUNDS), *distance.shape), dtype=np.uint8)
    for index, background in enumerate(BACKGROUNDS.astype(np.float32)):
        frames[:, index] = np.rint(255.0 * (background + (1.0 - background) * coverage))
    return frames.reshape(-1, SIDE, SIDE, 1)


def open_dataset(root: Path, progress: Callable[[int, int], None] | None) -> MiniSprites:
    """Render the dataset; nothing is kept on disk."""
    return MiniSprites()


def is_prepared(root: Path) -> bool:
    """Always: there is nothing to prepare."""
    return True
