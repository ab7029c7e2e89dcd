"""minishapes: an embedded dataset with factors that InfoGAN mixes, 9,216 grey 32x32 images of one white shape.

It has what dSprites has and minisprites lacks: a shape, and an orientation. The orientation stays within 60 degrees of
upright, so that no two orientations show the same image and a single code can hold them all. Edges are soft ramps, so
that every factor but the shape changes the image smoothly. It is rendered in about a second.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import Factor
from engine.data.grid import GridImages
from engine.progress import Progress

SIDE = 32
EDGE = 2.5
"""Width of the edge's ramp in pixels."""
SIZES = np.linspace(4.0, 7.0, 6)
"""Half the height of the upright shape in pixels."""
ORIENTATIONS = np.deg2rad(np.linspace(-60.0, 60.0, 8))
CENTRES = np.linspace(10.5, 21.5, 8)
NARROW = 0.5
"""Width of the ellipse and the bar as a share of their height."""
Pixels = NDArray[np.float64]


def open_dataset(root: Path, progress: Progress | None = None) -> GridImages:
    """Render the dataset; nothing is kept on disk."""
    factors = (
        Factor("shape", tuple(float(number) for number in range(len(_DISTANCES))), continuous=False),
        Factor("size", tuple(SIZES), continuous=True),
        Factor("orientation", tuple(ORIENTATIONS), continuous=True),
        Factor("position-x", tuple(CENTRES), continuous=True),
        Factor("position-y", tuple(CENTRES), continuous=True),
    )
    return GridImages("minishapes", _render(), factors)


def is_prepared(root: Path) -> bool:
    """Always: there is nothing to prepare."""
    return True


def _render() -> NDArray[np.uint8]:
    """All images in grid order: a smoothstep from shape (1) to background (0) across the outline."""
    offsets = np.arange(SIDE) + 0.5 - CENTRES[:, None]
    x, y = offsets[:, None, None, :], offsets[None, :, :, None]  # position-x, position-y, row, column
    frames = np.empty(
        (len(_DISTANCES), len(SIZES), len(ORIENTATIONS), *np.broadcast_shapes(x.shape, y.shape)), np.uint8
    )
    for turn, angle in enumerate(ORIENTATIONS):
        across, along = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
        for number, size in enumerate(SIZES):
            for shape, distance in enumerate(_DISTANCES):
                ramp = np.clip(0.5 - distance(across, along, size) / EDGE, 0.0, 1.0)
                frames[shape, number, turn] = np.rint(255.0 * ramp * ramp * (3.0 - 2.0 * ramp))
    return frames.reshape(-1, SIDE, SIDE, 1)


def _to_ellipse(across: Pixels, along: Pixels, size: float) -> Pixels:
    """Signed distance to an ellipse's outline, negative inside; to first order, which near the outline is enough."""
    level = np.hypot(across / NARROW, along)
    slope: Pixels = np.hypot(across / NARROW**2, along) / np.maximum(level, 1e-9)
    return (level - size) / np.maximum(slope, 1e-9)


def _to_bar(across: Pixels, along: Pixels, size: float) -> Pixels:
    """Signed distance to a rectangle's outline, negative inside."""
    beside, beyond = np.abs(across) - NARROW * size, np.abs(along) - size
    outside = np.hypot(np.maximum(beside, 0.0), np.maximum(beyond, 0.0))
    distance: Pixels = outside + np.minimum(np.maximum(beside, beyond), 0.0)
    return distance


def _to_triangle(across: Pixels, along: Pixels, size: float) -> Pixels:
    """Signed distance to the lines of a triangle that points up, three quarters as wide as high; negative inside."""
    height, half_width = 2.0 * size, 0.75 * size
    beside = (height * np.abs(across) - half_width * (along + size)) / np.hypot(height, half_width)
    outside: Pixels = np.maximum(beside, along - size)
    return outside


_DISTANCES = (_to_ellipse, _to_bar, _to_triangle)
