"""Pictures written to disk, whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.errors import InputError, WorkError


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
    picture = _picture(image, scale)
    _write(path, lambda file: picture.save(file, format="PNG", optimize=True))


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
    if len(frames) == 0:
        raise InputError("an animation needs at least one frame, none was given")
    first, *rest = (_picture(frame, scale) for frame in frames)
    _write(
        path,
        lambda file: first.save(
            file, format="GIF", save_all=True, append_images=rest, duration=milliseconds, loop=0, disposal=1
        ),
    )


def _picture(image: NDArray[np.uint8], scale: int) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(image.repeat(scale, axis=0).repeat(scale, axis=1)))


def _write(path: Path, save: Callable[[BinaryIO], None]) -> None:
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    except OSError as error:
        raise InputError(
            f"cannot write '{path}': {error.strerror}; give a file in a folder that can be written"
        ) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            save(file)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, IsADirectoryError):
            raise InputError(f"cannot write '{path}': it is a folder; give the name of a file") from error
        if isinstance(error, OSError):
            raise WorkError(f"cannot write '{path}': {error.strerror}") from error
        raise
