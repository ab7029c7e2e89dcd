"""The details of the run under the cursor: a headline, charts, its card and the end of its log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from rich.cells import cell_len
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
from cr_tui.dashboard.runs.run_words import reason_style
from cr_tui.dashboard.shared.status_text import status_text
from cr_tui.dashboard.shared.text_line import TextLine
from cr_tui.dashboard.theme import DARK, Look, look_of
from cr_tui.text import clean

VIEWS: tuple[DetailView, ...] = get_args(DetailView)
_UNIT = (0.0, 1.0)
_SHORT_CHARTS = 2
"""Charts of the view *overview* on a short screen; *more* has the others."""
_LEAST_CHART = 6
"""Lines of a chart, legend and axis included; what has less room is left to the view *more*."""
_BEFORE_DATA = ("losses", "scores")


class RunDetail(Vertical):
    """Headline, charts, card and the end of the log.

    On a small screen only one part of it is visible; :attr:`view` says which.
    """

    view: reactive[DetailView] = reactive(VIEWS[0])

    def __init__(self, *, id: str) -> None:  # noqa: A002 - as Textual calls it
        super().__init__(id=id)
        self._charted: tuple[str, ...] = _BEFORE_DATA
        self._run: Run | None = None

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
        more = len(self._charted) > self._first_charts
        # With much room charts and card always stand there, and only the log can take the place of both.
        there = {
            "overview": True,
            "more": more,
            "card": self._is_short and not self.has_class("-pointless"),
            "log": True,
        }
        return [view for view in VIEWS if there[view]]

    def watch_view(self, view: str) -> None:
        for name in VIEWS:
            self.set_class(name == view, f"-{name}")
        self._arrange()

    def on_resize(self, event: events.Resize) -> None:
        self._arrange()
        self._write_headline()

    @property
    def _is_short(self) -> bool:
        return self.screen.has_class("-short")

    @property
    def _first_charts(self) -> int:
        """How many charts the view *overview* shows."""
        grid = next(iter(self.query("#charts").results(Grid)), None)
        if grid is None or self._is_short:
            return _SHORT_CHARTS
        gap, across = grid.styles.grid_gutter_horizontal or 0, grid.styles.grid_size_columns or 1
        return max((grid.content_size.height + gap) // (_LEAST_CHART + gap), 1) * across

    def _arrange(self) -> None:
        """Show the charts that this view and these runs have."""
        first = self._first_charts
        shown = self._charted[first:] if self.view == "more" else self._charted[:first]
        for view in self.query(ChartView):
            view.display = view.id in (shown or self._charted[:first])

    def show_run(self, run: Run | None, facts: RunFacts | None, speed: float | None, now: float) -> None:
        """Write headline and card of the run under the cursor."""
        self._run = run
        self._write_headline()
        self.query_one(RunCard).show_card(run, facts, speed, now)

    def _write_headline(self) -> None:
        for line in self.query("#headline").results(TextLine):
            width = line.content_size.width
            line.write(Text() if self._run is None else headline(self._run, width, look_of(self.app)))

    def show_curves(self, runs: Sequence[ShownRun], log: Sequence[str]) -> None:
        """Draw charts of some runs, and the log of the one under the cursor. Charts without lines are left out."""
        charts = overview(runs, look_of(self.app).runs)
        charted = tuple(name for name, chart in charts.items() if chart.series)
        read = all(run.curves.complete for run in runs)
        if charted or read:
            self.set_class(not charted, "-pointless")
            self.set_class(not log, "-logless")
            # The charts' room is known once they have been laid out.
            self.call_after_refresh(self._arrange)
        if not charted:
            # What is being read will most likely look like what was shown before.
            charted = _BEFORE_DATA if read else self._charted
        if charted != self._charted:
            self._charted = charted
            self._arrange()
        for name, chart in charts.items():
            self.query_one(f"#{name}", ChartView).show_chart(chart)
        self.query_one(LogView).show_lines(log)


def headline(run: Run, width: int, look: Look = DARK) -> Text:
    """One line on a run: status, name, why it ended or waits, then as many of its facts as have room, each whole."""
    line = Text().append_text(status_text(run, look)).append("  ").append(clean(run.name), style="bold")
    if run.reason:
        line.append("  " + clean(run.reason), style=reason_style(run, look))
    between = "  "
    for fact in (f"{run.method} on {run.data}", f"seed {run.seed}", run.group and f"group {run.group}", run.device):
        text = between + clean(fact)
        if fact and line.cell_len + cell_len(text) <= width:
            line.append(text, style=look.faint)
            between = " · "
    return line
