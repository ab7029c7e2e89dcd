"""Photos whose pixels are not bytes: which values are black and white, and the photo in bytes.

Pillow gives 16-bit, 32-bit and floating-point pixels without colour as they stand in the file. Photos of 16 unsigned
bits span their whole range, or that of the bits they declare. For signed, 32-bit and floating-point pixels nothing says
what is white: they are read only where the user says so.

Of 16 bits in colour Pillow keeps the upper eight. If it is told that the bytes are in the other order, it keeps the
lower eight. So two readings give all sixteen.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.data.formats.levels import DARK

_PHOTOMETRIC, _BITS, _SAMPLE_FORMAT = 262, 258, 339
"""Tags of TIFF."""
_WHITE_IS_ZERO, _UNSIGNED = 0, 1
_RAW_MODE = re.compile(r"(RGB|RGBA|RGBX|CMYK);16([BLN])")
_OTHER_ORDER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
_COLOURS = 3


class UnknownRangeError(Exception):
    """The photo does not say which of its values is white."""


class OutOfRangeError(Exception):
    """The photo has values outside of the range that was asked for."""


@dataclass(frozen=True)
class Depth:
    """How the pixels of a photo are stored. It is read before the photo is changed in any way.

    Args:
        mode: Pillow's.
        bits: of a pixel of a channel, as far as it matters.
        signed: whether they are signed numbers or floats.
        white_is_zero: whether they are stored inverted.
    """

    mode: str
    bits: int
    signed: bool
    white_is_zero: bool

    @classmethod
    def of(cls, image: Image.Image) -> Depth:
        """The depth of a photo that has just been opened."""
        tags = getattr(image, "tag_v2", None) or {}
        bits = _first(tags.get(_BITS, 0))
        if bits == 0:
            bits = 16 if image.mode.startswith("I") or _is_sixteen_bit_colour(image) else 8
        signed = image.mode == "F" or _first(tags.get(_SAMPLE_FORMAT, _UNSIGNED)) != _UNSIGNED
        return cls(image.mode, bits, signed, tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO)

    @property
    def is_deep(self) -> bool:
        """Whether a pixel has more than the eight bits that are kept."""
        return self.bits > 8

    @property
    def keeps_values(self) -> bool:
        """Whether Pillow gives the values as they are stored, as it does without colour, for us to scale."""
        return self.mode.startswith("I") or self.signed

    def to_bytes(self, image: Image.Image, asked: tuple[float, float] | None) -> tuple[Image.Image, bool]:
        """A photo without colour as bytes, and whether it is darker than its range explains.

        Args:
            image: the photo, decoded.
            asked: the values of black and white, where the user says them.

        Raises:
            UnknownRangeError: nobody says which values are black and white.
            OutOfRangeError: it has others than those that were asked for.
        """
        values = self._values(image)
        if asked is None and (self.signed or self.bits > 16):
            raise UnknownRangeError
        black, white = asked or (0.0, float(2**self.bits - 1))
        if not np.isfinite(values).all() or values.min() < black or values.max() > white:
            raise OutOfRangeError
        if self.white_is_zero:
            values = black + white - values
        shares = (values - black) / (white - black)
        return Image.fromarray(np.rint(shares * 255.0).astype(np.uint8)), bool(shares.max() < DARK)

    def colour_to_bytes(
        self, upper: Image.Image, lower: Image.Image, asked: tuple[float, float] | None
    ) -> tuple[Image.Image, bool]:
        """A photo of 16 bits in colour as bytes, and whether it is darker than its range explains.

        Args:
            upper: the upper eight bits of each pixel.
            lower: the lower eight.
            asked: the values of black and white, where the user says them; they do not concern transparency.

        Raises:
            OutOfRangeError: it has others than those that were asked for.
        """
        values = np.asarray(upper).astype(np.float64) * 256.0 + np.asarray(lower)
        black, white = asked or (0.0, 65_535.0)
        colours = values[..., :_COLOURS]
        if colours.min() < black or colours.max() > white:
            raise OutOfRangeError
        shares = np.concatenate([(colours - black) / (white - black), values[..., _COLOURS:] / 65_535.0], axis=-1)
        # In CMYK zero is no ink, not no light.
        dark = upper.mode != "CMYK" and bool(shares[..., :_COLOURS].max() < DARK)
        return Image.fromarray(np.rint(shares * 255.0).astype(np.uint8), upper.mode), dark

    def _values(self, image: Image.Image) -> NDArray[np.float64]:
        stored: NDArray[Any] = np.asarray(image)
        if self.mode == "I" and self.bits == 32 and not self.signed:
            # Pillow gives the 32 bits as a signed number.
            stored = stored.astype(np.int32).view(np.uint32)
        elif stored.dtype == np.uint8:
            # ... and signed numbers of 8 bits as unsigned ones.
            stored = stored.view(np.int8)
        return stored.astype(np.float64)


def has_lower_half(image: Image.Image) -> bool:
    """Whether a photo that has just been opened is of 16 bits in colour, of which the lower eight can be had too."""
    # The colour that stands for transparent is given in 16 bits.
    return (
        bool(_raw_modes(image))
        and all(map(_RAW_MODE.fullmatch, _raw_modes(image)))
        and "transparency" not in image.info
    )


def ask_for_lower_half(image: Image.Image) -> None:
    """Have such a photo decoded to the lower eight of its sixteen bits."""
    for number, tile in enumerate(image.tile):  # type: ignore[attr-defined]
        arguments = (tile.args,) if isinstance(tile.args, str) else tile.args
        swapped = _RAW_MODE.sub(lambda match: f"{match[1]};16{_OTHER_ORDER[match[2]]}", arguments[0])
        others = swapped if isinstance(tile.args, str) else (swapped, *arguments[1:])
        image.tile[number] = tile._replace(args=others)  # type: ignore[attr-defined]


def _raw_modes(image: Image.Image) -> list[str]:
    """In which form the pixels are stored, part by part, in the words of Pillow's decoders."""
    arguments = [tile.args for tile in getattr(image, "tile", None) or []]
    return [str(each if isinstance(each, str) else next(iter(each or ()), "")) for each in arguments]


def _first(value: Any) -> int:
    return int(value[0]) if isinstance(value, tuple) else int(value)


def _is_sixteen_bit_colour(image: Image.Image) -> bool:
    """Whether Pillow will keep only the upper eight of sixteen bits. The name of its decoder's raw mode says so."""
    return any(";16" in mode for mode in _raw_modes(image))
