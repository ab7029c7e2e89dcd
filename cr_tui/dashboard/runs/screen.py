"""Home: the table of runs, and the details of the run under the cursor or of the marked runs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Container
from textual.timer import Timer
from textual.widgets import Footer, Input, Static

from cr_tui.dashboard.keys import keymap
from cr_tui.dashboard.model.curves import RunCurves
from cr_tui.dashboard.model.data import Machine, Run, Source
from cr_tui.dashboard.model.session import Session
from cr_tui.dashboard.runs.actions import APPLIES, RunActions
from cr_tui.dashboard.runs.machine_strip import MachineStrip
from cr_tui.dashboard.runs.query import matcher
from cr_tui.dashboard.runs.rows import GroupRow
from cr_tui.dashboard.runs.run_detail import VIEWS, RunDetail
from cr_tui.dashboard.runs.run_table import Order, RunTable
from cr_tui.dashboard.shared.requests import InspectRequested, LookRequested, SelectionRequested
from cr_tui.dashboard.shared.title_bar import TitleBar
from engine.errors import CrtuiError

_SETTLE_SECONDS = 0.12
"""How long the cursor must rest on a run before its files are read, so that moving through the table reads none."""
_AGES_SECONDS = 10.0
_MACHINE_SECONDS = 2.0

EMPTY = """\
No runs yet.

Press  n  to start one here, or in a shell:

    crtui train --preset quick   one run, minutes on a CPU
    crtui demo                   a pool: trained, scored, ranked

Runs train in the background: leave with  q  and come back.
Press  ?  for all keys."""

READ_ONLY_EMPTY = """\
No runs yet.

This view is read-only. Runs that others start in this store appear here by themselves."""

NOTHING_FOUND = "No run passes the filter. Press  esc  to see all again, or  /  to change it."


class RunsScreen(RunActions):
    """The table, a filter line on demand, and the details of the target runs."""

    place = "runs"
    CSS_PATH = "screen.tcss"
    AUTO_FOCUS = "#runs"
    BINDINGS = keymap.bindings("runs")

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._settling: Timer | None = None
        self._offered: object = None
        self._listed: list[Run] = []
        self._drawn: object = None

    def compose(self) -> ComposeResult:
        yield TitleBar("runs")
        yield Input(placeholder="status:running group:a score.factor_vae>0.8 lr<=1e-3 text", id="filter", compact=True)
        with Container(id="body"):
            yield RunTable(widget_id="runs")
            yield Static(Text(NOTHING_FOUND), id="nothing")
            yield RunDetail(id="detail")
        yield Static(Text(READ_ONLY_EMPTY if self.session.read_only else EMPTY), id="empty")
        yield MachineStrip()
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        view = self.session.view
        self.query_one("#filter", Input).value = view.filter
        table = self.query_one(RunTable)
        table.order, table.skip, table.folded = Order(view.sort, view.descending), view.skip, frozenset(view.folded)
        self.query_one(RunDetail).view = view.view
        self.set_interval(_AGES_SECONDS, self._tick)
        self.set_interval(max(_MACHINE_SECONDS, self.session.refresh_seconds), self._look_at_machine)
        self._look_at_machine()

    def on_screen_resume(self) -> None:
        self._want()
        self._tick()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer the actions that apply to the target runs."""
        if not super().check_action(action, parameters):
            return False
        if action == "clear_filter":
            return self._is_filtered
        if action == "undo":
            return True if self.session.undoable else None
        if action in APPLIES:
            return True if any(map(APPLIES[action], self.targets)) else None
        return True

    @property
    def targets(self) -> Sequence[Run]:
        """The marked runs; if none is, the run or the folded group under the cursor."""
        chosen = [run for run in self.session.chosen if run.id in self.session.marked]
        return chosen or self._under_cursor

    @property
    def _under_cursor(self) -> list[Run]:
        """The run under the cursor, or the runs of a folded group."""
        selected = next((table.selected for table in self.query(RunTable)), None)
        if isinstance(selected, GroupRow):
            return list(selected.runs)
        return [selected] if selected is not None else []

    # -- showing -----------------------------------------------------------------------------------------------------

    def show_runs(self, runs: Sequence[Run]) -> None:
        """List the runs that pass the filter."""
        self.query_one("#empty").display = not runs
        self.query_one("#body").display = bool(runs)
        query = self.query_one("#filter", Input)
        query.display = self._is_filtered
        passes = matcher(query.value)
        self._listed = [run for run in runs if passes(run)]
        self.query_one("#nothing").display = bool(runs) and not self._listed
        table = self.query_one(RunTable)
        self._colour_marks(table)
        table.show(self._listed, time.time())
        self._cursor_moved()

    def show_curves(self, curves: Mapping[str, RunCurves]) -> None:
        """Draw the curves of the marked runs, or of the one under the cursor."""
        shown = self.shown_runs
        drawn = [(run.id, run.name, run.colour, run.curves) for run in shown]
        if drawn != self._drawn:
            self._drawn = drawn
            self.query_one(RunDetail).show_curves(shown, shown[-1].curves.log if shown else ())

    def restyle(self) -> None:
        """Draw everything in the colours of another theme."""
        super().restyle()
        self._drawn = None
        self.query_one(RunTable).restyle()
        self.query_one(MachineStrip).redraw()
        self.show_curves(self.session.curves)

    def _tick(self) -> None:
        """Draw the list again: ages grow even if nothing else changes."""
        if self.session.runs is not None and not self.is_covered:
            self.show_runs(self.session.runs)

    def _colour_marks(self, table: RunTable) -> None:
        shown = {run.id: run.colour for run in self.shown_runs}
        table.marked = {run_id: shown.get(run_id) for run_id in self.session.marked}

    @property
    def _is_filtered(self) -> bool:
        return any(query.value or query.has_focus for query in self.query("#filter").results(Input))

    @on(RunTable.Moved)
    def _cursor_moved(self) -> None:
        session, detail = self.session, self.query_one(RunDetail)
        targets = self.targets
        selected = self._under_cursor
        moved = session.cursor_run != (selected[0].id if selected else None)
        session.cursor_run = selected[0].id if selected else None
        if len(session.marked) > 1:
            detail.show_marked(self.shown_runs, len(session.marked))
        else:
            detail.show_run(targets[0] if targets else None)
        offered = ({run.status for run in targets}, self._is_filtered)
        if offered != self._offered:
            self._offered = offered
            self.refresh_bindings()
        if moved and not session.marked:
            self.show_curves(session.curves)
            if self._settling is not None:
                self._settling.stop()
            self._settling = self.set_timer(_SETTLE_SECONDS, self._want)

    def _want(self) -> None:
        if not self.is_covered:
            self.session.want_curves(run.id for run in self.shown_runs)
            self.show_curves(self.session.curves)

    @on(RunTable.Scrolled)
    def _watch(self) -> None:
        self.session.source.watch(self.query_one(RunTable).visible_runs)
        self.post_message(LookRequested())

    @work(thread=True, exclusive=True, group="machine")
    def _read_machine(self, source: Source) -> None:
        try:
            machine = source.machine()
        except CrtuiError:
            return
        self.app.call_from_thread(self._show_machine, machine)

    def _look_at_machine(self) -> None:
        if not self.is_covered:
            self._read_machine(self.session.source)

    def _show_machine(self, machine: Machine) -> None:
        self.query_one(MachineStrip).show(machine)

    # -- marks and groups --------------------------------------------------------------------------------------------

    def action_mark(self) -> None:
        runs = self._under_cursor
        self._mark(runs, not all(run.id in self.session.marked for run in runs))
        self.query_one(RunTable).action_cursor_down()

    def action_mark_all(self) -> None:
        before = list(self.session.marked)
        self._mark(self._listed, not all(run.id in self.session.marked for run in self._listed))
        if before:
            self.session.undoable.append(lambda: self._set_marks(before))

    def _set_marks(self, marked: list[str]) -> None:
        self.session.marked = marked
        self._tick()
        self._want()
        self.say("marked as before")

    def _mark(self, runs: Sequence[Run], wanted: bool) -> None:
        session, ids, palette = self.session, [run.id for run in runs], len(self.look.runs)
        (session.mark if wanted else session.unmark)(ids)
        count = len(session.marked)
        if wanted and count > palette >= count - len(ids):
            self.say(f"charts show the first {palette} of the {count} marked runs: there are no more colours")
        self._tick()
        self._want()

    def action_fold(self) -> None:
        selected = self.query_one(RunTable).selected
        if selected is not None and selected.group:
            self._fold(frozenset(self.session.view.folded) ^ {selected.group})

    def action_fold_all(self) -> None:
        self._fold(frozenset() if self.session.view.folded else frozenset(run.group for run in self._listed) - {""})

    def _fold(self, folded: frozenset[str]) -> None:
        table = self.query_one(RunTable)
        selected = table.selected
        table.folded = folded
        self.session.view.folded = sorted(folded)[:2000]
        self._tick()
        rows = list(table.rows)
        if isinstance(selected, GroupRow) and selected not in rows:
            table.move_to(rows.index(selected.runs[0]) if selected.runs[0] in rows else 0)
        elif isinstance(selected, Run) and selected.group in folded:
            at = (at for at, row in enumerate(rows) if isinstance(row, GroupRow) and row.group == selected.group)
            table.move_to(next(at, 0))

    # -- order, columns, filter --------------------------------------------------------------------------------------

    def action_next_view(self) -> None:
        detail = self.query_one(RunDetail)
        detail.view = VIEWS[(VIEWS.index(detail.view) + 1) % len(VIEWS)]
        self.session.view.view = detail.view

    def action_sort_next(self) -> None:
        self.query_one(RunTable).sort_by_next_column()
        self._reordered()

    def action_sort_previous(self) -> None:
        self.query_one(RunTable).sort_by_next_column(-1)
        self._reordered()

    def action_sort_reverse(self) -> None:
        self.query_one(RunTable).reverse()
        self._reordered()

    @on(RunTable.Sorted)
    def _reordered(self) -> None:
        order = self.query_one(RunTable).order
        self.session.view.sort, self.session.view.descending = order.key, order.descending
        self._tick()

    def action_more_columns(self) -> None:
        self._skip_columns(1)

    def action_fewer_columns(self) -> None:
        self._skip_columns(-1)

    def _skip_columns(self, by: int) -> None:
        table = self.query_one(RunTable)
        table.skip_columns(by)
        self.session.view.skip = table.skip
        self._tick()

    def action_filter(self) -> None:
        query = self.query_one("#filter", Input)
        query.display = True
        query.focus()

    def action_clear_filter(self) -> None:
        box = self.query_one("#filter", Input)
        if before := box.value:
            self.session.undoable.append(lambda: self._set_filter(before))
        box.value = ""
        self.query_one(RunTable).focus()
        self._tick()

    def _set_filter(self, text: str) -> None:
        self.query_one("#filter", Input).value = text
        self._tick()
        self.say(f"filtered as before: {text}")

    @on(Input.Changed, "#filter")
    @on(Input.Blurred, "#filter")
    def _filter_typed(self) -> None:
        self.session.view.filter = self.query_one("#filter", Input).value[:500]
        self._tick()

    @on(Input.Submitted, "#filter")
    def _filter_done(self) -> None:
        self.query_one(RunTable).focus()
        self._tick()

    # -- going -------------------------------------------------------------------------------------------------------

    @on(RunTable.Opened)
    def action_open_inspect(self) -> None:
        selected = self.query_one(RunTable).selected
        if isinstance(selected, GroupRow):
            self.action_fold()
        elif selected is not None:
            self.post_message(InspectRequested(selected))

    def action_open_selection(self) -> None:
        runs = self._under_cursor
        self.post_message(SelectionRequested(runs[0].group if runs else None))

    def action_copy(self) -> None:
        runs = self.targets
        if runs:
            what = f"the id of {runs[0].name}" if len(runs) == 1 else f"the ids of {len(runs)} runs"
            self.copy_text("\n".join(run.id for run in runs), what)
