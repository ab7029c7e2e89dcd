"""Sides, in pixels, that images may be given. No NumPy: specifications are read without it."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import InputError

SMALLEST_SIZE, LARGEST_SIZE = 8, 1024
DEFAULT_SIZE = 64


@dataclass(frozen=True)
class Glance:
    """What can be said of images of one's own without reading them.

    Attributes:
        sides: height and width that they have when they are loaded, unless a size is asked for.
        published: the registered dataset whose original file they seem to be.
    """

    sides: tuple[int, int]
    published: str | None = None


def check_size(size: int) -> None:
    """Check a side length that was asked for.

    Raises:
        InputError: it is out of range.
    """
    if not SMALLEST_SIZE <= size <= LARGEST_SIZE:
        raise InputError(f"images of {size}x{size} are not made; give a size from {SMALLEST_SIZE} to {LARGEST_SIZE}")
