"""Home: the table of runs, and the run under the cursor as it grows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Container
from textual.message import Message
from textual.timer import Timer
from textual.widgets import DataTable, Footer, Input, Static
from textual.worker import get_current_worker

from cr_tui.dashboard import keymap
from cr_tui.dashboard.data import LIVE_STATUSES, Run, Source
from cr_tui.dashboard.groups import ChartGroups, chart_groups
from cr_tui.dashboard.query import matcher
from cr_tui.dashboard.screens.base import DashboardScreen
from cr_tui.dashboard.screens.confirm import ConfirmScreen
from cr_tui.dashboard.screens.new_run import NewRunScreen
from cr_tui.dashboard.widgets.run_detail import VIEWS, RunDetail
from cr_tui.dashboard.widgets.run_table import RunTable
from cr_tui.dashboard.widgets.title_bar import TitleBar
from engine.errors import CrtuiError

_SETTLE_SECONDS = 0.12
"""How long the cursor rests on a run before its files are opened: walking through the table opens none."""
_CATCH_UP_SECONDS = 0.25
"""Between two drawings while a long history is read."""
_IDLE_SECONDS = 0.1
_AGES_SECONDS = 10.0
_PAUSE_SECONDS = 0.002
"""Between two pieces of a long history, so that the event loop gets its turn."""

_ENDED_EARLY = frozenset({"stopped", "failed", "crashed"})
_APPLIES: dict[str, Callable[[Run], bool]] = {
    "stop_run": lambda run: run.status in LIVE_STATUSES,
    "resume_run": lambda run: run.status in _ENDED_EARLY,
    "delete_run": lambda run: run.status not in LIVE_STATUSES,
    "open_inspect": lambda run: True,
    "open_selection": lambda run: True,
    "next_view": lambda run: True,
}
"""To which run an action can be applied; the footer dims those that cannot."""

EMPTY = """\
No runs yet.

Press  n  to start one here, or in a shell:

    crtui train --preset quick   one run, minutes on a CPU
    crtui demo                   a pool: trained, scored, ranked

Runs train in the background: leave with  q  and come back.
Press  ?  for all keys."""


class RunsScreen(DashboardScreen):
    """The table, a filter line when asked for, and the details of the run under the cursor."""

    place = "runs"
    CSS_PATH = "runs.tcss"
    AUTO_FOCUS = "#runs"
    BINDINGS = keymap.bindings("runs")

    @dataclass
    class Followed(Message):
        """A run was read on."""

        run_id: str
        groups: ChartGroups
        log: Sequence[str]

    def __init__(self) -> None:
        super().__init__()
        self._followed: str | None = None
        self._settling: Timer | None = None
        self._offered: tuple[str, bool] | None = None

    def compose(self) -> ComposeResult:
        yield TitleBar(self.dashboard.source.location)
        yield Input(placeholder="status:running group:a score.factor_vae>0.8 text", id="filter", compact=True)
        with Container(id="body"):
            yield RunTable(widget_id="runs")
            yield RunDetail(id="detail")
        yield Static(Text(EMPTY), id="empty")
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        self.query_one("#filter", Input).value = self.dashboard.first_filter
        self.set_interval(_AGES_SECONDS, self._tick)

    def on_screen_resume(self) -> None:
        if self._followed is not None:
            self._follow(self.dashboard.source, self._followed)

    def on_screen_suspend(self) -> None:
        self.workers.cancel_group(self, "follow")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what makes sense for the run under the cursor."""
        if not super().check_action(action, parameters):
            return False
        if action == "clear_filter":
            return self._is_filtered
        if action in _APPLIES:
            run = self._selected
            return True if run is not None and _APPLIES[action](run) else None
        return True

    def show_runs(self, runs: Sequence[Run]) -> None:
        """List the runs that pass the filter."""
        self.query_one("#empty").display = not runs
        self.query_one("#body").display = bool(runs)
        query = self.query_one("#filter", Input)
        query.display = self._is_filtered
        table = self.query_one(RunTable)
        table.show([run for run in runs if matcher(query.value)(run)], time.time())
        self._select(table.selected_id)

    def _tick(self) -> None:
        """Ages grow even when nothing else changes."""
        if self.dashboard.runs is not None and self.is_current:
            self.show_runs(self.dashboard.runs)

    # -- the run under the cursor ------------------------------------------------------------------------------------

    @property
    def _selected(self) -> Run | None:
        return next((self._run_of(table.selected_id) for table in self.query(RunTable)), None)

    @property
    def _is_filtered(self) -> bool:
        return any(query.value or query.has_focus for query in self.query("#filter").results(Input))

    def _run_of(self, run_id: str | None) -> Run | None:
        return next((run for run in self.dashboard.runs or () if run.id == run_id), None)

    @on(DataTable.RowHighlighted)
    def _cursor_moved(self) -> None:
        self._select(self.query_one(RunTable).selected_id)

    def _select(self, run_id: str | None) -> None:
        detail = self.query_one(RunDetail)
        run = self._run_of(run_id)
        detail.show_run(run)
        unchanged, self._followed = run_id == self._followed, run_id
        offered = (run.status if run else "", self._is_filtered)
        if offered != self._offered:
            self._offered = offered
            self.refresh_bindings()
        if unchanged:
            return
        detail.show_history(ChartGroups(), ())
        if self._settling is not None:
            self._settling.stop()
        self.workers.cancel_group(self, "follow")
        if run_id is not None:
            self._settling = self.set_timer(_SETTLE_SECONDS, lambda: self._follow(self.dashboard.source, run_id))

    @work(thread=True, group="follow", exclusive=True)
    def _follow(self, source: Source, run_id: str) -> None:
        """Read a run as long as the cursor stays on it."""
        worker = get_current_worker()
        try:
            follower = source.follow(run_id)
        except CrtuiError:
            return
        drawn = 0.0
        pending = True
        while not worker.is_cancelled:
            more = follower.poll()
            pending = pending or more
            if pending and (not more or time.monotonic() - drawn > _CATCH_UP_SECONDS):
                self.post_message(self.Followed(run_id, chart_groups(follower.history), tuple(follower.log)))
                drawn, pending = time.monotonic(), False
            time.sleep(_PAUSE_SECONDS if more else _IDLE_SECONDS)

    @on(Followed)
    def _show_followed(self, message: Followed) -> None:
        if message.run_id == self._followed:
            self.query_one(RunDetail).show_history(message.groups, message.log)

    # -- actions -----------------------------------------------------------------------------------------------------

    def action_next_view(self) -> None:
        detail = self.query_one(RunDetail)
        detail.view = VIEWS[(VIEWS.index(detail.view) + 1) % len(VIEWS)]

    def action_sort_next(self) -> None:
        self.query_one(RunTable).sort_by_next_column()
        self._tick()

    def action_sort_reverse(self) -> None:
        self.query_one(RunTable).reverse()
        self._tick()

    def action_filter(self) -> None:
        query = self.query_one("#filter", Input)
        query.display = True
        query.focus()

    def action_clear_filter(self) -> None:
        self.query_one("#filter", Input).value = ""
        self.query_one(RunTable).focus()
        self._tick()

    @on(Input.Changed, "#filter")
    @on(Input.Blurred, "#filter")
    def _filter_typed(self) -> None:
        self._tick()

    @on(Input.Submitted, "#filter")
    def _filter_done(self) -> None:
        self.query_one(RunTable).focus()
        self._tick()

    @on(DataTable.RowSelected)
    def action_open_inspect(self) -> None:
        if (run := self._selected) is not None:
            self.dashboard.open_inspect(run)

    def action_open_selection(self) -> None:
        self.dashboard.open_selection(self._selected.group if self._selected else None)

    @work
    async def action_new_run(self) -> None:
        names = await self.app.push_screen_wait(NewRunScreen())
        if names:
            self.dashboard.say(f"started {', '.join(names[:3])}{' …' if len(names) > 3 else ''}")
            self.dashboard.read_runs()

    def action_stop_run(self) -> None:
        self._ask_and_do(
            "Stop", "It writes a checkpoint first and can be resumed.", "stopped", self.dashboard.source.stop
        )

    def action_resume_run(self) -> None:
        if (run := self._selected) is not None:
            self._do(run, "resumed", self.dashboard.source.resume)

    def action_delete_run(self) -> None:
        consequence = "Its folder goes, with all checkpoints. This cannot be undone."
        self._ask_and_do("Delete", consequence, "deleted", self.dashboard.source.remove)

    @work
    async def _ask_and_do(self, verb: str, consequence: str, done: str, act: Callable[[str], None]) -> None:
        run = self._selected
        if run is not None and await self.app.push_screen_wait(ConfirmScreen(verb, run.name, consequence)):
            self._do(run, done, act)

    @work(thread=True, group="act")
    def _do(self, run: Run, done: str, act: Callable[[str], None]) -> None:
        app = self.dashboard
        try:
            act(run.id)
        except CrtuiError as error:
            app.call_from_thread(app.say, str(error), "error")
            return
        app.call_from_thread(app.say, f"{done} {run.name}")
        app.call_from_thread(app.read_runs)
