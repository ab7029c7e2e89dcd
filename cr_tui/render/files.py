"""Pictures written to disk, whole or not at all."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.errors import InputError
from engine.storage.files import save_file


def save_png(path: Path, image: NDArray[np.uint8], scale: int = 1) -> None:
    """Write an image as PNG.

    Args:
        path: the file, replaced if it exists.
        image: uint8 ``[H, W]`` or ``[H, W, 3]``.
        scale: pixels drawn for each pixel, across and down.

    Raises:
        InputError: the folder of ``path`` does not exist or refuses to be written.
        WorkError: the disk failed or is full.
    """
    save_file(path, png_bytes(image, scale))


def png_bytes(image: NDArray[np.uint8], scale: int = 1) -> bytes:
    """An image as the content of a PNG file; arguments as of :func:`save_png`."""
    content = io.BytesIO()
    _picture(image, scale).save(content, format="PNG", optimize=True)
    return content.getvalue()


def save_gif(path: Path, frames: Sequence[NDArray[np.uint8]], scale: int = 1, milliseconds: int = 100) -> None:
    """Write an endless GIF animation.

    Args:
        path: the file, replaced if it exists.
        frames: uint8 ``[H, W]`` or ``[H, W, 3]`` each, all of one shape.
        scale: pixels drawn for each pixel, across and down.
        milliseconds: how long a frame stays.

    Raises:
        InputError: there is no frame, or the folder of ``path`` does not exist or refuses to be written.
        WorkError: the disk failed or is full.
    """
    save_file(path, gif_bytes(frames, scale, milliseconds))


def gif_bytes(frames: Sequence[NDArray[np.uint8]], scale: int = 1, milliseconds: int = 100) -> bytes:
    """An endless animation as the content of a GIF file; arguments as of :func:`save_gif`.

    Raises:
        InputError: there is no frame.
    """
    if len(frames) == 0:
        raise InputError("an animation needs at least one frame, none was given")
    first, *rest = (_picture(frame, scale) for frame in frames)
    content = io.BytesIO()
    first.save(content, format="GIF", save_all=True, append_images=rest, duration=milliseconds, loop=0, disposal=1)
    return content.getvalue()


def _picture(image: NDArray[np.uint8], scale: int) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(image.repeat(scale, axis=0).repeat(scale, axis=1)))
