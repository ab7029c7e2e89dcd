"""From a photo of any kind and size to a small square image."""

from __future__ import annotations

import contextlib
import os
import stat
import warnings
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile

from engine.data.formats.levels import DARK
from engine.data.own.photo_depth import (
    Depth,
    OutOfRangeError,
    UnknownRangeError,
    ask_for_lower_half,
    has_lower_half,
)
from engine.data.own.photo_kinds import formats
from engine.data.square import squared

GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N", "F")
MOST_BYTES = 512 << 20
MOST_JPEG_PIXELS = 1 << 28
"""JPEGs may be larger than Pillow's limit, because they are decoded at a fraction of their size."""
_JPEG = b"\xff\xd8\xff"
_ORIENTATION = ExifTags.Base.Orientation
_DRAFT_MARGIN = 2
"""JPEGs are decoded at a fraction of their size if the result is still this many times as large as what is wanted."""


class Verdict(IntEnum):
    """What became of a photo: the first byte of its row in the prepared file."""

    UNREADABLE = 0
    READ = 1
    READ_DEEP = 2
    """Read, from more than eight bits."""
    READ_DARK = 3
    """Read, from more than eight bits of which it uses the lowest part only."""
    TOO_LARGE = 4
    UNKNOWN_RANGE = 5
    OUT_OF_RANGE = 6
    DEEP_COLOUR = 7

    @property
    def is_read(self) -> bool:
        return self in (Verdict.READ, Verdict.READ_DEEP, Verdict.READ_DARK)


class UnreadableError(Exception):
    """A photo that is not one, is damaged, or cannot be shown as it is meant.

    Args:
        verdict: why.
    """

    def __init__(self, verdict: Verdict = Verdict.UNREADABLE) -> None:
        super().__init__(verdict.name)
        self.verdict = verdict


def is_grey(path: Path) -> bool:
    """Whether the header of a photo says that it has no colour; also true of a file that is no photo."""
    try:
        with _opened(path) as image:
            return image.mode in GREY_MODES
    except UnreadableError:
        return True


def decode(
    path: Path, size: int, channels: int, value_range: tuple[float, float] | None = None
) -> tuple[NDArray[np.uint8], Verdict]:
    """The largest centred square of a photo, upright, resized with antialiasing: uint8 ``[size, size, channels]``.

    Transparent parts are shown on white. Of several frames or pages the first is taken.

    Args:
        path: the file.
        size: side of the result in pixels.
        channels: 1 for grey, 3 for RGB.
        value_range: the values of black and white in photos of more than eight bits.

    Returns:
        The image, and how it was read.

    Raises:
        UnreadableError: it cannot be decoded, is larger than any photo, or does not say what is white.
    """
    with _opened(path) as image:
        depth = Depth.of(image)
        in_halves = has_lower_half(image)
        in_colours = image.mode in ("RGB", "RGBA")
        if value_range is not None and depth.is_deep and not (depth.keeps_values or (in_halves and in_colours)):
            raise UnreadableError(Verdict.DEEP_COLOUR)
        image.draft(None, (_DRAFT_MARGIN * size, _DRAFT_MARGIN * size))
        _require_size(image.size, Image.MAX_IMAGE_PIXELS)
        image.load()
        if in_halves:
            whole, dark = depth.colour_to_bytes(image, _lower_half(path), value_range)
            plain, verdict = _on_white(_upright_as(image, whole)), Verdict.READ_DARK if dark else Verdict.READ_DEEP
        else:
            plain, verdict = _plain(_upright(image), depth, value_range)
        small = squared(plain.convert("L" if channels == 1 else "RGB"), size)
        return np.asarray(small).reshape(size, size, channels), verdict


def _lower_half(path: Path) -> Image.Image:
    """The lower eight bits of a photo of 16 bits in colour."""
    with _opened(path) as image:
        ask_for_lower_half(image)
        image.load()
        return image.copy()


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """A photo of which only the header has been read. Every error inside becomes an :class:`UnreadableError`."""
    try:
        # A pipe would block for ever.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise UnreadableError
            if status.st_size > MOST_BYTES:
                raise UnreadableError(Verdict.TOO_LARGE)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                with _header(file) as image:
                    yield image
    except UnreadableError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadableError(Verdict.TOO_LARGE) from error
    except UnknownRangeError as error:
        raise UnreadableError(Verdict.UNKNOWN_RANGE) from error
    except OutOfRangeError as error:
        raise UnreadableError(Verdict.OUT_OF_RANGE) from error
    except Exception as error:  # decoders document no complete list of errors for damaged bytes
        raise UnreadableError from error


def _header(file: BinaryIO) -> Image.Image:
    start = file.read(len(_JPEG))
    file.seek(0)
    if start != _JPEG:
        return Image.open(file, formats=formats())
    # Image.open would hold a JPEG to the limit for images that are decoded at full size.
    image = JpegImageFile(file)
    _require_size(image.size, MOST_JPEG_PIXELS)
    return image


def _require_size(size: tuple[int, int], limit: int | None) -> None:
    if limit is not None and size[0] * size[1] > limit:
        raise UnreadableError(Verdict.TOO_LARGE)


def _upright_as(original: Image.Image, image: Image.Image) -> Image.Image:
    """An image turned as the metadata of the original say, from which it was made."""
    with contextlib.suppress(Exception):  # damaged metadata do not make a photo useless
        image.getexif()[_ORIENTATION] = original.getexif().get(_ORIENTATION, 1)
    return _upright(image)


def _upright(image: Image.Image) -> Image.Image:
    """An image turned as its EXIF orientation says, where that can be read."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged metadata do not make a photo useless
        return image


def _plain(image: Image.Image, depth: Depth, value_range: tuple[float, float] | None) -> tuple[Image.Image, Verdict]:
    """An image without transparency and with at most eight bits a channel, and how it was read."""
    if depth.keeps_values:
        shown, dark = depth.to_bytes(image, value_range)
        return shown, Verdict.READ_DARK if dark else Verdict.READ_DEEP
    shown = _on_white(image)
    if not depth.is_deep:
        return shown, Verdict.READ
    brightest = int(np.asarray(shown.convert("L")).max())
    return shown, Verdict.READ_DARK if brightest < DARK * 255 else Verdict.READ_DEEP


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode == "La":
        image = image.convert("LA")
    if not image.has_transparency_data:
        return image
    shown = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown).convert("RGB")
