"""A chart that fills its place."""

from __future__ import annotations

import asyncio

from cr_tui.dashboard.groups import ChartGroup
from cr_tui.dashboard.theme import look_of
from cr_tui.dashboard.widgets.cells_view import DrawnView
from cr_tui.render.cells import Cells
from cr_tui.render.chart import chart


class ChartView(DrawnView):
    """Draws series as lines, anew when they or its size change, in a thread.

    Args:
        title: stands first in the legend until there are series.
        bounds: values that must be inside the plot.
    """

    DEFAULT_CSS = """
    ChartView { height: 1fr; }
    """

    def __init__(self, title: str, bounds: tuple[float, float] | None = None, *, widget_id: str | None = None) -> None:
        super().__init__(widget_id=widget_id)
        self._bounds = bounds
        self._group = ChartGroup(title)

    def show_group(self, group: ChartGroup) -> None:
        """Draw other series."""
        self._group = group
        self.redraw()

    async def drawn(self, width: int, height: int) -> Cells:
        group, ink = self._group, look_of(self.app).ink
        return await asyncio.to_thread(
            chart, group.series, width, height, title=group.title, bounds=self._bounds, ink=ink
        )
