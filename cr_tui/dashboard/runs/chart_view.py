"""A chart that fills its place."""

from __future__ import annotations

import asyncio
from functools import partial

from cr_tui.dashboard.runs.overview import Chart
from cr_tui.dashboard.shared.cells_view import DrawnView
from cr_tui.dashboard.theme import ink_of
from cr_tui.render.cells import Cells
from cr_tui.render.curves.chart import Scale, chart


class ChartView(DrawnView):
    """Draws a chart in a thread, anew when the chart or its own size changes.

    Args:
        title: what the legend begins with until there is a chart.
        bounds: values that must be inside the plot.
    """

    DEFAULT_CSS = """
    ChartView { height: 1fr; }
    """

    def __init__(self, title: str, bounds: tuple[float, float] | None = None, *, widget_id: str | None = None) -> None:
        super().__init__(widget_id=widget_id)
        self._bounds = bounds
        self._chart = Chart(title)

    def show_chart(self, shown: Chart) -> None:
        """Draw another chart."""
        self._chart = shown
        self.redraw()

    async def drawn(self, width: int, height: int) -> Cells:
        shown, ink, scale = self._chart, ink_of(self.app), Scale(bounds=self._bounds)
        empty = "no points yet" if shown.is_read else "reading …"
        draw = partial(chart, title=shown.title, scale=scale, ink=ink, empty=empty)
        return await asyncio.to_thread(draw, shown.series, width, height)
