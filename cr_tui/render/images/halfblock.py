"""Images as half-blocks: one cell shows two pixels, the upper in the foreground, the lower in the background colour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.segment import Segment

from cr_tui.render.cells import CellMode, Cells, Rgb, style_of

UPPER_HALF = "▀"
ASCII_RAMP = " .:-=+*#%@"
GREY_LEVELS = 26
"""Black, white and the 24 greys of the 256-colour palette. Finer steps would be lost there and cost bytes elsewhere."""
_COLOUR_LEVELS = 32


def draw_image(
    image: NDArray[np.uint8], columns: int | None = None, rows: int | None = None, mode: CellMode = "blocks"
) -> Cells:
    """Draw an image in terminal cells.

    A cell counts as twice as high as wide. If a size is given, the image is enlarged by a whole factor or reduced by
    averaging, so that it fits and keeps its proportions. Otherwise a pixel takes one column and half a row.

    Args:
        image: uint8 ``[H, W]`` (grey) or ``[H, W, 3]`` (RGB).
        columns: most cells across.
        rows: most cells down.
        mode: half-blocks in colour, or characters of rising darkness for terminals without either.

    Returns:
        The picture.
    """
    fitted = fit(image, columns, None if rows is None else 2 * rows)
    return _ascii(fitted) if mode == "ascii" else _half_blocks(fitted)


def fit(image: NDArray[np.uint8], width: int | None, height: int | None) -> NDArray[np.uint8]:
    """Scale an image into ``width`` × ``height`` pixels, keeping its proportions.

    Args:
        image: uint8 ``[H, W]`` or ``[H, W, 3]``.
        width: most pixels across, None for no bound.
        height: most pixels down, None for no bound.

    Returns:
        The image enlarged by a whole factor (pixels stay square) or reduced by averaging; itself without bounds.
    """
    bounds = [limit / size for limit, size in ((width, image.shape[1]), (height, image.shape[0])) if limit is not None]
    if not bounds:
        return image
    scale = min(bounds)
    if scale >= 1.0:
        return image.repeat(int(scale), axis=0).repeat(int(scale), axis=1)
    size = (max(1, int(image.shape[1] * scale)), max(1, int(image.shape[0] * scale)))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))


def _half_blocks(image: NDArray[np.uint8]) -> Cells:
    """Draw runs of equal pairs of pixels as one segment, so that a picture of few colours costs few bytes."""
    colours = quantised(image)
    packed = colours.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)
    odd = packed[-1] if len(packed) % 2 else None
    packed = packed[:-1] if odd is not None else packed
    lines = []
    for upper, lower in zip(packed[0::2], packed[1::2], strict=True):
        changes = np.flatnonzero((np.diff(upper) != 0) | (np.diff(lower) != 0)) + 1
        starts = [0, *changes.tolist()]
        ends = [*changes.tolist(), len(upper)]
        lines.append(
            tuple(
                _run(int(upper[start]), int(lower[start]), end - start) for start, end in zip(starts, ends, strict=True)
            )
        )
    if odd is not None:
        # Below the last row there is no image: the background of whatever is behind shows.
        starts = [0, *(np.flatnonzero(np.diff(odd) != 0) + 1).tolist()]
        ends = [*starts[1:], len(odd)]
        lines.append(
            tuple(
                Segment(UPPER_HALF * (end - start), style_of(_unpacked(int(odd[start]))))
                for start, end in zip(starts, ends, strict=True)
            )
        )
    return Cells(tuple(lines))


def _run(upper: int, lower: int, length: int) -> Segment:
    if upper == lower:
        return Segment(" " * length, style_of(None, _unpacked(lower)))
    return Segment(UPPER_HALF * length, style_of(_unpacked(upper), _unpacked(lower)))


def _unpacked(colour: int) -> Rgb:
    return colour >> 16, colour >> 8 & 0xFF, colour & 0xFF


def quantised(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB uint8 ``[H, W, 3]`` in few levels."""
    top = (GREY_LEVELS if image.ndim == 2 else _COLOUR_LEVELS) - 1
    levels = np.rint(np.rint(image * (top / 255.0)) * (255.0 / top)).astype(np.uint8)
    return np.repeat(levels[..., None], 3, axis=2) if image.ndim == 2 else levels


def _ascii(image: NDArray[np.uint8]) -> Cells:
    grey = image.astype(np.float64) if image.ndim == 2 else image @ np.array([0.2126, 0.7152, 0.0722])
    if grey.shape[0] % 2:
        grey = np.concatenate([grey, grey[-1:]])
    cells = (grey[0::2] + grey[1::2]) / 2
    ramp = np.array(list(ASCII_RAMP))
    characters = ramp[np.rint(cells * ((len(ramp) - 1) / 255.0)).astype(np.intp)]
    return Cells(tuple((Segment("".join(line)),) for line in characters))
