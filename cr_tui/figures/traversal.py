"""A latent traversal with its codes and their values named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cr_tui.figures.drawing import WIDTH, Part

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

_GAP = 0.06
"""Between images, as a share of their width."""
_TILE = 0.62
_MOST_HEIGHT = 10.0


def traversal_part(frames: NDArray[np.uint8], labels: Sequence[str], span: tuple[float, float]) -> Part:
    """A row of images a code. Several samples of a code stand below each other.

    Args:
        frames: uint8 ``[samples, codes, steps, H, W, C]``.
        labels: a name a code.
        span: the first and last value of continuous codes.
    """
    samples, codes, steps, high, wide, channels = frames.shape
    rows = [frames[sample, code] for code in range(codes) for sample in range(samples)]
    ratio = high / wide
    tile = min(_TILE, (WIDTH - 0.6) / steps, (_MOST_HEIGHT - 0.6) / (len(rows) * ratio))

    def draw(figure: FigureBase) -> None:
        axes = figure.subplots()
        down = ratio * (1 + _GAP)
        for row, images in enumerate(rows):
            for step, image in enumerate(images):
                left, top = step * (1 + _GAP), row * down + (row // samples) * _GAP * (samples > 1)
                axes.imshow(
                    image.repeat(3, axis=2) if channels == 1 else image, extent=(left, left + 1, top + ratio, top)
                )
        block = samples * down + _GAP * (samples > 1)
        middles = [code * block + (samples * down - ratio * _GAP) / 2 for code in range(codes)]
        axes.set_yticks(middles, labels)
        ticks = [0.5, (steps - 1) * (1 + _GAP) + 0.5]
        axes.set_xticks(ticks, [f"{end:g}".replace("-", "−") for end in span])
        axes.set_xlabel("value of the code")
        axes.set_xlim(0, steps * (1 + _GAP) - _GAP)
        axes.set_ylim(codes * block - _GAP, 0)
        axes.set_aspect("equal")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)

    return Part(len(rows) * tile * ratio * (1 + _GAP) + 0.5, steps * tile * (1 + _GAP) + 0.6, draw)
