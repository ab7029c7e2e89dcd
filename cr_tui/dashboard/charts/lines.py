"""Chooses what has a line: which one is on top, which run stays, and whether runs are averaged."""

from __future__ import annotations

from cr_tui.dashboard.charts.parts import keys_to_average_by
from cr_tui.dashboard.charts.showing import ShownCharts


class LineKeys(ShownCharts):
    """The keys for the leading line, the pinned run, and means."""

    def action_next_line(self) -> None:
        self._lead_by(1)

    def action_previous_line(self) -> None:
        self._lead_by(-1)

    def _lead_by(self, by: int) -> None:
        """Have another line lead; none between the last and the first."""
        ids = [None, *(part.id for part in self.scene.parts)]
        at = ids.index(self._lead) if self._lead in ids else 0
        self._lead = ids[(at + by) % len(ids)]
        self._draw()

    def action_pin(self) -> None:
        view = self.session.view
        led_run = next((part.id for part in self.scene.parts if part.id == self._lead), None)
        if view.pinned:
            view.pinned = ""
            self.say("no run is pinned any more")
        elif view.average or led_run is None:
            self.say("n chooses the run to pin; means cannot be pinned")
        else:
            view.pinned = led_run
            self.say("this run stays in the charts, whatever is marked; P again lets it go")
        self._want()

    def action_average(self) -> None:
        view = self.session.view
        view.average = "" if view.average else view.average_key
        self._lead = None if view.average else self.session.cursor_run
        self._draw()

    def action_average_by(self) -> None:
        view = self.session.view
        keys = keys_to_average_by([run.id for run in self.scene.runs], self._settings)
        at = keys.index(view.average) + 1 if view.average in keys else 0
        view.average = view.average_key = keys[at % len(keys)]
        self._lead = None
        self._draw()
