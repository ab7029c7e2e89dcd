"""What is known of one run: a headline, its charts and its log."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Grid, Vertical
from textual.reactive import reactive

from cr_tui.dashboard.columns import status_text
from cr_tui.dashboard.data import Run
from cr_tui.dashboard.groups import ChartGroups
from cr_tui.dashboard.theme import FAINT, STATUS_LOOKS
from cr_tui.dashboard.widgets.chart_view import ChartView
from cr_tui.dashboard.widgets.log_view import LogView
from cr_tui.dashboard.widgets.text_line import TextLine
from cr_tui.text import clean

VIEWS = ("overview", "more", "log")


class RunDetail(Vertical):
    """Headline, charts of losses, scores, schedules and probabilities, and the end of the log.

    Where there is room all of it is visible; otherwise :attr:`view` says which part.
    """

    view: reactive[str] = reactive(VIEWS[0])

    def compose(self) -> ComposeResult:
        yield TextLine(widget_id="headline")
        with Grid(id="charts"):
            yield ChartView("losses", widget_id="losses")
            yield ChartView("scores", (0.0, 1.0), widget_id="scores")
            yield ChartView("schedules", (0.0, 1.0), widget_id="schedules")
            yield ChartView("probabilities", (0.0, 1.0), widget_id="probabilities")
        yield LogView(widget_id="log")

    def watch_view(self, view: str) -> None:
        for name in VIEWS:
            self.set_class(name == view, f"-{name}")

    def show_run(self, run: Run | None) -> None:
        """Write the headline."""
        self.query_one("#headline", TextLine).write(Text() if run is None else headline(run))

    def show_history(self, groups: ChartGroups, log: Sequence[str]) -> None:
        """Draw charts and log."""
        self.query_one("#losses", ChartView).show_series(groups.losses)
        self.query_one("#scores", ChartView).show_series(groups.scores)
        self.query_one("#schedules", ChartView).show_series(groups.schedules)
        self.query_one("#probabilities", ChartView).show_series(groups.probabilities)
        self.query_one("#log", LogView).show_lines(log)


def headline(run: Run) -> Text:
    """One line that says what a run is, and why it ended where that needs saying."""
    line = Text().append_text(status_text(run)).append("  ").append(clean(run.name), style="bold")
    facts = [f"{run.method} on {run.data}", f"seed {run.seed}"]
    facts += [f"group {run.group}"] if run.group else []
    facts += [run.device] if run.device else []
    if run.reason:
        line.append("  " + clean(run.reason), style=STATUS_LOOKS["stalled"][1])
    line.append("  " + clean(" · ".join(facts)), style=FAINT)
    return line
