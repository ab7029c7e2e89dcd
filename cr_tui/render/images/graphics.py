"""Images by Kitty's graphics protocol and as Sixel, made by ``textual-image``.

That library asks the terminal questions while it is imported. If the terminal is silent this takes up to 2.4 s (version
0.14), and a late answer is taken for keys. So it is imported while no terminal can be seen, and is told the size of a
cell.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console, RenderableType
from rich.segment import Segment

from cr_tui.render.cells import Cells
from cr_tui.render.images import tmux
from cr_tui.render.images.halfblock import quantised
from cr_tui.render.images.image_modes import CellSize, ImageMode
from engine.errors import InputError

if TYPE_CHECKING:
    from textual.widget import Widget

_COLOURS = 32
"""Colours of a picture. More would cost bytes and not be seen in a picture of a few cells."""
_GAP_CELLS = 1


@dataclass(frozen=True)
class KittyPicture:
    """A picture in Kitty's protocol.

    Args:
        upload: escape sequence that sends it to the terminal, once.
        cells: placeholders. Wherever they are printed, the terminal shows the picture.
        removal: escape sequence that makes the terminal forget it.
    """

    upload: str
    cells: Cells
    removal: str


def prepare(mode: ImageMode, cell: CellSize) -> None:
    """Import what a mode needs, before the application starts.

    Raises:
        InputError: the library is not installed.
    """
    if mode in ("kitty", "sixel"):
        try:
            _library(cell)
        except ImportError as error:
            raise InputError(
                f"--images {mode} needs textual-image; install it with 'pip install textual-image'"
            ) from error


@cache
def _library(cell: CellSize) -> Any:
    """``textual_image`` with its modules, which are told the size of a cell."""
    environment = {"TEXTUAL_CELL_WIDTH": str(cell[0]), "TEXTUAL_CELL_HEIGHT": str(cell[1])}
    # Version 0.14 would wrap for tmux what is wrapped here, where it is known whether tmux is there.
    before = {name: os.environ.get(name) for name in (*environment, "TMUX")}
    os.environ.update(environment)
    os.environ.pop("TMUX", None)
    try:
        with _standard_output_aside():
            importlib.import_module("textual_image.widget")
            return importlib.import_module("textual_image")
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _standard_output_aside() -> Iterator[io.StringIO]:
    """Replace the process's original standard output for a while by one that is no terminal."""
    original, aside = sys.__stdout__, io.StringIO()
    sys.__stdout__ = aside  # type: ignore[misc, assignment]
    try:
        yield aside
    finally:
        sys.__stdout__ = original  # type: ignore[misc]


def strip_image(frames: NDArray[np.uint8], across: int, down: int, cell: CellSize) -> Image.Image:
    """Images in a row as one picture in the terminal's own pixels, in few colours, with a cell between them.

    Args:
        frames: uint8 ``[n, H, W, C]``.
        across: cells that each takes across.
        down: cells that each takes down.
        cell: size of a cell in pixels.
    """
    size = (across * cell[0], down * cell[1])
    scale = min(size[0] / frames.shape[2], size[1] / frames.shape[1])
    fitted = (max(int(frames.shape[2] * scale), 1), max(int(frames.shape[1] * scale), 1))
    way = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.BOX
    mode = "L" if frames.shape[3] == 1 else "RGB"
    pitch = size[0] + _GAP_CELLS * cell[0]
    picture = Image.new(mode, (pitch * len(frames) - _GAP_CELLS * cell[0], size[1]))
    for number, frame in enumerate(frames):
        pixels = quantised(frame[..., 0] if mode == "L" else frame)
        tile = Image.fromarray(pixels[..., 0] if mode == "L" else pixels).resize(fitted, way)
        picture.paste(tile, (number * pitch, 0))
    return picture if mode == "L" else picture.quantize(_COLOURS, Image.Quantize.FASTOCTREE)


def kitty_picture(
    image: Image.Image, columns: int, rows: int, cell: CellSize, *, through_tmux: bool = False
) -> KittyPicture:
    """A picture for Kitty and Ghostty that fills a place.

    Args:
        image: the picture.
        columns: cells across.
        rows: cells down.
        cell: size of a cell in pixels.
        through_tmux: whether tmux must pass it on.
    """
    _library(cell)
    from textual_image.renderable import TGPImage

    with _standard_output_aside() as upload:
        renderable = TGPImage(image, columns, rows)
        console = Console(file=io.StringIO(), width=max(columns, 1), height=max(rows, 1))
        parts = list(renderable.__rich_console__(console, console.options))
    cells = Cells(tuple((part._replace(text=part.text.rstrip("\n")),) for part in parts if isinstance(part, Segment)))
    # By the protocol's text the library's own removal names no picture. This one does.
    removal = f"\x1b_Ga=d,d=I,i={renderable.terminal_image_id},q=2\x1b\\"
    carried = tmux.passed_on if through_tmux else str
    return KittyPicture(carried(upload.getvalue()), cells, carried(removal))


def sixel_picture(image: Image.Image, columns: int, rows: int, cell: CellSize) -> RenderableType:
    """A picture as Sixel that ``rich`` prints.

    Args:
        image: the picture.
        columns: cells across.
        rows: cells down.
        cell: size of a cell in pixels.
    """
    _library(cell)
    from textual_image.renderable import SixelImage

    return SixelImage(image, columns, rows)


def sixel_widget(image: Image.Image, cell: CellSize) -> Widget:
    """A Textual widget that shows a picture as Sixel."""
    _library(cell)
    from textual_image.widget import SixelImage

    return SixelImage(image)


def change_sixel(widget: Widget, image: Image.Image) -> None:
    """Show another picture in a widget of :func:`sixel_widget`."""
    widget.image = image  # type: ignore[attr-defined]
