"""The details of one run, or of the marked runs: a headline, charts and the end of the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Grid, Vertical
from textual.reactive import reactive

from cr_tui.dashboard.model.curves import ShownRun
from cr_tui.dashboard.model.data import Run
from cr_tui.dashboard.model.view_state import DetailView
from cr_tui.dashboard.runs.chart_view import ChartView
from cr_tui.dashboard.runs.log_view import LogView
from cr_tui.dashboard.runs.overview import overview
from cr_tui.dashboard.shared.status_text import status_text
from cr_tui.dashboard.shared.text_line import TextLine
from cr_tui.dashboard.theme import DARK, Look, look_of
from cr_tui.render.cells import style_of
from cr_tui.text import clean

VIEWS: tuple[DetailView, ...] = get_args(DetailView)
_UNIT = (0.0, 1.0)


class RunDetail(Vertical):
    """Headline, charts of losses, scores, schedules and probabilities, and the end of the log.

    On a small screen only one part of it is visible; :attr:`view` says which.
    """

    view: reactive[DetailView] = reactive(VIEWS[0])

    def compose(self) -> ComposeResult:
        yield TextLine(widget_id="headline")
        with Grid(id="charts"):
            yield ChartView("losses", widget_id="losses")
            yield ChartView("scores", _UNIT, widget_id="scores")
            yield ChartView("schedules", _UNIT, widget_id="schedules")
            yield ChartView("probabilities", _UNIT, widget_id="probabilities")
        yield LogView(widget_id="log")

    def watch_view(self, view: str) -> None:
        for name in VIEWS:
            self.set_class(name == view, f"-{name}")

    def show_run(self, run: Run | None) -> None:
        """Write the headline of one run."""
        line = Text() if run is None else headline(run, look_of(self.app))
        self.query_one("#headline", TextLine).write(line)

    def show_marked(self, runs: Sequence[ShownRun], count: int) -> None:
        """Write the names of the marked runs in their colours."""
        faint = look_of(self.app).faint
        line = Text(f"{count} marked  ", style=faint)
        for run in runs:
            line.append("● ", style=style_of(run.colour)).append(f"{clean(run.name, 24)}  ")
        self.query_one("#headline", TextLine).write(line)

    def show_curves(self, runs: Sequence[ShownRun], log: Sequence[str]) -> None:
        """Draw charts and log."""
        for name, chart in overview(runs, look_of(self.app).runs).items():
            self.query_one(f"#{name}", ChartView).show_chart(chart)
        self.query_one("#log", LogView).show_lines(log)


def headline(run: Run, look: Look = DARK) -> Text:
    """One line on a run: status, name, why it ended or waits, method, dataset, seed, group and device."""
    line = Text().append_text(status_text(run, look)).append("  ").append(clean(run.name), style="bold")
    facts = [f"{run.method} on {run.data}", f"seed {run.seed}"]
    facts += [f"group {run.group}"] if run.group else []
    facts += [run.device] if run.device else []
    if run.reason:
        line.append("  " + clean(run.reason), style=look.faint if run.status == "queued" else look.alert)
    line.append("  " + clean(" · ".join(facts)), style=look.faint)
    return line
