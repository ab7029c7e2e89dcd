"""Draws a terminal screen as a picture, cell by cell, as a terminal with DejaVu Sans Mono would."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont
from rich.cells import cell_len
from rich.color import Color
from rich.style import Style
from textual.strip import Strip

CELL = (8, 16)
"""Width and height of a cell, pixels."""
_FONT, _SIZE = "DejaVuSansMono{}.ttf", 13
_Rgb = tuple[int, int, int]
_Box = tuple[float, float, float, float]
_BRAILLE, _BITS = 0x2800, ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
"""First character of the braille patterns, and column and row of the dot that each of its bits means."""
_BLOCKS: dict[str, _Box] = {
    "█": (0, 0, 1, 1),
    "▀": (0, 0, 1, 0.5),
    "▄": (0, 0.5, 1, 1),
    "▌": (0, 0, 0.5, 1),
    "▐": (0.5, 0, 1, 1),
    "▔": (0, 0, 1, 0.125),
    "▁": (0, 0.875, 1, 1),
    "▎": (0, 0, 0.25, 1),
    "▊": (0, 0, 0.75, 1),
}
"""Part of the cell that a character fills: left, top, right, bottom."""


def picture(lines: Sequence[Strip], width: int) -> Image.Image:
    """The picture of a screen.

    Args:
        lines: from the top.
        width: cells of a line.
    """
    image = Image.new("RGB", (width * CELL[0], len(lines) * CELL[1]))
    for row, line in enumerate(lines):
        column = 0
        for segment in line:
            for character in segment.text:
                cells = cell_len(character)
                if cells and column + cells <= width:
                    cell = _cell(character, cells, segment.style or Style.null())
                    image.paste(cell, (column * CELL[0], row * CELL[1]))
                column += cells
    return image


@lru_cache(maxsize=20_000)
def _cell(character: str, cells: int, style: Style) -> Image.Image:
    """A character on its background."""
    ink, paper = _rgb(style.color, (208, 208, 208)), _rgb(style.bgcolor, (18, 18, 18))
    if style.reverse:
        ink, paper = paper, ink
    if style.dim:
        ink = tuple((2 * a + b) // 3 for a, b in zip(ink, paper, strict=True))  # type: ignore[assignment]
    wide, high = CELL[0] * cells, CELL[1]
    image = Image.new("RGB", (wide, high), paper)
    draw = ImageDraw.Draw(image)
    if character in _BLOCKS:
        left, top, right, bottom = _BLOCKS[character]
        draw.rectangle((left * wide, top * high, right * wide - 1, bottom * high - 1), fill=ink)
    elif 0 <= ord(character) - _BRAILLE < 256:
        for bit, (x, y) in enumerate(_BITS):
            if (ord(character) - _BRAILLE) >> bit & 1:
                dot = 1 + 4 * x, 1 + 4 * y
                draw.rectangle((*dot, dot[0] + 1, dot[1] + 1), fill=ink)
    elif cells > 1:
        # The font has none of the characters that take two cells.
        draw.rectangle((2, 2, wide - 3, high - 3), outline=ink)
    elif not character.isspace():
        draw.text((0, 0), character, fill=ink, font=_font(bool(style.bold)))
    if style.underline:
        draw.line((0, high - 2, wide - 1, high - 2), fill=ink)
    return image


@lru_cache(maxsize=2)
def _font(bold: bool) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(_FONT.format("-Bold" if bold else ""), _SIZE)


def _rgb(colour: Color | None, default: _Rgb) -> _Rgb:
    if colour is None or colour.is_default:
        return default
    return tuple(colour.get_truecolor())  # type: ignore[return-value]
