"""Goes from chart to chart, and chooses which part of them is seen."""

from __future__ import annotations

from collections.abc import Callable

from textual import on

from cr_tui.dashboard.charts.chart_grid import ChartGrid
from cr_tui.dashboard.charts.scene import WHOLE_HEIGHT
from cr_tui.dashboard.charts.showing import ShownCharts
from cr_tui.dashboard.charts.window import Window, moved_height, zoomed_height

_CLOSER, _FARTHER = 0.5, 2.0


class MovingKeys(ShownCharts):
    """The keys for the focused chart, its cursor, and the window on both axes."""

    def action_left(self) -> None:
        self._point(-1) if self.scene.alone else self._move(-1, 0)

    def action_right(self) -> None:
        self._point(1) if self.scene.alone else self._move(1, 0)

    def action_up(self) -> None:
        self._move(0, -1)

    def action_down(self) -> None:
        self._move(0, 1)

    def _move(self, across: int, down: int) -> None:
        self.grid.move(across, down)
        self._draw_words(self.scene.runs)

    def action_enlarge(self) -> None:
        self.grid.change(alone=not self.scene.alone)
        self._draw_words(self.scene.runs)

    def action_cursor_on(self) -> None:
        self._point(1)

    def action_cursor_back(self) -> None:
        self._point(-1)

    def action_cursor_far_on(self) -> None:
        self._point(10)

    def action_cursor_far_back(self) -> None:
        self._point(-10)

    def _point(self, by: int) -> None:
        self._show_window(self.scene.window.pointed(self._whole, by))

    def action_zoom_in(self) -> None:
        self._show_window(self.scene.window.zoomed(self._whole))

    def action_zoom_out(self) -> None:
        self._show_window(self.scene.window.zoomed(self._whole, 2.0))

    def action_pan_on(self) -> None:
        self._show_window(self.scene.window.panned(self._whole, 1))

    def action_pan_back(self) -> None:
        self._show_window(self.scene.window.panned(self._whole, -1))

    def action_whole(self) -> None:
        self.grid.change(heights={})
        self._show_window(Window())

    def action_closer(self) -> None:
        self._show_height(lambda shown: zoomed_height(shown, _CLOSER))

    def action_farther(self) -> None:
        self._show_height(lambda shown: zoomed_height(shown, _FARTHER))

    def action_higher(self) -> None:
        self._show_height(lambda shown: moved_height(shown, 1))

    def action_lower(self) -> None:
        self._show_height(lambda shown: moved_height(shown, -1))

    @property
    def _whole(self) -> tuple[float, float]:
        """First and last position of the focused chart."""
        return self.scene.whole_of(self.scene.focused)

    def _show_height(self, change: Callable[[tuple[float, float]], tuple[float, float]]) -> None:
        """Show another part of the height of the focused chart."""
        key = self.scene.focused
        if key is None:
            return
        heights = {**self.scene.heights, key: change(self.scene.height_of(key))}
        self.grid.change(heights={key: shown for key, shown in heights.items() if shown != WHOLE_HEIGHT})
        self._draw_words(self.scene.runs)

    def _show_window(self, window: Window) -> None:
        self.grid.change(window=window)
        self._draw_words(self.scene.runs)

    @on(ChartGrid.Pointed)
    def _pointed(self) -> None:
        self._draw_words(self.scene.runs)
