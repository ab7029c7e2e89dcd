"""Home: the table of runs, and the details of the run under the cursor or of the marked runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

from rich.cells import cell_len
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Container, Horizontal
from textual.timer import Timer
from textual.widgets import Input, Static
from textual.worker import get_current_worker

from cr_tui.dashboard.keys import keymap
from cr_tui.dashboard.model.curves import RunCurves
from cr_tui.dashboard.model.data import LIVE_STATUSES, Machine, Run, RunFacts, Source
from cr_tui.dashboard.model.session import Session
from cr_tui.dashboard.runs.actions import APPLIES, WHY_NOT, RunActions
from cr_tui.dashboard.runs.columns import Column
from cr_tui.dashboard.runs.labels_form import LabelsForm
from cr_tui.dashboard.runs.machine_strip import MachineStrip
from cr_tui.dashboard.runs.marks_strip import marks_line, marks_of
from cr_tui.dashboard.runs.query import Query, parse
from cr_tui.dashboard.runs.rows import GroupRow
from cr_tui.dashboard.runs.run_card import RunCard
from cr_tui.dashboard.runs.run_detail import RunDetail
from cr_tui.dashboard.runs.run_table import Order, RunTable
from cr_tui.dashboard.runs.run_words import everything
from cr_tui.dashboard.shared.key_footer import KeyFooter
from cr_tui.dashboard.shared.pick import Choice, PickScreen
from cr_tui.dashboard.shared.requests import InspectRequested, LookRequested, SelectionRequested
from cr_tui.dashboard.shared.text_box import TextBox
from cr_tui.dashboard.shared.text_line import TextLine, WrittenText
from cr_tui.dashboard.shared.title_bar import TitleBar
from cr_tui.dashboard.theme import Look
from cr_tui.text import clean
from engine.errors import CrtuiError

_SETTLE_SECONDS = 0.12
"""How long the cursor must rest on a run before its files are read, so that moving through the table reads none."""
_AGES_SECONDS = 10.0
_MACHINE_SECONDS = 2.0
_FACTS_SECONDS = 5.0
_LEAST_TABLE, _SHORT_TABLE = 5, 0.4
"""Lines that the table always has, and the share of the screen below which it counts as short."""
_WIDE = 150
_FILTER_EDGES = 6
"""Cells around the words of the filter, the caret included."""
_SPEED = ("train", "iterations_per_second")

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

NOTHING_FOUND = "No run passes the filter.  esc  shows all again,  /  changes it."


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
        self._listed_ids: frozenset[str] = frozenset()
        self._query: tuple[str, Query] = ("", parse(""))
        self._remarked: tuple[object, str] = ((), "")
        self._facts: RunFacts | None = None
        self._drawn: object = None

    def compose(self) -> ComposeResult:
        yield TitleBar("runs")
        with Horizontal(id="filter-line"):
            yield TextBox(placeholder="status:running (group:a or not score.mig>0.2) lr<=1e-3 text", widget_id="filter")
            yield WrittenText(widget_id="found")
        yield TextLine(widget_id="marks")
        with Container(id="body"):
            yield RunTable(widget_id="runs")
            yield WrittenText(widget_id="nothing")
            yield RunDetail(id="detail")
        yield Static(Text(READ_ONLY_EMPTY if self.session.read_only else EMPTY), id="empty")
        yield MachineStrip()
        yield KeyFooter()

    def on_mount(self) -> None:
        view = self.session.view
        self.query_one("#filter", TextBox).value = view.filter
        table = self.query_one(RunTable)
        table.order, table.skip, table.folded = Order(view.sort, view.descending), view.skip, frozenset(view.folded)
        self.query_one(RunDetail).view = view.view
        self.every(_AGES_SECONDS, self._tick)
        self.every(max(_MACHINE_SECONDS, self.session.refresh_seconds), self._look_at_machine)
        self.every(max(_FACTS_SECONDS, self.session.refresh_seconds), self._look_at_facts)
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

    def why_not(self, action: str) -> str:
        """Why an action does nothing now."""
        if self.session.read_only or action not in WHY_NOT:
            return super().why_not(action)
        return WHY_NOT[action] if self.targets or action not in APPLIES else "there is no run on the list"

    @property
    def targets(self) -> Sequence[Run]:
        """The marked runs that are listed; if none is, the run or the folded group under the cursor."""
        return [run for run in self._marked_runs if run.id in self._listed_ids] or self._under_cursor

    @property
    def spared(self) -> Sequence[Run]:
        """The marked runs that the filter hides."""
        return [run for run in self._marked_runs if run.id not in self._listed_ids]

    @property
    def cursor_runs(self) -> Sequence[Run]:
        """The run under the cursor, or the runs of a folded group there."""
        return self._under_cursor

    @property
    def _marked_runs(self) -> list[Run]:
        return self.session.chosen if self.session.marked else []

    @property
    def _under_cursor(self) -> list[Run]:
        """The run under the cursor, or the runs of a folded group."""
        selected = self.query_one(RunTable).selected if self.is_whole else None
        if isinstance(selected, GroupRow):
            return list(selected.runs)
        return [selected] if selected is not None else []

    # -- showing -----------------------------------------------------------------------------------------------------

    def show_runs(self, runs: Sequence[Run]) -> None:
        """List the runs that pass the filter."""
        self.query_one("#empty").display = not runs
        self.query_one("#body").display = bool(runs)
        query = self._read_filter()
        self._listed = [run for run in runs if query.passes(run)]
        self._listed_ids = frozenset(run.id for run in self._listed)
        self._show_found(query, runs)
        table = self.query_one(RunTable)
        table.marked = self.session.mark_colours(self.look.runs)
        table.marks = marks_of(self.shown_runs if self.session.marked else (), self.app.no_color)
        table.show(self._listed, time.time())
        self._share_room()
        if runs and self.focused is None:
            table.focus()
        self._cursor_moved()

    def _read_filter(self) -> Query:
        text = self.query_one("#filter", TextBox).value
        if text != self._query[0]:
            self._query = (text, parse(text))
        return self._query[1]

    def _show_found(self, query: Query, runs: Sequence[Run]) -> None:
        """Say how many runs the filter finds, and what is doubtful about it."""
        self.query_one("#filter-line").display = self._is_filtered
        remark = self._remark_on(query, runs)
        if self._is_filtered:
            found = Text(f"{len(self._listed)} of {len(runs)}", style=self.look.heading)
            found.append(f"  {clean(remark)}" if remark else "", style=self.look.alert)
            self.query_one("#found", WrittenText).write(found)
            # The words of the filter are needed to mend it: a long remark stands below them.
            room = self.size.width - cell_len(self._query[0]) - _FILTER_EDGES
            self.query_one("#filter-line").set_class(bool(remark) and found.cell_len > room, "-stacked")
        self.set_class(bool(runs) and not self._listed, "-nothing")
        sentence = f"\n\n{clean(remark[0].upper() + remark[1:])}." if remark else ""
        self.query_one("#nothing", WrittenText).write(Text(NOTHING_FOUND).append(sentence, style=self.look.alert))

    def _remark_on(self, query: Query, runs: Sequence[Run]) -> str:
        """What is doubtful about the filter. Of thousands of runs it is asked only if the answer may be another."""
        asked = (self._query[0], len(runs), sum(bool(run.settings) for run in runs))
        if asked != self._remarked[0]:
            self._remarked = (asked, query.remark(runs) if runs else "")
        return self._remarked[1]

    def show_curves(self, curves: Mapping[str, RunCurves]) -> None:
        """Draw the curves of the marked runs, or of the one under the cursor, and the log of the latter."""
        shown = self.shown_runs
        under = curves.get(self.session.cursor_run or "")
        drawn = ([(run.id, run.name, run.colour, run.curves) for run in shown], under)
        if drawn != self._drawn:
            self._drawn = drawn
            self.query_one(RunDetail).show_curves(shown, under.log if under else ())
            self._show_card()

    def _show_card(self) -> None:
        runs = self._under_cursor
        run = runs[0] if runs else None
        facts = self._facts if run is not None and self._facts and self._facts.run_id == run.id else None
        self.query_one(RunDetail).show_run(run, facts, self._speed(run), time.time())

    def _speed(self, run: Run | None) -> float | None:
        """Iterations a second of a run that runs, as it wrote last."""
        curves = self.session.curves.get(run.id) if run is not None and run.status == "running" else None
        speed = curves.measured.get(_SPEED) if curves is not None else None
        return float(speed.values[-1]) if speed is not None else None

    def restyle(self) -> None:
        """Draw everything in the colours of another theme."""
        super().restyle()
        self._drawn = None
        self.query_one(RunTable).restyle()
        self.query_one(MachineStrip).redraw()
        self.query_one(RunCard).redraw()
        self.show_curves(self.session.curves)

    def _tick(self) -> None:
        """Draw the list again: ages grow even if nothing else changes."""
        if self.session.runs is not None and not self.is_covered:
            self.show_runs(self.session.runs)

    @property
    def _is_filtered(self) -> bool:
        if not self.is_whole:
            return False
        box = self.query_one("#filter", TextBox)
        return bool(box.value or box.has_focus)

    @on(RunTable.Moved)
    def _cursor_moved(self) -> None:
        session = self.session
        targets, selected = self.targets, self._under_cursor
        moved = session.cursor_run != (selected[0].id if selected else None)
        session.cursor_run = selected[0].id if selected else None
        self._show_marks()
        self._show_card()
        offered = ({run.status for run in targets}, self._is_filtered, bool(session.undoable))
        if offered != self._offered:
            self._offered = offered
            self.refresh_bindings()
        if moved:
            self.show_curves(session.curves)
            if self._settling is not None:
                self._settling.stop()
            self._settling = self.after(_SETTLE_SECONDS, self._settled)

    def _show_marks(self) -> None:
        line, marked = self.query_one("#marks", TextLine), self._marked_runs
        line.display = bool(marked)
        if marked:
            hidden = {run.id for run in self.spared}
            width, letters = self.size.width - 2, self.app.no_color
            line.write(marks_line(marked, self.shown_runs, hidden, width, self.look, letters=letters))

    def on_resize(self) -> None:
        self._show_marks()
        self._share_room()

    def _share_room(self) -> None:
        """Put the details beside a long table if there is much room, else below it; then a short one takes no more."""
        table = self.query_one(RunTable)
        width, height = self.size
        needed = max(table.lines_needed, _LEAST_TABLE)
        beside = width >= _WIDE and needed > _SHORT_TABLE * height
        self.set_class(beside, "-beside")
        limit = table.styles.max_height
        wanted = None if beside else needed
        if (None if limit is None else limit.value) != wanted:
            table.styles.max_height = wanted

    def _settled(self) -> None:
        self._want()
        self._look_at_facts(always=True)

    def _want(self) -> None:
        if not self.is_covered:
            under = [self.session.cursor_run] if self.session.cursor_run else []
            self.session.want_curves([*(run.id for run in self.shown_runs), *under])
            self.show_curves(self.session.curves)

    # -- facts of the run under the cursor ---------------------------------------------------------------------------

    def _look_at_facts(self, *, always: bool = False) -> None:
        """Read the facts of the run under the cursor; of a run that has ended only once."""
        runs = self._under_cursor
        if not runs or self.is_covered:
            return
        known = self._facts is not None and self._facts.run_id == runs[0].id
        if always or not known or runs[0].status in LIVE_STATUSES:
            self._read_facts(self.session.source, runs[0].id)

    @work(thread=True, exclusive=True, group="facts")
    def _read_facts(self, source: Source, run_id: str) -> None:
        worker = get_current_worker()
        try:
            facts = source.facts(run_id)
        except CrtuiError:
            return
        if not worker.is_cancelled:
            self.show_from_thread(self._take_facts, facts)

    def _take_facts(self, facts: RunFacts) -> None:
        self._facts = facts
        self._show_card()

    @work
    async def action_everything(self) -> None:
        """List all that is known of the run under the cursor, to search in."""
        run = next(iter(self._under_cursor), None)
        if run is None:
            return
        try:
            facts = await asyncio.to_thread(self.session.source.facts, run.id)
        except CrtuiError as error:
            self.say(str(error), "error")
            return
        lines = everything(run, facts, self._speed(run), time.time(), self.look)
        chosen = await self.app.push_screen_wait(PickScreen(run.name, [Choice(line.plain, line) for line in lines]))
        if chosen is not None:
            self.copy_text(chosen, "the line")

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
        self.show_from_thread(self._show_machine, machine)

    def _look_at_machine(self) -> None:
        if not self.is_covered:
            self._read_machine(self.session.source)

    def _show_machine(self, machine: Machine) -> None:
        self.session.machine.add(machine)
        self.query_one(MachineStrip).show_machine(machine)

    @work
    async def action_annotate(self) -> None:
        """Ask for tags and note of the run under the cursor, and keep them."""
        run = next(iter(self._under_cursor), None)
        if run is None:
            return
        try:
            facts = await asyncio.to_thread(self.session.source.facts, run.id)
            labels = await self.app.push_screen_wait(LabelsForm(run.name, facts.tags, facts.note))
            if labels is not None:
                await asyncio.to_thread(self.session.source.annotate, run.id, *labels)
        except CrtuiError as error:
            self.say(str(error), "error")
        self._look_at_facts(always=True)
        self.post_message(LookRequested())

    # -- marks and groups --------------------------------------------------------------------------------------------

    def action_mark(self) -> None:
        runs = self._under_cursor
        self._mark(runs, not all(run.id in self.session.marked for run in runs))
        self.query_one(RunTable).action_cursor_down()

    def action_mark_all(self) -> None:
        """Mark exactly the listed runs; if they are just these, none."""
        before, listed = list(self.session.marked), [run.id for run in self._listed]
        hidden = set(before) - set(listed)
        wanted = self._listed if set(before) != set(listed) else []
        self.session.unmark(before)
        self._mark(wanted, True)
        if before:
            self.session.undoable.append(lambda: self._set_marks(before))
        if hidden:
            count = "1 mark" if len(hidden) == 1 else f"{len(hidden)} marks"
            self.say(f"took {count} away that the filter hides; u brings back")

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
        views = detail.views
        at = views.index(detail.view) if detail.view in views else -1
        detail.view = views[(at + 1) % len(views)]
        self.session.view.view = detail.view

    @work
    async def action_sort(self) -> None:
        """Ask for the column to sort by."""
        table = self.query_one(RunTable)
        choices = [Choice(column.key, _sorting(column, table.order, self.look)) for column in table.sortable]
        chosen = await self.app.push_screen_wait(PickScreen("Sort by", choices, table.order.key))
        if chosen is not None:
            table.sort_by(chosen)
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
        self.query_one("#filter-line").display = True
        self.query_one("#filter", TextBox).ask()

    def action_clear_filter(self) -> None:
        box = self.query_one("#filter", TextBox)
        if before := box.value:
            self.session.undoable.append(lambda: self._set_filter(before))
        box.value = ""
        box.leave(self.query_one(RunTable))
        self._tick()

    def _set_filter(self, text: str) -> None:
        self.query_one("#filter", TextBox).value = text
        self._tick()
        self.say(f"filtered as before: {text}")

    @on(Input.Changed, "#filter")
    @on(Input.Blurred, "#filter")
    def _filter_typed(self) -> None:
        self.session.view.filter = self.query_one("#filter", TextBox).value[:500]
        self._tick()

    @on(Input.Submitted, "#filter")
    def _filter_done(self) -> None:
        self.query_one("#filter", TextBox).leave(self.query_one(RunTable))
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


def _sorting(column: Column, order: Order, look: Look) -> Text:
    """A column as a choice; the present one with its direction, which choosing it again turns round."""
    text = Text(column.title)
    if column.key != order.key:
        return text
    return text.append("  ▾ from the largest" if order.descending else "  ▴ from the smallest", style=look.key)
