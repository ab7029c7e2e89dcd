"""Which axis of an array is which. What the shape does not say beyond doubt is asked."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from engine.data.formats.stored import StoredArray
from engine.data.options import advice
from engine.errors import InputError

CHANNELS = (1, 3)
_MOST_RATIO = 8
"""Images whose sides differ by more than this factor are taken for a misread array."""


def layout_of(stored: StoredArray, asked: str | None = None) -> str:
    """What the axes of an array of images are: a word of N, H, W and, with four axes, C.

    Args:
        stored: the array.
        asked: what the user says they are.

    Raises:
        InputError: the array has no such axes; or nothing was said, and the shape means nothing or several things.
    """
    shape = stored.shape
    if asked is not None:
        if len(asked) != len(shape):
            raise InputError(f"{stored} has shape {shape}, which the layout {asked} does not describe")
        if "C" in asked and shape[asked.index("C")] not in CHANNELS:
            raise InputError(
                f"{stored} has shape {shape}, so {shape[asked.index('C')]} channels in layout {asked}; images have "
                "1 or 3 channels"
            )
        return asked
    if 0 in shape:
        raise InputError(f"{stored} has shape {shape}, so it holds no pixel")
    if len(shape) == 3:
        return _of_three(stored)
    if len(shape) == 4:
        return _of_four(stored)
    hint = "; flattened images need the shape they had" if len(shape) == 2 else ""
    raise InputError(f"{stored} has shape {shape}; images are [n, H, W] or [n, H, W, C]{hint}")


def in_order(array: NDArray[Any], layout: str) -> NDArray[Any]:
    """A view of an array of this layout as ``[n, H, W, C]``."""
    if "C" not in layout:
        array, layout = array[..., None], f"{layout}C"
    return array.transpose([layout.index(axis) for axis in "NHWC"])


def images_shape(shape: tuple[int, ...], layout: str) -> tuple[int, int, int, int]:
    """``(n, height, width, channels)`` of an array of this shape and layout."""
    count, height, width = (shape[layout.index(axis)] for axis in "NHW")
    return count, height, width, shape[layout.index("C")] if "C" in layout else 1


def _of_three(stored: StoredArray) -> str:
    first, height, width = stored.shape
    if width in CHANNELS:
        raise InputError(
            f"{stored} has shape {stored.shape}, which is one image with {width} channels, or {first} images of "
            f"{height}x{width}; save images as [n, H, W, {width}], or {advice('layout', 'NHW')}"
        )
    if first == 3:
        raise InputError(
            f"{stored} has shape {stored.shape}, which is one colour image with its channels first, or three grey "
            f"images; save images as [n, H, W, C], or {advice('layout', 'NHW')}"
        )
    if _absurd(height, width) or (width > max(first, height) and height != width):
        raise InputError(
            f"{stored} has shape {stored.shape}, which is {first} images of {height}x{width}, or {width} images of "
            f"{first}x{height}; {advice('layout', 'HWN', 'NHW')}"
        )
    return "NHW"


def _of_four(stored: StoredArray) -> str:
    shape = stored.shape
    last = shape[3] in CHANNELS and not _absurd(shape[1], shape[2])
    first = shape[1] in CHANNELS and not _absurd(shape[2], shape[3])
    if last and not first:
        return "NHWC"
    if first and not last:
        return "NCHW"
    if last or first or shape[1] in CHANNELS or shape[3] in CHANNELS:
        raise InputError(
            f"{stored} has shape {shape}, which does not say where its channels are; "
            f"{advice('layout', 'NHWC', 'NCHW', 'HWNC', 'HWCN')}"
        )
    hint = f"; {advice('layout', 'HWCN')}" if shape[2] in CHANNELS else ""
    if not hint and shape[3] in (2, 4):
        hint = "; leave transparency out, for instance with images[..., :-1]"
    raise InputError(f"{stored} has shape {shape}; images are [n, H, W, C] with 1 or 3 channels last{hint}")


def _absurd(height: int, width: int) -> bool:
    return max(height, width) > _MOST_RATIO * min(height, width)
