"""A chart that fills its place."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events

from cr_tui.dashboard.widgets.cells_view import CellsView
from cr_tui.render.chart import Series, chart


class ChartView(CellsView):
    """Draws series as lines, anew when they or its size change.

    Args:
        title: stands first in the legend.
        bounds: values that must be inside the plot.
    """

    DEFAULT_CSS = """
    ChartView { height: 1fr; }
    """

    def __init__(self, title: str, bounds: tuple[float, float] | None = None, *, widget_id: str | None = None) -> None:
        super().__init__(widget_id=widget_id)
        self._title = title
        self._bounds = bounds
        self._series: Sequence[Series] = ()

    def show_series(self, series: Sequence[Series]) -> None:
        """Draw other series."""
        self._series = series
        self._draw()

    def on_resize(self, event: events.Resize) -> None:
        self._draw()

    def _draw(self) -> None:
        if self.size.width and self.size.height:
            self.show(chart(self._series, self.size.width, self.size.height, title=self._title, bounds=self._bounds))
