"""A matrix of models against models as a picture, for papers and messages."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from cr_tui.render.cells import Rgb
from cr_tui.render.matrices.matrix import ABSENT, MatrixPicture
from cr_tui.render.palette import MISSING, STEPS, readable_on
from cr_tui.text import clean

CAPTION = "cross-scores: rows are encoders, columns the generators whose images they were scored on"
"""The title of such a picture."""
_BACKGROUND: Rgb = (255, 255, 255)
_TEXT: Rgb = (48, 48, 48)
_FONT_PIXELS = 16
_MOST_PIXELS, _LEAST_CELL, _MOST_CELL = 1200, 3, 64
_READABLE_CELL, _VALUE_CELL = 14, 40
"""Pixels of a cell from which names, and values, can be read."""
NAME_LENGTH, _NAME_PIXELS = 40, 400
_MARGIN, _LEGEND, _BAR = 20, 70, 18


def matrix_picture(picture: MatrixPicture, title: str) -> NDArray[np.uint8]:
    """Draw cross-scores on white, with a legend below.

    Names and numbers stand beside the rows, and values in their cells, where they can be read.

    Args:
        picture: what to draw.
        title: stands above.

    Returns:
        uint8 ``[height, width, 3]``.
    """
    n = max(picture.size, 1)
    cell = min(max(_MOST_PIXELS // n, _LEAST_CELL), _MOST_CELL)
    named = cell >= _READABLE_CELL
    left, top = (_NAME_PIXELS if named else _MARGIN), 2 * _MARGIN + (_FONT_PIXELS + 8 if named else _MARGIN // 2)
    width = left + max(n * cell, 2 * _NAME_PIXELS - left) + _MARGIN
    image = Image.new("RGB", (width, top + n * cell + _LEGEND), _BACKGROUND)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(_FONT_PIXELS)
    draw.text((_MARGIN, 10), clean(title, 100), fill=_TEXT, font=font)
    colours = np.array((*STEPS, MISSING), dtype=np.uint8)[picture.levels]
    image.paste(Image.fromarray(colours.repeat(cell, axis=0).repeat(cell, axis=1)), (left, top))
    for at in range(picture.size if named else 0):
        middle = at * cell + cell // 2
        label = f"{clean(picture.labels[at], NAME_LENGTH)}  {at + 1}"
        draw.text((left - 8, top + middle), label, fill=_TEXT, font=font, anchor="rm")
        draw.text((left + middle, top - 6), str(at + 1), fill=_TEXT, font=font, anchor="ms")
    if cell >= _VALUE_CELL:
        _draw_values(draw, font, picture, (left, top), cell)
    _draw_legend(draw, font, picture, left, top + n * cell + _MARGIN)
    return np.asarray(image)


def _draw_values(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
    picture: MatrixPicture,
    corner: tuple[int, int],
    cell: int,
) -> None:
    """The values in the middle of their cells."""
    for (row, column), value in np.ndenumerate(picture.values):
        level = int(picture.levels[row, column])
        if level != ABSENT:
            middle = corner[0] + column * cell + cell // 2, corner[1] + row * cell + cell // 2
            draw.text(middle, f"{value:.2f}", fill=readable_on(STEPS[level]), font=font, anchor="mm")


def _draw_legend(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
    picture: MatrixPicture,
    x: int,
    y: int,
) -> None:
    """The colours with the values between them."""
    each = 2 * _BAR
    for at, colour in enumerate(STEPS):
        draw.rectangle((x + at * each, y, x + (at + 1) * each - 1, y + _BAR), fill=colour)
    for at in range(0, len(picture.edges), 3):
        draw.text((x + at * each, y + _BAR + 4), f"{picture.edges[at]:.2f}", fill=_TEXT, font=font, anchor="ma")
    if (picture.levels == ABSENT).any():
        start = x + (len(STEPS) + 2) * each
        draw.rectangle((start, y, start + each - 1, y + _BAR), fill=MISSING)
        draw.text((start + each + 6, y + _BAR // 2), "not compared", fill=_TEXT, font=font, anchor="lm")
