"""Which model of a pool to take, without labels: the cross-score matrix and the rankings."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from rich.text import Text
from textual import events, on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import DataTable, Static

from cr_tui.dashboard.keys import keymap
from cr_tui.dashboard.model.data import Run, Source
from cr_tui.dashboard.model.selections import Computation
from cr_tui.dashboard.model.session import Session
from cr_tui.dashboard.selection import export, words
from cr_tui.dashboard.selection.division import lines_below, verdict_lines
from cr_tui.dashboard.selection.form import SelectionFormScreen, pool_choices
from cr_tui.dashboard.selection.matrix_view import MatrixView
from cr_tui.dashboard.selection.pair_view import PairView
from cr_tui.dashboard.selection.pools import PoolPage, foremost, pool_pages
from cr_tui.dashboard.selection.ranking_table import RankingTable
from cr_tui.dashboard.selection.shown_selection import ShownSelection, show_selection
from cr_tui.dashboard.shared.confirm import ConfirmScreen
from cr_tui.dashboard.shared.key_footer import KeyFooter
from cr_tui.dashboard.shared.requests import ChartsRequested, InspectRequested
from cr_tui.dashboard.shared.screen import DashboardScreen
from cr_tui.dashboard.shared.text_line import TextLine
from cr_tui.dashboard.shared.title_bar import TitleBar
from cr_tui.dashboard.shared.written_files import new_file, write
from cr_tui.render.matrices.matrix import MOST_NAME, MatrixPicture
from cr_tui.text import clean
from engine.choosing.result import SelectionResult
from engine.errors import CrtuiError

_CAPTION = "encoder ↓  generator →"
_MATRIX_SHARE, _ZOOMED_SHARE = 0.55, 0.7
"""Of the width, at most: the matrix by itself, and after somebody asked for larger values."""
_LEAST_MATRIX = 26
_READ_SECONDS = 1.0


class SelectionScreen(DashboardScreen):
    """Matrix and rankings of one pool at a time.

    Args:
        session: what all screens share.
        group: the group to begin with; "" for runs without one, None for the first there is.
    """

    place = "selection"
    CSS_PATH = "screen.tcss"
    AUTO_FOCUS = "#ranking"
    BINDINGS = keymap.bindings("selection")

    @dataclass
    class StoreRead(Message):
        """Stored selections, and how computations fare; or why that cannot be read."""

        selections: Sequence[SelectionResult]
        computations: Sequence[Computation]
        damaged: int = 0
        trouble: str = ""

    def __init__(self, session: Session, group: str | None) -> None:
        super().__init__(session)
        self._key = group
        self._runs: Sequence[Run] = ()
        self._read_last = self.StoreRead((), ())
        self._pools: list[PoolPage] = []
        self._result: str | None = None
        self._order = ""
        self._selection: ShownSelection | None = None
        self._drawn: object = None
        self._zoomed = self._even = False
        self._ids: tuple[str, ...] = ()
        self._verdict = ""
        self._why: bool | None = None
        self._matrix_width = 0
        self._usable: tuple[bool, ...] = ()

    @classmethod
    def opened(cls, session: Session) -> Self:
        """About the group of the chosen run."""
        chosen = session.chosen
        return cls(session, chosen[0].group if chosen else None)

    def compose(self) -> ComposeResult:
        yield TitleBar("selection")
        yield TextLine(widget_id="group")
        yield TextLine(widget_id="progress")
        yield Static(id="verdict")
        with Horizontal(id="body"):
            yield MatrixView(widget_id="matrix")
            yield Static(id="nothing")
            yield RankingTable(widget_id="ranking")
        yield Static(id="pair")
        yield PairView(self.session, widget_id="strips")
        yield KeyFooter()

    def on_mount(self) -> None:
        self.session.want_curves(())
        self._read(self.session.source)
        self.set_interval(max(self.session.refresh_seconds, _READ_SECONDS), self._read_again)

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self._draw)

    def show_runs(self, runs: Sequence[Run]) -> None:
        """Show names and groups as they are now."""
        self._runs = runs
        self._draw()

    def restyle(self) -> None:
        """Draw everything in the colours of another theme."""
        super().restyle()
        self.matrix.refresh()

    @property
    def matrix(self) -> MatrixView:
        """The heat map."""
        return self.query_one("#matrix", MatrixView)

    @property
    def table(self) -> RankingTable:
        """The ranking."""
        return self.query_one("#ranking", RankingTable)

    # -- reading -----------------------------------------------------------------------------------------------------

    def _read_again(self) -> None:
        self._read(self.session.source)

    @work(thread=True, exclusive=True, group="read")
    def _read(self, source: Source) -> None:
        try:
            found, computations = source.selections(), source.computations()
        except CrtuiError as error:
            self.post_message(self.StoreRead((), (), trouble=str(error)))
        else:
            self.post_message(self.StoreRead(found, computations, source.damaged_selections()))

    @on(StoreRead)
    def _take_read(self, message: StoreRead) -> None:
        if message.trouble:
            # What was known stays on the screen, beside the reason why nothing newer comes.
            last = self._read_last
            message = self.StoreRead(last.selections, last.computations, last.damaged, message.trouble)
        self._read_last = message
        self._draw()

    # -- what is shown -----------------------------------------------------------------------------------------------

    @property
    def pool(self) -> PoolPage | None:
        """What the screen is about; the first pool when the one that was chosen is gone."""
        return next((pool for pool in self._pools if pool.key == self._key), next(iter(self._pools), None))

    @property
    def _shown(self) -> int:
        """Index of the result that is shown; the newest when the one that was chosen is gone."""
        results = self.pool.results if self.pool else ()
        chosen = next((at for at, result in enumerate(results) if result.id == self._result), None)
        return foremost(results, {run.id for run in self._runs}) if chosen is None else chosen

    @property
    def run(self) -> Run | None:
        """The run under the cursor, if it is still there."""
        return self.session.run_of(self._run_id)

    @property
    def _run_id(self) -> str | None:
        """The id under the cursor that keys move; the other one follows only after."""
        if self.matrix.has_focus and self._selection is not None and self._selection.compared:
            return self._selection.compared[min(self.matrix.cursor[0], len(self._selection.compared) - 1)]
        return self.table.selected_id

    def _draw(self) -> None:
        read = self._read_last
        self._pools = pool_pages(self._runs, read.selections, read.computations)
        pool = self.pool
        self._key = pool.key if pool else self._key
        results = pool.results if pool else ()
        result = results[self._shown] if results else None
        names = {run.id: run.name for run in self._runs}
        groups = {run.id: run.group for run in self._runs}
        supervised = {run.id: run.scores.get("factor_vae") for run in self._runs}
        self._selection = show_selection(result, self._order, names, supervised, groups) if result else None
        empty = self._selection is None
        nothing = self.query_one("#nothing", Static)
        nothing.display = empty or (result is not None and result.matrix is None)
        if nothing.display:
            nothing.update(Text(words.empty_words(pool, self.session.read_only) if empty else words.NO_MATRIX))
        self.table.display = not empty
        self._draw_verdict()
        self._divide()
        self._draw_ranking(result)
        self._draw_words()

    def _draw_ranking(self, result: SelectionResult | None) -> None:
        """Fill table and matrix, unless they show this already."""
        shown, marked = self._selection, self.session.mark_colours(self.look.runs)
        self.matrix.display = shown is not None and shown.matrix is not None
        # The order and the names decide what is drawn, with the scores that a result has for ever.
        names = tuple(shown.names.items()) if shown else ()
        scores = tuple(run.scores.get("factor_vae") for run in self._runs)
        now = (result, shown and shown.order_by, names, scores, marked, self.size, self.app.theme, self._even)
        if now == self._drawn:
            return
        self._drawn = now
        at = self._pair_of_ids()
        matrix = shown.matrix if shown else None
        if shown is not None and matrix is not None:
            labels = shown.labels(MOST_NAME)
            self.matrix.show(MatrixPicture(matrix, labels, even=self._even, shorten=shown.labels), _CAPTION)
            self._fit_matrix()
        else:
            self.matrix.show(None, "")
        beside = self._matrix_width if matrix is not None else self.size.width // 2
        self.table.show(shown, marked, self.size.width - beside)
        self._follow_ids(at)

    def _fit_matrix(self) -> None:
        """Give the matrix the width that it can use, up to a share of the screen."""
        most = int(self.size.width * (_ZOOMED_SHARE if self._zoomed else _MATRIX_SHARE))
        least = max(_LEAST_MATRIX, self.size.width // 3)
        wanted = max(self.matrix.width_for(most, self.query_one("#body").size.height), least)
        self._matrix_width = min(wanted, most)
        self.matrix.styles.width = self._matrix_width

    def _draw_words(self) -> None:
        pool, shown, look, now = self.pool, self._selection, self.look, time.time()
        place = (self._pools.index(pool) + 1 if pool else 0, len(self._pools))
        line = words.headline(pool, place, self._shown, shown, now, look)
        if self._read_last.damaged:
            line.append(f" · {self._read_last.damaged} damaged", style=look.alert)
        self.query_one("#group", TextLine).write(line)
        progress = words.progress_line(pool.computations if pool else (), now, look)
        if self._read_last.trouble:
            progress = Text("✗ ", style=look.error).append(clean(self._read_last.trouble), style=look.alert)
        self.query_one("#progress", TextLine).write(progress)
        self.query_one("#progress").display = bool(progress.plain)
        self._draw_pair()

    def _draw_verdict(self) -> None:
        """How sure the pick is and what would settle it, above all else."""
        shown, verdict = self._selection, self.query_one("#verdict", Static)
        verdict.display = self.query_one("#pair").display = shown is not None
        sure = words.verdict(shown, self.look) if shown else Text()
        if sure.markup != self._verdict:
            self._verdict = sure.markup
            verdict.update(sure)

    def _divide(self) -> None:
        """Divide the lines between ranking and matrix above, and the traversals of a pair below."""
        shown, strips = self._selection, self.query_one("#strips", PairView)
        below = 0
        if shown is not None and shown.matrix is not None and len(shown.compared) > 1:
            wrapped = words.verdict(shown, self.look).wrap(self.app.console, max(self.size.width - 2, 1))
            taken = min(len(wrapped), verdict_lines(self.size.height)) + bool(self.query_one("#progress").display)
            below = lines_below(self.size.height, taken, len(shown.order), self._why)
        strips.display = below > 0
        strips.styles.height = max(below, 1)

    def _draw_pair(self) -> None:
        """What stands at the cursor."""
        shown, run_id = self._selection, self._run_id
        text = Text()
        if shown is not None:
            reason = shown.result.excluded.get(run_id or "")
            if run_id is not None and reason is not None and run_id not in shown.compared:
                text = words.left_out_words(shown.names[run_id], reason, self.look)
            else:
                text = words.readout(shown, self.matrix.cursor, max(self.size.width - 2, 1), self.look)
        # Its height is fixed, so nothing around it has to move.
        self.query_one("#pair", Static).update(text, layout=False)
        strips = self.query_one("#strips", PairView)
        if strips.display:
            strips.show_pair(self._pair_of_runs())
        self._refresh_footer()

    def _pair_of_runs(self) -> tuple[Run, Run] | None:
        """The runs whose traversals are shown: those at the cursor; beside a run itself the pick, or the runner-up."""
        shown = self._selection
        if shown is None or shown.matrix is None or len(shown.compared) < 2:
            return None
        row, column = (min(at, len(shown.compared) - 1) for at in self.matrix.cursor)
        if row == column:
            column = 1 if row == 0 else 0
        first, second = (self.session.run_of(shown.compared[at]) for at in (row, column))
        return (first, second) if first is not None and second is not None else None

    def action_why(self) -> None:
        """Show the traversals of the pair, at the cost of the matrix where there is little room; or hide them."""
        if self._selection is None or self._selection.matrix is None:
            self.say("there is no pair to look at: nothing was compared", "warning")
            return
        self._why = not self.query_one("#strips").display
        self._drawn = None
        self._draw()
        self.call_after_refresh(self._draw)

    # -- one cursor for table and matrix -----------------------------------------------------------------------------

    def _pair_of_ids(self) -> tuple[str | None, str | None]:
        """Ids of the runs at the cursors, as they were drawn last."""
        column = self.matrix.cursor[1]
        return self.table.selected_id, self._ids[column] if column < len(self._ids) else None

    def _follow_ids(self, at: tuple[str | None, str | None]) -> None:
        """Leave the cursor with its runs when their order has changed."""
        self._ids = self._selection.compared if self._selection else ()
        place = {run_id: index for index, run_id in enumerate(self._ids)}
        row = place.get(self.table.selected_id or "")
        if row is not None:
            self.matrix.point(row, place.get(at[1] or "", self.matrix.cursor[1]))

    @on(DataTable.RowHighlighted)
    def _row_chosen(self) -> None:
        run_id = self.table.selected_id
        if self._selection is not None and run_id in self._selection.compared:
            self.matrix.point(self._selection.compared.index(run_id))
        self._draw_pair()

    @on(MatrixView.Moved)
    def _matrix_moved(self, message: MatrixView.Moved) -> None:
        if self._selection is not None:
            row = self._selection.order.index(self._selection.compared[message.row])
            self.table.move_cursor(row=row)
        self._draw_pair()

    # -- going about -------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Dim what has nothing to act on."""
        if not super().check_action(action, parameters):
            return False
        if not self.is_mounted:
            return True
        applies = self._applies.get(action)
        return True if applies is None or applies else None

    @property
    def _applies(self) -> dict[str, bool]:
        """Which of the actions that need something have it."""
        pool, shown, here = self.pool, self._selection, self.run is not None
        return {
            "cancel": bool(pool and pool.computations),
            "order": shown is not None and len(shown.methods) > 1,
            "open_inspect": here,
            "open_charts": here,
            "mark": here,
            "why": shown is not None and shown.matrix is not None,
            "next_group": len(self._pools) > 1,
            "previous_group": len(self._pools) > 1,
        }

    def _refresh_footer(self) -> None:
        """Dim or light keys, if any has changed: the footer is made anew each time."""
        usable = tuple(self._applies.values())
        if usable != self._usable:
            self._usable = usable
            self.refresh_bindings()

    def action_next_group(self) -> None:
        self._move_pool(1)

    def action_previous_group(self) -> None:
        self._move_pool(-1)

    def _move_pool(self, by: int) -> None:
        keys = [pool.key for pool in self._pools]
        if self._key in keys:
            self._key = keys[(keys.index(self._key) + by) % len(keys)]
            self._result = None
            self._draw()

    def action_older(self) -> None:
        self._move_result(1)

    def action_newer(self) -> None:
        self._move_result(-1)

    def _move_result(self, by: int) -> None:
        results = self.pool.results if self.pool else ()
        at = self._shown + by
        if 0 <= at < len(results):
            # The one that says most is followed: a newer one that says as much takes its place.
            first = foremost(results, {run.id for run in self._runs})
            self._result = results[at].id if at != first else None
            self._draw()
        elif results:
            self.say("there is no older result" if by > 0 else "this is the newest result")

    def action_order(self) -> None:
        if self._selection is not None:
            methods = self._selection.methods
            self._order = methods[(methods.index(self._selection.order_by) + 1) % len(methods)]
            self._draw()

    def action_scale(self) -> None:
        self._even = not self._even
        self._draw()
        self.say("each colour stands for as many pairs" if self._even else "colours are spread over the values")

    def action_larger(self) -> None:
        self._zoom(1)

    def action_smaller(self) -> None:
        self._zoom(-1)

    def _zoom(self, by: int) -> None:
        self._zoomed = True
        self.matrix.zoom(by)
        self._fit_matrix()

    @on(DataTable.RowSelected)
    def action_open_inspect(self) -> None:
        if self.run is not None:
            self.post_message(InspectRequested(self.run))
        elif self._run_id is not None:
            self.say("this run is no longer there", "warning")

    def action_open_charts(self) -> None:
        run, session = self.run, self.session
        if run is not None:
            # Charts overlay the marked runs, or show the one under the cursor.
            session.cursor_run = run.id
            if session.marked and run.id not in session.marked:
                session.mark([run.id])
            self.post_message(ChartsRequested())

    def action_mark(self) -> None:
        run, session = self.run, self.session
        if run is not None:
            (session.unmark if run.id in session.marked else session.mark)([run.id])
            self._draw()

    def action_back(self) -> None:
        self.dismiss()

    # -- computing ---------------------------------------------------------------------------------------------------

    @work
    async def action_compute(self) -> None:
        pool = self.pool
        ended = next((one.request for one in pool.computations if not one.running), None) if pool else None
        choices = pool_choices(pool, self._runs, self.session.marked, ended)
        if not choices:
            self.say("a ranking needs at least 2 finished runs; mark some, or train more", "warning")
        elif await self.app.push_screen_wait(SelectionFormScreen(self.session, choices, ended)):
            self._result = None
            self.say("it computes in a process of its own; the dashboard may be closed")
            self._read_again()

    @work
    async def action_cancel(self) -> None:
        computations = self.pool.computations if self.pool else ()
        running = next((one for one in computations if one.running), None)
        source = self.session.source
        if running is not None:
            subject = f"the selection of {len(running.runs)} runs"
            kept = "What was compared is kept; the same selection goes on from there."
            if await self.app.push_screen_wait(ConfirmScreen("End", subject, kept)):
                self._act(lambda: source.cancel_selection(running.id), "asked it to end; that can take some seconds")
        elif computations:
            ended = computations[0]
            self._act(lambda: source.forget_selection(ended.id), "forgotten; pairs that were compared are kept")

    @work(thread=True, group="act")
    def _act(self, act: Callable[[], None], done: str) -> None:
        try:
            act()
        except CrtuiError as error:
            self.say_from_thread(str(error), "error")
        else:
            self.say_from_thread(done)
        self.show_from_thread(self._read_again)

    # -- taking away -------------------------------------------------------------------------------------------------

    def action_export_csv(self) -> None:
        self._export("csv", export.as_csv)

    def action_export_json(self) -> None:
        self._export("json", export.as_json)

    def action_export_png(self) -> None:
        if self._selection is not None and self._selection.matrix is None:
            self.say("there is no matrix to draw", "warning")
        else:
            self._export("png", functools.partial(export.as_png, even=self._even))

    def _export(self, suffix: str, make: Callable[[ShownSelection], bytes]) -> None:
        if self._selection is None:
            self.say("there is nothing to write yet", "warning")
        else:
            self._write(self._selection, f"selection-{self.pool.title if self.pool else ''}", suffix, make)

    @work(thread=True, group="act")
    def _write(self, shown: ShownSelection, subject: str, suffix: str, make: Callable[[ShownSelection], bytes]) -> None:
        try:
            path = new_file(Path.cwd(), subject, suffix)
            write(path, make(shown))
        except (CrtuiError, OSError) as error:
            self.say_from_thread(str(error), "error")
            return
        self.say_from_thread(f"written to {path}")

    def action_copy(self) -> None:
        shown, run_id = self._selection, self.table.selected_id
        if shown is not None and shown.matrix is not None and shown.compared:
            self.copy_text(words.copied(shown, self.matrix.cursor), "both runs and their scores")
        elif run_id is not None:
            self.copy_text(run_id, "the id of the run")
