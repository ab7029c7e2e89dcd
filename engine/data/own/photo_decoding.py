"""From a photo of any kind and size to a small square image."""

from __future__ import annotations

import contextlib
import os
import stat
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from engine.data.square import squared

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N")
MOST_BYTES = 512 << 20
_SIXTEEN_BITS = 65_535
_DRAFT_MARGIN = 2
"""JPEGs are decoded at a fraction of their size if the result is still this many times as large as what is wanted."""


class UnreadableError(Exception):
    """A photo that is not one, is damaged, or is larger than any photo."""


def is_grey(path: Path) -> bool:
    """Whether the header of a photo says that it has no colour; also true of a file that is no photo."""
    try:
        with _opened(path) as image:
            return image.mode in GREY_MODES
    except UnreadableError:
        return True


def decode(path: Path, size: int, channels: int) -> NDArray[np.uint8]:
    """The largest centred square of a photo, upright, resized with antialiasing: uint8 ``[size, size, channels]``.

    Transparent parts are shown on white.

    Args:
        path: the file.
        size: side of the result in pixels.
        channels: 1 for grey, 3 for RGB.

    Raises:
        UnreadableError: it cannot be decoded, or is larger than Pillow's limit against decompression bombs.
    """
    with _opened(path) as image:
        image.draft(None, (_DRAFT_MARGIN * size, _DRAFT_MARGIN * size))
        image.load()
        mode = "L" if channels == 1 else "RGB"
        small = squared(_plain(_upright(image)).convert(mode), size)
        return np.asarray(small).reshape(size, size, channels)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """A photo of which only the header has been read. Every error inside becomes an :class:`UnreadableError`."""
    try:
        # A pipe would block for ever.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
                raise UnreadableError
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                with Image.open(file, formats=FORMATS) as image:
                    yield image
    except Exception as error:  # decoders document no complete list of errors for damaged bytes
        raise UnreadableError from error


def _upright(image: Image.Image) -> Image.Image:
    """An image turned as its EXIF orientation says, where that can be read."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged metadata do not make a photo useless
        return image


def _plain(image: Image.Image) -> Image.Image:
    """An image without transparency and with at most eight bits a channel."""
    if image.mode.startswith("I"):
        levels = np.asarray(image).astype(np.float64) * (255.0 / _SIXTEEN_BITS)
        return Image.fromarray(np.rint(levels.clip(0.0, 255.0)).astype(np.uint8))
    if image.mode == "F":
        raise UnreadableError
    if not image.has_transparency_data:
        return image
    shown = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown).convert("RGB")
