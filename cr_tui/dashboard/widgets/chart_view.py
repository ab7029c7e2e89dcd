"""A chart that fills its place."""

from __future__ import annotations

import asyncio

from textual import events

from cr_tui.dashboard.groups import ChartGroup
from cr_tui.dashboard.theme import look_of
from cr_tui.dashboard.widgets.cells_view import CellsView
from cr_tui.render.cells import Cells
from cr_tui.render.chart import chart


class ChartView(CellsView):
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
        self._stale = False
        self._drawing = False

    def show_group(self, group: ChartGroup) -> None:
        """Draw other series."""
        self._group = group
        self.redraw()

    def on_resize(self, event: events.Resize) -> None:
        self.redraw()

    def redraw(self) -> None:
        """Draw anew; while a drawing is made, once more when it is done."""
        self._stale = True
        if not self._drawing and self.is_attached:
            self._drawing = True
            self.run_worker(self._draw(), group="draw")

    async def _draw(self) -> None:
        try:
            while self._stale:
                self._stale = False
                width, height = self.size
                if width and height:
                    self.show(await asyncio.to_thread(self._drawn, width, height))
        finally:
            self._drawing = False

    def _drawn(self, width: int, height: int) -> Cells:
        group, ink = self._group, look_of(self.app).ink
        return chart(group.series, width, height, title=group.title, bounds=self._bounds, ink=ink)
