"""Photos whose pixels are not bytes: which values are black and white, and the photo in bytes.

Pillow gives 16-bit, 32-bit and floating-point pixels as they stand in the file. Photos of 16 unsigned bits span their
whole range, or that of the bits they declare. For signed, 32-bit and floating-point pixels nothing says what is white:
they are read only where the user says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.data.formats.levels import DARK

_PHOTOMETRIC, _BITS, _SAMPLE_FORMAT = 262, 258, 339
"""Tags of TIFF."""
_WHITE_IS_ZERO, _UNSIGNED = 0, 1


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

    def _values(self, image: Image.Image) -> NDArray[np.float64]:
        stored: NDArray[Any] = np.asarray(image)
        if self.mode == "I" and self.bits == 32 and not self.signed:
            # Pillow gives the 32 bits as a signed number.
            stored = stored.astype(np.int32).view(np.uint32)
        elif stored.dtype == np.uint8:
            # ... and signed numbers of 8 bits as unsigned ones.
            stored = stored.view(np.int8)
        return stored.astype(np.float64)


def _first(value: Any) -> int:
    return int(value[0]) if isinstance(value, tuple) else int(value)


def _is_sixteen_bit_colour(image: Image.Image) -> bool:
    """Whether Pillow will keep only the upper eight of sixteen bits. The name of its decoder's raw mode says so."""
    tiles = getattr(image, "tile", None) or []
    return any(";16" in str(tile[3]) for tile in tiles if len(tile) > 3)
