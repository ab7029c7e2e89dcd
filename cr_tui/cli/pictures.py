"""Prints traversals, in the best way that the terminal can show images."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cr_tui.cli.output import cell_mode, put, stdout_console
from cr_tui.render.images import graphics
from cr_tui.render.images.image_modes import ImageQuestion, TerminalImages
from cr_tui.render.images.traversal import draw_traversal

_MOST_TILE = 24


def put_traversal(frames: NDArray[np.uint8], labels: Sequence[str], option: str | None = None) -> None:
    """Print a traversal, a labelled row of images a code.

    Args:
        frames: uint8 ``[samples, codes, steps, H, W, C]``.
        labels: a name for each code; an empty one is not shown.
        option: ``--images``, None for ``$CRTUI_IMAGES``.

    Raises:
        InputError: there is no such way to show images, or its library is not installed.
    """
    console = stdout_console()
    found = _found(option)
    mode = found.mode if found is not None else None
    if mode == "off":
        put("images are off")
    elif mode in ("kitty", "sixel"):
        assert found is not None
        _put_graphics(frames, labels, found)
    else:
        cells = {"halfblock": "blocks", "ascii": "ascii"}
        drawn = cell_mode(console) if mode is None or cells[mode] == "blocks" else "ascii"
        console.print(draw_traversal(frames, labels, console.width, mode=drawn))


def _found(option: str | None) -> TerminalImages | None:
    """How the terminal shows images; None if there is no terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    with ImageQuestion(option, sys.stdin.fileno(), sys.stdout.fileno()) as question:
        return question.answer()


def _put_graphics(frames: NDArray[np.uint8], labels: Sequence[str], found: TerminalImages) -> None:
    graphics.prepare(found.mode, found.cell)
    console = stdout_console(all_colours=True)
    steps, height, width = frames.shape[2:5]
    across = max(min((console.width + 1) // steps - 1, _MOST_TILE), 1)
    down = max(round(across * height / width * found.cell[0] / found.cell[1]), 1)
    for code, label in enumerate(labels):
        if label:
            put(label)
        for sample in frames:
            image = graphics.strip_image(sample[code], across, down, found.cell)
            columns = steps * (across + 1) - 1
            if found.mode == "sixel":
                console.print(graphics.sixel_picture(image, columns, down, found.cell))
                continue
            kitty = graphics.kitty_picture(image, columns, down, found.cell, through_tmux=found.through_tmux)
            console.file.write(kitty.upload)
            console.print(kitty.cells)
