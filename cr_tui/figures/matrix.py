"""The cross-scores of a selection as a heat map with names and a colour bar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cr_tui.figures.drawing import COLOUR_MAP, FAINT, WIDTH, new_figure, print_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_NAMED = 48
_MOST_NUMBERED = 12
_MOST_VECTOR = 64
"""Beyond this the cells become one picture within the file: tens of thousands of rectangles would make it heavy."""


def draw_matrix(matrix: NDArray[np.float64], names: Sequence[str], similarity: str = "FactorVAE") -> Figure:
    """Draw a matrix of models against models, in the order given.

    Args:
        matrix: float64 ``[n, n]``, row = encoder, column = generator; NaN for pairs that were not compared.
        names: of the models.
        similarity: what the numbers measure.
    """
    n = len(names)
    with print_style():
        side = min(WIDTH, max(2.2 + 0.3 * n, 3.2))
        figure = new_figure(side * 0.86, side)
        axes = figure.subplots()
        axes.set_facecolor("#dddddd")
        edges = np.arange(n + 1) - 0.5
        shown = np.ma.masked_invalid(matrix)
        mesh = axes.pcolormesh(edges, edges, shown, cmap=COLOUR_MAP, rasterized=n > _MOST_VECTOR, linewidth=0)
        axes.set_aspect("equal")
        axes.invert_yaxis()
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        if n <= _MOST_NAMED:
            size = max(3.0, min(7.0, 190 / n))
            axes.set_xticks(range(n), names, rotation=90, fontsize=size)
            axes.set_yticks(range(n), names, fontsize=size)
        axes.set_xlabel("generator whose images are read")
        axes.set_ylabel("encoder that is scored")
        bar = figure.colorbar(mesh, ax=axes, shrink=0.8, label=f"{similarity} score")
        bar.outline.set_visible(False)
        if n <= _MOST_NUMBERED:
            middle = float(shown.min() + shown.max()) / 2 if shown.count() else 0.0
            for (row, column), value in np.ndenumerate(matrix):
                if np.isfinite(value):
                    colour = "white" if value < middle else "black"
                    axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=6, color=colour)
        if np.isnan(matrix).any():
            axes.set_title("grey: not compared", loc="right", fontsize=6, color=FAINT)
    return figure
