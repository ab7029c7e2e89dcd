"""Colours that stay apart for colour-blind readers and on terminals of 256 colours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cr_tui.render.cells import Rgb

VIRIDIS = (
    (68, 1, 84),
    (71, 44, 122),
    (59, 81, 139),
    (44, 113, 142),
    (33, 144, 141),
    (39, 173, 129),
    (92, 200, 99),
    (170, 220, 50),
    (253, 231, 37),
)
"""Evenly spaced anchors of viridis (Smith & van der Walt 2015): lightness rises evenly, colour-blind safe."""

MISSING: Rgb = (78, 78, 78)
"""Background of a missing value: a grey that is not in viridis."""

FAINT: Rgb = (138, 138, 138)
"""For axes, labels and whatever must not compete with data; readable on dark and on light backgrounds."""

LEVELS = 32
"""Number of colours in a scale. More could not be told apart, and each pair costs bytes on the line."""

STEPS: tuple[Rgb, ...] = (
    (0, 0, 95),
    (95, 0, 95),
    (95, 0, 175),
    (0, 95, 175),
    (0, 135, 135),
    (0, 175, 135),
    (95, 215, 95),
    (215, 215, 95),
    (255, 255, 95),
)
"""A scale along viridis made of members of the 256-colour cube, lightness L* from 7 to 97 in steps of 7 to 14: in 256
colours viridis itself falls in lightness at four places. It rises for dichromats as well."""

CATEGORIES: tuple[Rgb, ...] = (
    (95, 175, 215),
    (255, 175, 0),
    (0, 175, 135),
    (215, 135, 175),
    (215, 95, 0),
    (255, 255, 95),
    (175, 175, 255),
    (188, 188, 188),
)
"""Line colours after Okabe & Ito (2008), moved to the 256-colour cube so that both depths look alike."""


def viridis(values: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Colours uint8 ``[..., 3]`` of values in [0, 1], clipped, in :data:`LEVELS` steps; NaN becomes grey."""
    numbers = np.asarray(values, dtype=np.float64)
    missing = np.isnan(numbers)
    level = np.rint(np.clip(np.where(missing, 0.0, numbers), 0.0, 1.0) * (LEVELS - 1)).astype(np.intp)
    return np.where(missing[..., None], np.array(MISSING, dtype=np.uint8), _SCALE[level])


def readable_on(background: Rgb) -> Rgb:
    """Black or near-white, whichever reads better on ``background`` (Rec. 709 luma)."""
    red, green, blue = background
    return (18, 18, 18) if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 115 else (238, 238, 238)


def blend(colour: Rgb, background: Rgb, share: float) -> Rgb:
    """A colour over a background; ``share`` is that of the colour."""
    red, green, blue = (
        round(share * over + (1 - share) * under) for over, under in zip(colour, background, strict=True)
    )
    return red, green, blue


def _interpolated(anchors: tuple[Rgb, ...], levels: int) -> NDArray[np.uint8]:
    positions = np.linspace(0.0, 1.0, len(anchors))
    at = np.linspace(0.0, 1.0, levels)
    channels = [np.interp(at, positions, [anchor[channel] for anchor in anchors]) for channel in range(3)]
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8)


_SCALE = _interpolated(VIRIDIS, LEVELS)
