"""Square images of one size from images of any size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def squared(image: Image.Image, size: int) -> Image.Image:
    """The largest centred square of an image, resized with antialiasing (Lanczos)."""
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    # Cropped first: if only a box is resized, pixels beyond it bleed into its edges.
    return image.crop((left, top, left + side, top + side)).resize((size, size), Image.Resampling.LANCZOS)


def squares(frames: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """:func:`squared` for uint8 ``[n, H, W, C]`` with 1 or 3 channels."""
    channels = frames.shape[3]
    result = np.empty((len(frames), size, size, channels), dtype=np.uint8)
    for index, frame in enumerate(frames):
        image = squared(Image.fromarray(frame if channels == 3 else frame[..., 0]), size)
        result[index] = np.asarray(image).reshape(size, size, channels)
    return result
