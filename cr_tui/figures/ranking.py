"""A ranking: each model's score by each method, with the interval that its noise leaves open, best model first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cr_tui.figures.drawing import COLOURS, FAINT, INK, WIDTH, new_figure, print_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW_HEIGHT = 0.16
_MOST_HEIGHT = 9.0
_MOST_NAMED = 60


@dataclass(frozen=True)
class Scored:
    """What one method says, a value a model in the order of the figure.

    Attributes:
        scores: NaN for a model that it did not rank.
        intervals: ends of each score's 95 % interval; None where there is none.
        pick: which model it picks.
    """

    scores: Sequence[float]
    intervals: Sequence[tuple[float, float] | None]
    pick: int | None


def draw_ranking(names: Sequence[str], methods: Mapping[str, Scored]) -> Figure:
    """Draw the scores of models, a panel a method.

    Args:
        names: of the models, best first.
        methods: by title; at least one.
    """
    n = len(names)
    with print_style():
        height = min(_MOST_HEIGHT, 0.95 + _ROW_HEIGHT * n)
        width = min(WIDTH, 2.4 + 2.2 * len(methods))
        figure = new_figure(height, width)
        grid = figure.subplots(1, len(methods), squeeze=False, sharey=True)
        for axes, (title, found) in zip(grid.flat, methods.items(), strict=True):
            _draw_method(axes, title, found)
        first = grid[0, 0]
        first.set_ylim(n - 0.4, -0.6)
        if n <= _MOST_NAMED:
            first.set_yticks(range(n), names)
        else:
            first.set_ylabel("rank")
    return figure


def _draw_method(axes: Axes, title: str, found: Scored) -> None:
    axes.set_xlabel(title)
    axes.grid(axis="x", color=FAINT, alpha=0.25, linewidth=0.4)
    axes.tick_params(axis="y", length=0)
    for row, score in enumerate(found.scores):
        if math.isnan(score):
            continue
        picked = row == found.pick
        interval = found.intervals[row] if found.intervals else None
        if interval is not None and all(map(math.isfinite, interval)):
            axes.plot(interval, (row, row), color=INK, linewidth=0.9, solid_capstyle="butt", zorder=2)
        marker, colour = ("D", COLOURS[4]) if picked else ("o", COLOURS[0])
        label = "pick" if picked else None
        size = 4.5 if picked else 3.5
        axes.plot([score], [row], linestyle="", marker=marker, color=colour, markersize=size, zorder=3, label=label)
    if any(found.intervals):
        axes.plot([], [], color=INK, linewidth=0.9, label="95 % interval")
    if axes.get_legend_handles_labels()[1]:
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, handlelength=1.2, columnspacing=1.0)
