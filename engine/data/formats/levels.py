"""Which values of an array are black and white. What its type and values do not say beyond doubt is asked."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.formats.stored import StoredArray
from engine.data.options import advice, say_range
from engine.errors import InputError

DARK = 0.25
"""Where the largest value is below this share of white, the range is doubted: the images would be nearly black."""
_DEPTHS = (4, 6, 8, 10, 12, 14, 16, 32, 64)
"""Bits of a pixel that sensors and file formats have."""
_BYTE = 255.0


@dataclass(frozen=True)
class Levels:
    """The values that become 0 and 255.

    Args:
        black: the value that becomes 0.
        white: the value that becomes 255.
    """

    black: float
    white: float

    def to_bytes(self, values: NDArray[Any], stored: StoredArray) -> NDArray[np.uint8]:
        """Values as uint8 of the same shape, rounded.

        Args:
            values: numbers of any type.
            stored: where they are from, for messages.

        Raises:
            InputError: some are not finite or lie outside.
        """
        if values.dtype == np.uint8 and (self.black, self.white) == (0, _BYTE):
            return values
        require_finite(values, stored)
        low, high = float(values.min()), float(values.max())
        if low < self.black or high > self.white:
            asked = say_range(self.black, self.white)
            raise InputError(f"{stored} has values from {low:g} to {high:g}, outside of the range {asked}")
        scaled = (values.astype(np.float64) - self.black) * (_BYTE / (self.white - self.black))
        return np.rint(scaled).astype(np.uint8)


def require_finite(values: NDArray[Any], stored: StoredArray) -> None:
    """Refuse NaN and infinity.

    Raises:
        InputError: there are some.
    """
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise InputError(f"{stored} has values that are not finite (NaN or infinity)")


def levels_of(stored: StoredArray, low: float, high: float) -> Levels:
    """The levels that type and extremes of an array imply.

    Floats are taken as 0 to 1, -1 to 1 or 0 to 255, whole numbers as 0 and 1, as 0 to 255, or as all of uint16, where
    the values leave no doubt. An array that is nearly black by its range is doubted.

    Args:
        stored: the array.
        low: its least value.
        high: its largest value.

    Raises:
        InputError: the values are of none of these ranges, or of several.
    """
    found = _of_floats(low, high) if stored.dtype.kind == "f" else _of_integers(stored.dtype, low, high)
    if found is None:
        raise InputError(
            f"{stored} has values from {low:.6g} to {high:.6g} of type {stored.dtype}, which does not say which are "
            f"black and white; {advice('range', *_likely(stored.dtype, low, high))}"
        )
    if (high - found.black) < DARK * (found.white - found.black):
        warn_of_darkness(stored, high, found)
    return found


def warn_of_darkness(stored: StoredArray, high: float, levels: Levels) -> None:
    """Warn of images that are nearly black."""
    reached = next((f"0..{2**bits - 1}" for bits in _DEPTHS if high <= 2**bits - 1), f"0..{high:g}")
    wanted = reached if stored.dtype.kind != "f" else f"0..{high:.3g}"
    warnings.warn(
        f"{stored} reaches only {high:.4g} where {levels.white:g} is white, so its images are nearly black; if that is "
        f"not meant, {advice('range', wanted)}",
        stacklevel=4,
    )


def _of_floats(low: float, high: float) -> Levels | None:
    if low >= 0 and high <= 1:
        return Levels(0, 1)
    if -1 <= low <= -0.5 and high <= 1:
        return Levels(-1, 1)
    return Levels(0, _BYTE) if low >= 0 and DARK * _BYTE <= high <= _BYTE else None


def _of_integers(dtype: np.dtype[Any], low: float, high: float) -> Levels | None:
    if low < 0:
        return None
    if high <= 1:
        return Levels(0, 1)
    if dtype == np.uint8:
        return Levels(0, _BYTE)
    white = 65_535.0 if dtype.newbyteorder("=") == np.uint16 else _BYTE
    if dtype.itemsize == 1:  # int8 ends at 127
        return None
    return Levels(0, white) if DARK * white <= high <= white else None


def _likely(dtype: np.dtype[Any], low: float, high: float) -> tuple[str, ...]:
    """Ranges that may be meant, the likeliest first."""
    if dtype.kind == "f":
        if low < 0:
            return ("-1..1",) if low >= -1 and high <= 1 else (say_range(float(f"{low:.3g}"), float(f"{high:.3g}")),)
        return ("0..255", f"0..{high:.3g}") if high <= _BYTE else (f"0..{high:.6g}",)
    if low < 0:
        bits = next(bits for bits in _DEPTHS if bits >= 8 and low >= -(2 ** (bits - 1)) and high < 2 ** (bits - 1))
        return (f"{-(2 ** (bits - 1))}..{2 ** (bits - 1) - 1}",)
    depth = next(bits for bits in _DEPTHS if high <= 2**bits - 1)
    own = (
        {2 ** (8 * dtype.itemsize) - 1} if dtype.kind == "u" and dtype.itemsize <= 2 else {255} if depth < 8 else set()
    )
    return tuple(f"0..{white}" for white in sorted({2**depth - 1} | own))
