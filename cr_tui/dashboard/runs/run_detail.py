"""The details of the run under the cursor: a headline, charts, its card and the end of its log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Container, Grid, Vertical
from textual.reactive import reactive

from cr_tui.dashboard.model.curves import ShownRun
from cr_tui.dashboard.model.data import Run, RunFacts
from cr_tui.dashboard.model.view_state import DetailView
from cr_tui.dashboard.runs.chart_view import ChartView
from cr_tui.dashboard.runs.log_view import LogView
from cr_tui.dashboard.runs.overview import overview
from cr_tui.dashboard.runs.run_card import RunCard
from cr_tui.dashboard.shared.status_text import status_text
from cr_tui.dashboard.shared.text_line import TextLine
from cr_tui.dashboard.theme import DARK, Look, look_of
from cr_tui.text import clean

VIEWS: tuple[DetailView, ...] = get_args(DetailView)
_UNIT = (0.0, 1.0)
_FIRST_CHARTS = 2
"""Charts of the view *overview* where there is little room; *more* has the others."""
_BEFORE_DATA = ("losses", "scores")


class RunDetail(Vertical):
    """Headline, charts, card and the end of the log.

    On a small screen only one part of it is visible; :attr:`view` says which.
    """

    view: reactive[DetailView] = reactive(VIEWS[0])

    def __init__(self, *, id: str) -> None:  # noqa: A002 - as Textual calls it
        super().__init__(id=id)
        self._charted: tuple[str, ...] = _BEFORE_DATA

    def compose(self) -> ComposeResult:
        yield TextLine(widget_id="headline")
        with Container(id="parts"):
            with Grid(id="charts"):
                yield ChartView("losses", widget_id="losses")
                yield ChartView("scores", _UNIT, widget_id="scores")
                yield ChartView("kl", widget_id="kl")
                yield ChartView("schedules", _UNIT, widget_id="schedules")
                yield ChartView("probabilities", _UNIT, widget_id="probabilities")
            yield RunCard(widget_id="card")
        yield LogView(widget_id="log")

    @property
    def views(self) -> Sequence[DetailView]:
        """The views that show something, in the order in which they are stepped through."""
        more = self._is_short and len(self._charted) > _FIRST_CHARTS
        # With much room charts and card always stand there, and only the log can take the place of both.
        there = {"overview": True, "more": more, "card": self._is_short, "log": True}
        return [view for view in VIEWS if there[view]]

    def watch_view(self, view: str) -> None:
        for name in VIEWS:
            self.set_class(name == view, f"-{name}")
        self._arrange()

    def on_resize(self, event: events.Resize) -> None:
        self._arrange()

    @property
    def _is_short(self) -> bool:
        return self.screen.has_class("-short")

    def _arrange(self) -> None:
        """Show the charts that this view and these runs have."""
        first = self._charted[:_FIRST_CHARTS]
        shown = self._charted
        if self._is_short:
            shown = self._charted[_FIRST_CHARTS:] if self.view == "more" else first
        for view in self.query(ChartView):
            view.display = view.id in shown

    def show_run(self, run: Run | None, facts: RunFacts | None, speed: float | None, now: float) -> None:
        """Write headline and card of the run under the cursor."""
        line = Text() if run is None else headline(run, look_of(self.app))
        self.query_one("#headline", TextLine).write(line)
        self.query_one(RunCard).show_card(run, facts, speed, now)

    def show_curves(self, runs: Sequence[ShownRun], log: Sequence[str]) -> None:
        """Draw charts of some runs, and the log of the one under the cursor. Charts without lines are left out."""
        charts = overview(runs, look_of(self.app).runs)
        charted = tuple(name for name, chart in charts.items() if chart.series)
        if not charted:
            # What is being read will most likely look like what was shown before.
            charted = _BEFORE_DATA if all(run.curves.complete for run in runs) else self._charted
        if charted != self._charted:
            self._charted = charted
            self._arrange()
        for name, chart in charts.items():
            self.query_one(f"#{name}", ChartView).show_chart(chart)
        self.query_one(LogView).show_lines(log)


def headline(run: Run, look: Look = DARK) -> Text:
    """One line on a run: status, name, why it ended, method, dataset, seed, group and device."""
    line = Text().append_text(status_text(run, look)).append("  ").append(clean(run.name), style="bold")
    facts = [f"{run.method} on {run.data}", f"seed {run.seed}"]
    facts += [f"group {run.group}"] if run.group else []
    facts += [run.device] if run.device else []
    if run.reason:
        line.append("  " + clean(run.reason), style=look.alert)
    line.append("  " + clean(" · ".join(facts)), style=look.faint)
    return line
