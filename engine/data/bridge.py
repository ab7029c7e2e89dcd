"""The bridge between the images of datasets and those of models: bytes and floats, channels last and first."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError


def as_floats(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What models take, of what datasets give.

    Args:
        images: uint8 ``[n, H, W, C]``, 255 = full intensity.

    Returns:
        float32 ``[n, C, H, W]`` in [0, 1].

    Raises:
        InputError: the images are not of this kind.
    """
    pixels = np.asarray(images)
    if pixels.dtype != np.uint8 or pixels.ndim != 4:
        raise InputError(f"images of datasets are uint8 [n, H, W, C], not {pixels.dtype} {list(pixels.shape)}")
    channels_first = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), dtype=np.float32)
    return channels_first / np.float32(255)


def as_pixels(images: NDArray[Any]) -> NDArray[np.uint8]:
    """What datasets give, of what models make. Values beyond [0, 1] are cut.

    Args:
        images: float ``[n, C, H, W]`` in [0, 1].

    Returns:
        uint8 ``[n, H, W, C]``, rounded to the nearest of 256 levels.

    Raises:
        InputError: the images are not of this kind, or hold NaN.
    """
    values = np.asarray(images)
    if values.dtype.kind != "f" or values.ndim != 4:
        raise InputError(f"images of models are float [n, C, H, W], not {values.dtype} {list(values.shape)}")
    if np.isnan(values).any():
        raise InputError("the images hold NaN, which is no intensity")
    pixels: NDArray[np.uint8] = np.rint(np.clip(values, 0.0, 1.0) * 255.0).astype(np.uint8)
    return pixels.transpose(0, 2, 3, 1)
