"""What an encoder's codes say of images: of their factors where these are known, else how the codes are spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from cr_tui.figures.drawing import COLOURS, FAINT, INK, WIDTH, Part

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

_ROW_HEIGHT = 0.62
_MOST_ROWS = 16
"""Codes on a page; the others are told of in the figure's last line."""
_ACROSS = 4
_BINS = 40
_MOST_NAMED = 6
"""Categories that have room for their names below a panel."""


@dataclass(frozen=True, eq=False)
class FactorColumn:
    """One factor of the images.

    Attributes:
        name: of the factor.
        values: of each image, float64 ``[n]``.
        continuous: whether its values are ordered.
        information: of each code about it, as a share of the factor's entropy, float64 ``[d]``.
        words: what its values are called, by value.
    """

    name: str
    values: NDArray[np.float64]
    continuous: bool
    information: NDArray[np.float64]
    words: Mapping[float, str] = field(default_factory=dict)


def codes_by_factor_part(codes: NDArray[np.float32], labels: Sequence[str], factors: Sequence[FactorColumn]) -> Part:
    """How each code answers to each factor: mean and standard deviation over images, a row a code.

    The number in each panel is their mutual information as a share of the factor's entropy, by which MIG is made.

    Args:
        codes: float32 ``[n, d]``.
        labels: a name a code.
        factors: at least one.
    """
    shown = min(codes.shape[1], _MOST_ROWS)

    def draw(figure: FigureBase) -> None:
        grid = figure.subplots(shown, len(factors), squeeze=False, sharex="col", sharey="row")
        for row in range(shown):
            for column, factor in enumerate(factors):
                _draw_answer(grid[row, column], codes[:, row], factor, float(factor.information[row]))
            grid[row, 0].set_ylabel(labels[row], rotation=0, ha="right", va="center")
        for column, factor in enumerate(factors):
            grid[-1, column].set_xlabel(factor.name)
        title = "mean ± standard deviation over images; number: share of the factor's entropy that the code tells"
        if shown < codes.shape[1]:
            title += f"; the first {shown} of {codes.shape[1]} codes"
        figure.supxlabel(title, fontsize=7, color=FAINT)

    return Part(0.7 + _ROW_HEIGHT * shown, WIDTH, draw)


def _draw_answer(axes: Axes, code: NDArray[np.float32], factor: FactorColumn, information: float) -> None:
    values, place = np.unique(factor.values, return_inverse=True)
    count = np.bincount(place)
    mean = np.bincount(place, weights=code) / count
    deviation = np.sqrt(np.maximum(np.bincount(place, weights=np.square(code, dtype=np.float64)) / count - mean**2, 0))
    strength = 0.25 + 0.75 * min(max(information, 0.0), 1.0)
    if factor.continuous:
        axes.fill_between(
            values, mean - deviation, mean + deviation, color=COLOURS[0], alpha=0.25 * strength, linewidth=0
        )
        axes.plot(values, mean, color=COLOURS[0], alpha=strength)
    else:
        axes.errorbar(
            values,
            mean,
            deviation,
            linestyle="",
            marker="o",
            markersize=2.5,
            linewidth=0.7,
            color=COLOURS[0],
            alpha=strength,
        )
    axes.locator_params(nbins=3)
    if not factor.continuous and len(values) <= _MOST_NAMED:
        axes.set_xticks(values, [factor.words.get(value, f"{value:g}") for value in values.tolist()])
    axes.text(0.98, 0.95, f"{information:.2f}", transform=axes.transAxes, ha="right", va="top", fontsize=6, color=INK)


def codes_part(codes: NDArray[np.float32], labels: Sequence[str], prior: Literal["uniform", "normal"]) -> Part:
    """How each code is spread over images, and the prior of continuous codes.

    Args:
        codes: float32 ``[n, d]``.
        labels: a name a code.
        prior: of continuous codes.
    """
    shown = min(codes.shape[1], _ACROSS * _MOST_ROWS)
    down = -(-shown // _ACROSS)

    def draw(figure: FigureBase) -> None:
        grid = figure.subplots(down, _ACROSS, squeeze=False)
        for axes in grid.flat[shown:]:
            axes.set_visible(False)
        for axes, label, column in zip(grid.flat, labels[:shown], codes.T[:shown], strict=False):
            axes.hist(column, bins=_BINS, density=True, color=COLOURS[0], alpha=0.6, label="codes of images")
            low, high = axes.get_xlim()
            at = np.linspace(low, high, 200)
            density = np.exp(-(at**2) / 2) / np.sqrt(2 * np.pi) if prior == "normal" else 0.5 * (np.abs(at) <= 1)
            axes.plot(at, density, color=COLOURS[4], linewidth=0.9, label="prior")
            axes.set_title(label, loc="left")
            axes.locator_params(nbins=4)
        handles, names = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=2)
        figure.supylabel("density", fontsize=8)

    return Part(0.6 + 1.2 * down, WIDTH, draw)
