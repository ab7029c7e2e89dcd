"""Small pictures for notebooks: a sheet of images as a PNG."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

_LEAST_SIDE = 48
_GAP = 2
_BACKGROUND = 255


def sheet(images: NDArray[np.uint8]) -> bytes:
    """A PNG of images in rows and columns, small ones magnified.

    Args:
        images: uint8 ``[rows, columns, H, W, C]`` with one channel or three.
    """
    from PIL import Image

    rows, columns, height, width, channels = images.shape
    zoom = max(1, _LEAST_SIDE // max(height, width, 1))
    cells = images.repeat(zoom, axis=2).repeat(zoom, axis=3)
    high, wide = height * zoom + _GAP, width * zoom + _GAP
    paper = np.full((rows * high, columns * wide, channels), _BACKGROUND, dtype=np.uint8)
    for row in range(rows):
        for column in range(columns):
            top, left = row * high, column * wide
            paper[top : top + high - _GAP, left : left + wide - _GAP] = cells[row, column]
    content = io.BytesIO()
    Image.fromarray(paper.squeeze(2) if channels == 1 else paper).save(content, format="PNG")
    return content.getvalue()
