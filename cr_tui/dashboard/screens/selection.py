"""Which model of a pool to take, without labels: the cross-score matrix and the rankings."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from rich.text import Text
from textual import events, on, work
from textual.app import ComposeResult
from textual.containers import Container, VerticalScroll
from textual.message import Message
from textual.widgets import DataTable, Footer, Static

from cr_tui.dashboard import keymap
from cr_tui.dashboard.data import Computation, Run, Selection, Source
from cr_tui.dashboard.screens.base import DashboardScreen
from cr_tui.dashboard.theme import FAINT
from cr_tui.dashboard.widgets.cells_view import CellsView
from cr_tui.dashboard.widgets.ranking_table import RankingTable
from cr_tui.dashboard.widgets.text_line import TextLine
from cr_tui.dashboard.widgets.title_bar import TitleBar
from cr_tui.render.cells import Cells
from cr_tui.render.heatmap import heatmap
from cr_tui.text import clean, short_duration
from engine.errors import CrtuiError

RANKED_STATUSES = frozenset({"finished", "stopped"})
"""Statuses of runs whose model is what it will be."""

NOTHING_YET = """\
This group has not been ranked yet.

Press  c  to do it in the background. ModelCentrality scores every encoder on images made by every generator:
the model that agrees best with all others, the medoid, is the one to take. No labels are needed."""


class SelectionScreen(DashboardScreen):
    """Matrix and rankings of one group at a time.

    Args:
        group: the group to begin with; "" for runs without one, None for the first there is.
    """

    place = "selection"
    CSS_PATH = "selection.tcss"
    AUTO_FOCUS = "#ranking"
    BINDINGS = keymap.bindings("selection")

    @dataclass
    class StoreRead(Message):
        """Stored selections, and how a computation fares."""

        selections: Sequence[Selection]
        computation: Computation | None

    def __init__(self, group: str | None) -> None:
        super().__init__()
        self._group = group
        self._runs: Sequence[Run] = ()
        self._selections: Sequence[Selection] = ()
        self._computation: Computation | None = None
        self._shown: Selection | None = None

    def compose(self) -> ComposeResult:
        yield TitleBar("selection")
        yield TextLine(widget_id="group")
        with Container(id="body"):
            with VerticalScroll(id="matrix-area"):
                yield CellsView(widget_id="matrix")
                yield Static(Text(NOTHING_YET), id="nothing")
            yield RankingTable(widget_id="ranking")
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        self._read(self.dashboard.source)
        self.set_interval(max(self.dashboard.refresh_seconds, 1.0), lambda: self._read(self.dashboard.source))

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self._draw_matrix)

    def show_runs(self, runs: Sequence[Run]) -> None:
        """Show names and groups as they are now."""
        self._runs = runs
        self._draw()

    @work(thread=True, exclusive=True, group="read")
    def _read(self, source: Source) -> None:
        try:
            self.post_message(self.StoreRead(source.selections(), source.computation()))
        except CrtuiError as error:
            self.app.call_from_thread(self.dashboard.say, str(error), "error")

    @on(StoreRead)
    def _show_read(self, message: StoreRead) -> None:
        self._selections, self._computation = message.selections, message.computation
        self._draw()

    # -- drawing -----------------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        groups = group_names(self._runs)
        if self._group not in groups:
            self._group = groups[0] if groups else None
        pool = [run for run in self._runs if run.group == self._group]
        selection = newest_of(self._selections, pool)
        self.query_one("#group", TextLine).write(self._headline(groups, pool, selection))
        changed = selection is None or self._shown is None or selection.id != self._shown.id
        self._shown = selection
        names = {run.id: run.name for run in self._runs}
        computing = self._computation is not None and self._computation.running
        self.query_one("#nothing").display = selection is None and not computing
        self.query_one("#matrix").display = selection is not None
        if selection is None:
            self.query_one(RankingTable).show(None, {}, {})
            return
        supervised = {run.id: run.scores.get("factor_vae") for run in pool}
        self.query_one(RankingTable).show(selection, names, supervised)
        if changed:
            self._draw_matrix()

    def _draw_matrix(self) -> None:
        """Rows and columns stand in the order of the ranking, so that a good pool shows as a bright corner."""
        selection = self._shown
        width = self.query_one("#matrix-area").content_size.width
        if selection is None or not width:
            return
        matrix = self.query_one("#matrix", CellsView)
        if selection.matrix is None:
            matrix.show(Cells(()))
            return
        names = {run.id: run.name for run in self._runs}
        ranking = selection.ranked[0][1].ranking
        ranked_first = (*ranking, *(run_id for run_id in selection.runs if run_id not in ranking))
        order = [selection.runs.index(run_id) for run_id in ranked_first]
        labels = [names.get(run_id, run_id) for run_id in ranked_first]
        ordered = selection.matrix[np.ix_(order, order)]
        matrix.show(heatmap(ordered, labels, width=width, caption="rows: encoder · columns: generator"))

    def _headline(self, groups: Sequence[str], pool: Sequence[Run], selection: Selection | None) -> Text:
        line = Text().append("‹ ", style=FAINT).append(clean(self._group or "no group", 40), style="bold")
        place = groups.index(self._group) + 1 if self._group in groups else 0
        line.append(" ›", style=FAINT).append(f"  group {place} of {len(groups)} · {len(pool)} runs", style=FAINT)
        if selection is not None:
            age = short_duration(time.time() - selection.created)
            line.append(f" · ranked {age} ago, {len(selection.runs)} runs", style=FAINT)
        if self._computation is not None:
            colour = "#5fafd7" if self._computation.running else "#d7af5f"
            line.append("  " + clean(self._computation.message, 60), style=colour)
        return line

    # -- actions -----------------------------------------------------------------------------------------------------

    def action_next_group(self) -> None:
        self._move(1)

    def action_previous_group(self) -> None:
        self._move(-1)

    def _move(self, by: int) -> None:
        groups = group_names(self._runs)
        if groups and self._group is not None:
            self._group = groups[(groups.index(self._group) + by) % len(groups)]
            self._draw()

    def action_compute(self) -> None:
        pool = [run.id for run in self._runs if run.group == self._group and run.status in RANKED_STATUSES]
        if len(pool) < 2:
            self.dashboard.say("a ranking needs at least 2 finished runs in the group", "warning")
        else:
            self._compute(self.dashboard.source, pool)

    @work(thread=True, group="compute")
    def _compute(self, source: Source, pool: Sequence[str]) -> None:
        try:
            source.select(pool)
        except CrtuiError as error:
            self.app.call_from_thread(self.dashboard.say, str(error), "error")
        self.app.call_from_thread(self._read, source)

    @on(DataTable.RowSelected)
    def action_open_inspect(self) -> None:
        run_id = self.query_one(RankingTable).selected_id
        run = next((run for run in self._runs if run.id == run_id), None)
        if run is not None:
            self.dashboard.open_inspect(run)

    def action_back(self) -> None:
        self.dismiss()


def group_names(runs: Iterable[Run]) -> list[str]:
    """Groups, newest first; "" for runs without one comes last."""
    newest: dict[str, float] = {}
    for run in runs:
        newest[run.group] = max(run.created, newest.get(run.group, 0.0))
    return sorted(newest, key=lambda group: (group == "", -newest[group], group))


def newest_of(selections: Sequence[Selection], pool: Sequence[Run]) -> Selection | None:
    """The newest stored selection that ranks runs of the pool and no others."""
    ids = {run.id for run in pool}
    return next(
        (selection for selection in selections if len(selection.runs) > 1 and ids.issuperset(selection.runs)), None
    )
