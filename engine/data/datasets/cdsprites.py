"""CdSprites, the circular dSprites of the InfoGAN-CR paper: one white disc, placed by angle and radius.

1,080 binary 64x64 images, drawn as the authors' script does (docs/method.md, section 14): the centre lies at angle
``k 2π / 40`` and radius 0 to 26 around the middle of the frame, and Pillow draws a disc of radius 5 there. At radius 0
all 40 angles show the same image; the original keeps these duplicates, so they are kept here.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from engine.data.dataset import AuthorsSets, Factor
from engine.data.grid import GridImages
from engine.progress import Progress

SIDE = 64
DISC_RADIUS = 5
ANGLES = tuple(k * 2 * math.pi / 40 for k in range(40))
RADII = tuple(float(radius) for radius in range(27))
FACTORS = (Factor("angle", ANGLES, continuous=True), Factor("radius", RADII, continuous=True))


class CdSprites(GridImages):
    """The grid of discs, and the sizes with which the authors score its models (docs/method.md, section 14)."""

    @property
    def authors_sets(self) -> AuthorsSets:
        return AuthorsSets(groups=200, group_size=25, scale=108, labelled=108)


def open_dataset(root: Path, progress: Progress | None = None) -> GridImages:
    """Draw the dataset; nothing is kept on disk."""
    frames = np.stack([_disc(angle, radius) for angle in ANGLES for radius in RADII])
    return CdSprites("cdsprites", frames[..., None], FACTORS)


def is_prepared(root: Path) -> bool:
    """Always: there is nothing to prepare."""
    return True


def _disc(angle: float, radius: float) -> NDArray[np.uint8]:
    x, y = SIDE // 2 + radius * math.cos(angle), SIDE // 2 + radius * math.sin(angle)
    image = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(image).ellipse((x - DISC_RADIUS, y - DISC_RADIUS, x + DISC_RADIUS, y + DISC_RADIUS), fill=255)
    return np.asarray(image)
