"""Changes how curves are drawn, and which charts there are."""

from __future__ import annotations

from textual import on
from textual.widgets import Input

from cr_tui.dashboard.charts.showing import ShownCharts
from cr_tui.dashboard.charts.window import Window
from cr_tui.dashboard.model.view_state import SMOOTHINGS
from cr_tui.dashboard.shared.text_box import TextBox

_MOST_ACROSS, _MOST_DOWN = 6, 6


class DrawingKeys(ShownCharts):
    """The keys for smoothing, bands, axes, the shape of the grid, and the filter by name."""

    def action_smooth(self) -> None:
        view = self.session.view
        stronger = [weight for weight in SMOOTHINGS if weight > view.smoothing]
        view.smoothing = stronger[0] if stronger else 0.0
        self._want()

    def action_smooth_less(self) -> None:
        view = self.session.view
        weaker = [weight for weight in SMOOTHINGS if weight < view.smoothing]
        view.smoothing = weaker[-1] if weaker else SMOOTHINGS[-1]
        self._want()

    def action_clip(self) -> None:
        self.session.view.clip = not self.session.view.clip
        self._draw()

    def action_guides(self) -> None:
        self.session.view.guides = not self.session.view.guides
        self._draw()

    def action_across(self) -> None:
        self.session.view.across = (self.session.view.across + 1) % (_MOST_ACROSS + 1)
        self._draw()

    def action_down_more(self) -> None:
        self.session.view.down = (self.session.view.down + 1) % (_MOST_DOWN + 1)
        self._draw()

    def action_band(self) -> None:
        self.session.view.band = not self.session.view.band
        self._draw()

    def action_log_y(self) -> None:
        self.session.view.log_y = not self.session.view.log_y
        self._draw()

    def action_axis(self) -> None:
        view = self.session.view
        view.axis = "time" if view.axis == "step" else "step"
        self.grid.change(window=Window())
        self._draw()

    def action_differences(self) -> None:
        self.session.view.differences = not self.session.view.differences
        self._draw()

    def action_filter(self) -> None:
        self.query_one("#filter", TextBox).ask()

    @on(Input.Changed, "#filter")
    @on(Input.Blurred, "#filter")
    def _filter_typed(self) -> None:
        self.session.view.charts = self.query_one("#filter", TextBox).value[:500]
        self._draw()

    @on(Input.Submitted, "#filter")
    def _filter_done(self) -> None:
        self.query_one("#filter", TextBox).leave(self.grid)
