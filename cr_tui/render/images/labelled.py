"""Traversals as pictures with labels: which code, which run, which value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from cr_tui.render.images.traversal import GAP, Frames, traversal_animation, traversal_grid
from cr_tui.text import clean

_FONT_PIXELS, _LINE, _PADDING = 15, 22, 8
_BACKGROUND, _TEXT = (255, 255, 255), (48, 48, 48)
_MOST_NAME = 60


def labelled_grid(
    frames: Frames,
    codes: Sequence[Sequence[str]],
    title: str,
    values: Sequence[str],
    scale: int = 1,
) -> NDArray[np.uint8]:
    """A traversal as one picture: a row a code and run with its label, values below the columns.

    Args:
        frames: uint8 ``[runs, codes, steps, H, W, C]``.
        codes: a label for each code and run, ``[codes][runs]``.
        title: stands above.
        values: one a step; empty for none.
        scale: pixels drawn for each pixel of an image.

    Returns:
        uint8 ``[H', W', 3]``.
    """
    runs, count, steps, height, width = frames.shape[:5]
    picture = _enlarged(traversal_grid(frames), scale)
    between = (3 * GAP if runs > 1 else GAP) * scale
    rows, top = [], 0
    for code in range(count):
        for run in range(runs):
            rows.append((top + height * scale // 2, codes[code][run]))
            top += height * scale + (GAP * scale if run + 1 < runs else between)
    columns = [(step * (width + GAP) * scale + width * scale // 2, value) for step, value in enumerate(values[:steps])]
    return _with_labels(picture, title, rows, [], columns)


def labelled_animation(
    frames: Frames, codes: Sequence[str], runs: Sequence[str], title: str, scale: int = 1
) -> list[NDArray[np.uint8]]:
    """One picture a step, there and back: a column a code, a row a run, both with their labels.

    Args:
        frames: uint8 ``[runs, codes, steps, H, W, C]``.
        codes: a label a code.
        runs: a label a run; empty for none.
        title: stands above.
        scale: pixels drawn for each pixel of an image.

    Returns:
        Pictures uint8 ``[H', W', 3]``, ``2 · steps - 2`` of them.
    """
    height, width = frames.shape[3:5]
    rows = [((height + GAP) * scale * run + height * scale // 2, name) for run, name in enumerate(runs)]
    columns = [((width + GAP) * scale * code + width * scale // 2, name) for code, name in enumerate(codes)]
    return [
        _with_labels(_enlarged(picture, scale), title, rows, columns, []) for picture in traversal_animation(frames)
    ]


def _enlarged(picture: NDArray[np.uint8], scale: int) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(picture.repeat(scale, axis=0).repeat(scale, axis=1))).convert("RGB")


def _with_labels(
    picture: Image.Image,
    title: str,
    rows: Sequence[tuple[int, str]],
    above: Sequence[tuple[int, str]],
    below: Sequence[tuple[int, str]],
) -> NDArray[np.uint8]:
    """A picture on white with labels left of its rows, above and below its columns, at places in its own pixels."""
    font = ImageFont.load_default(_FONT_PIXELS)
    names = [(at, clean(name, _MOST_NAME)) for at, name in rows]
    left = _PADDING + (max((int(font.getlength(name)) for _, name in names), default=0) + _PADDING if names else 0)
    title = clean(title, 2 * _MOST_NAME)
    top = _LINE + _PADDING + (_LINE if above else 0)
    width = max(left + picture.width, _PADDING + int(font.getlength(title))) + _PADDING
    page = Image.new("RGB", (width, top + picture.height + _PADDING + (_LINE if below else 0)), _BACKGROUND)
    page.paste(picture, (left, top))
    draw = ImageDraw.Draw(page)
    draw.text((_PADDING, _PADDING), title, fill=_TEXT, font=font)
    for at, name in names:
        draw.text((left - _PADDING, top + at), name, fill=_TEXT, font=font, anchor="rm")
    for at, name in above:
        draw.text((left + at, top - 4), clean(name, _MOST_NAME), fill=_TEXT, font=font, anchor="ms")
    for at, name in below:
        draw.text((left + at, top + picture.height + 4), clean(name, _MOST_NAME), fill=_TEXT, font=font, anchor="mt")
    return np.asarray(page)
