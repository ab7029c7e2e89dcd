"""The curves of the chosen runs: a chart for each scalar."""

from __future__ import annotations

from dataclasses import replace

from cr_tui.dashboard.charts.drawing import DrawingKeys
from cr_tui.dashboard.charts.lines import LineKeys
from cr_tui.dashboard.charts.moving import MovingKeys
from cr_tui.dashboard.charts.taking_away import TakingAwayKeys
from cr_tui.dashboard.keys import keymap
from cr_tui.dashboard.shared.text_box import TextBox


class ChartsScreen(MovingKeys, DrawingKeys, LineKeys, TakingAwayKeys):
    """What :class:`~cr_tui.dashboard.charts.showing.ShownCharts` shows, with the keys of each base."""

    place = "charts"
    CSS_PATH = "screen.tcss"
    AUTO_FOCUS = "#grid"
    BINDINGS = keymap.bindings("charts")

    def action_back(self) -> None:
        """Undo the last of what was opened here; with nothing left, go back to the screen below."""
        filter_box = self.query_one("#filter", TextBox)
        if filter_box.has_focus or filter_box.value:
            filter_box.value = ""
            filter_box.leave(self.grid)
        elif self.scene.window.cursor is not None:
            self._show_window(replace(self.scene.window, cursor=None))
        elif self.scene.alone:
            self.action_enlarge()
        else:
            self.dismiss()
