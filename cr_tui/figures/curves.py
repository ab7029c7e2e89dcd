"""Training curves, a panel a scalar: the mean of each configuration's seeds, and their standard deviation around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cr_tui.figures.drawing import FAINT, WIDTH, line_style, new_figure, print_style
from cr_tui.figures.seeds import Spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANEL_HEIGHT = 1.55
_LEGEND_LINE = 0.16
_MOST_ACROSS = 2
_LEGEND_CELLS = 100
_FEW_POINTS = 12


@dataclass(frozen=True)
class Panel:
    """One scalar.

    Attributes:
        title: what is measured.
        lines: by label, in the order of the legend; None for a configuration that has no such scalar.
    """

    title: str
    lines: dict[str, Spread | None]


def draw_curves(panels: Sequence[Panel], *, log_y: bool = False) -> Figure:
    """Draw panels that share their labels, and one legend below.

    Args:
        panels: at least one; all with the same labels.
        log_y: use logarithmic y axes, for those scalars that are positive throughout.
    """
    labels = list(panels[0].lines)
    across = min(len(panels), _MOST_ACROSS)
    down = -(-len(panels) // across)
    columns = max(1, min(len(labels), _LEGEND_CELLS // (max(map(len, labels)) + 12)))
    legend = (-(-len(labels) // columns) + 1) * _LEGEND_LINE
    with print_style():
        figure = new_figure(down * _PANEL_HEIGHT + legend + 0.2, WIDTH if across > 1 else WIDTH * 0.7)
        grid = figure.subplots(down, across, squeeze=False, sharex=True)
        for axes in grid.flat[len(panels) :]:
            axes.set_visible(False)
        for axes, panel in zip(grid.flat, panels, strict=False):
            _draw_panel(axes, panel, log_y)
        for column in range(across):
            lowest = grid[(len(panels) - 1 - column) // across, column]
            lowest.set_xlabel("step")
            lowest.tick_params(labelbottom=True)
            # There are no steps between whole ones.
            lowest.locator_params(axis="x", integer=True)
        seeds = {
            label: max((found.seeds for panel in panels if (found := panel.lines[label])), default=0)
            for label in labels
        }
        handles = [
            grid[0, 0].plot([], [], label=_with_seeds(label, seeds[label]), **line_style(number))[0]
            for number, label in enumerate(labels)
        ]
        several = any(count > 1 for count in seeds.values())
        title = "mean and standard deviation over seeds" if several else None
        figure.legend(handles=handles, loc="outside lower center", ncols=columns, title=title, title_fontsize=7)
    return figure


def _draw_panel(axes: Axes, panel: Panel, log_y: bool) -> None:
    axes.set_title(panel.title, loc="left")
    axes.grid(axis="y", color=FAINT, alpha=0.25, linewidth=0.4)
    positive = True
    for number, spread in enumerate(panel.lines.values()):
        if spread is None:
            continue
        style = line_style(number)
        if len(spread.steps) <= _FEW_POINTS:
            # Scores of a few checkpoints: a band between them would claim what nobody measured.
            axes.errorbar(spread.steps, spread.mean, spread.deviation, marker="o", markersize=3, capsize=2, **style)
        else:
            axes.plot(spread.steps, spread.mean, **style)
            low, high = spread.mean - spread.deviation, spread.mean + spread.deviation
            axes.fill_between(spread.steps, low, high, color=style["color"], alpha=0.2, linewidth=0)
        positive = positive and bool((spread.mean[spread.mean == spread.mean] > 0).all())
    if log_y and positive:
        axes.set_yscale("log")


def _with_seeds(label: str, seeds: int) -> str:
    return f"{label} ({seeds} seeds)" if seeds > 1 else label
