"""How images of your own are to be read, where they do not say it themselves. No NumPy: specifications are read
without it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields
from typing import TypedDict

from engine.data.sizes import check_size
from engine.errors import InputError

_LAYOUT = re.compile(r"(?=.*N)(?=.*H)(?=.*W)[NHWC]{3,4}")
_RANGE_SIGN = ".."
NO_LABELS, FOLDER_LABELS = "none", "folders"
"""Words for ``labels`` besides the path of a CSV file."""


class OptionKeywords(TypedDict, total=False):
    """The fields of :class:`Options` as keywords of a call."""

    size: int | None
    layout: str | None
    value_range: str | None
    labels: str | None
    full_digest: bool


@dataclass(frozen=True)
class Options:
    """What the reader of one's own images is told.

    Args:
        size: side in pixels to which they are made square; default: 64 for photos, and unchanged for arrays.
        layout: what the axes of an array are, such as ``"NCHW"`` or ``"HWN"``: number, height, width, channels.
        value_range: which values are black and white, such as ``"0..4095"`` or ``"-1..1"``: of an array, or of photos
            with more than eight bits.
        labels: ``"none"``, ``"folders"`` for the folders that photos lie in, or the path of a CSV file; default: the
            labels that lie with the images.
        full_digest: whether the fingerprint holds a digest of every byte, and not only of samples.

    Raises:
        InputError: a value that means nothing.
    """

    size: int | None = None
    layout: str | None = None
    value_range: str | None = None
    labels: str | None = None
    full_digest: bool = False

    def __post_init__(self) -> None:
        if self.size is not None:
            check_size(self.size)
        if self.layout is not None:
            check_layout(self.layout)
        if self.value_range is not None:
            parse_range(self.value_range)

    @property
    def given(self) -> tuple[str, ...]:
        """The names of the options that were given, as people write them."""
        names = {"value_range": "range", "full_digest": "digest"}
        return tuple(names.get(field.name, field.name) for field in fields(self) if getattr(self, field.name))


def check_layout(text: str) -> str:
    """Check a layout, and return it.

    Raises:
        InputError: it names no axes, or one twice.
    """
    if not _LAYOUT.fullmatch(text) or len(set(text)) != len(text):
        raise InputError(
            f"'{text[:20]}' is no layout; name each axis once, N for the number, H, W, and C for channels: "
            "NHWC, NCHW, NHW, HWN or another order"
        )
    return text


def parse_range(text: str) -> tuple[float, float]:
    """The values of black and white that a text such as ``0..255`` names.

    Raises:
        InputError: it names none, or they do not ascend.
    """
    low, sign, high = text.partition(_RANGE_SIGN)
    try:
        values = float(low), float(high)
    except ValueError:
        values = math.nan, math.nan
    # Beyond these bounds the difference of two values is no longer finite or exact.
    if not sign or not (-(2.0**64) <= values[0] < values[1] <= 2.0**64):
        raise InputError(
            f"'{text[:40]}' is no range of values; give that of black and that of white, such as 0..1, 0..255, -1..1 "
            "or 0..4095"
        )
    return values


def say_range(low: float, high: float) -> str:
    """Two values as :func:`parse_range` reads them."""
    return f"{low:.17g}{_RANGE_SIGN}{high:.17g}"


def advice(option: str, *values: str) -> str:
    """How to give an option, for the end of a message.

    Args:
        option: its name.
        values: those that may be meant.
    """
    offered = " or ".join(values)
    return f"give --{option} {offered} (to train: --set data.{option}={values[0]})"
