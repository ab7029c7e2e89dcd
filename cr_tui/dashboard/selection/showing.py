"""What the selection screen shows: verdict, matrix, ranking, and the pair at the cursor."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal

from cr_tui.dashboard.model.data import Run
from cr_tui.dashboard.model.session import Session
from cr_tui.dashboard.selection import words
from cr_tui.dashboard.selection.division import lines_below, verdict_lines
from cr_tui.dashboard.selection.matrix_view import MatrixView
from cr_tui.dashboard.selection.pair_view import PairView
from cr_tui.dashboard.selection.pools import pool_pages
from cr_tui.dashboard.selection.ranking_table import RankingTable
from cr_tui.dashboard.selection.shown_selection import show_selection
from cr_tui.dashboard.selection.usable import UsableKeys
from cr_tui.dashboard.shared.key_footer import KeyFooter
from cr_tui.dashboard.shared.text_line import TextLine, WrittenText, in_lines
from cr_tui.dashboard.shared.title_bar import TitleBar
from cr_tui.render.matrices.matrix import MOST_NAME, MatrixPicture
from cr_tui.text import clean
from engine.choosing.result import SelectionResult

_MATRIX_SHARE, _ZOOMED_SHARE = 0.55, 0.7
"""Of the width, at most: the matrix by itself, and after somebody asked for larger values."""
_LEAST_MATRIX, _LEAST_RANKING = 26, 30
"""Cells across at least; those of the ranking as in ``screen.tcss``."""


class ShownSelections(UsableKeys):
    """Matrix and rankings of one pool at a time."""

    def __init__(self, session: Session, group: str | None) -> None:
        super().__init__(session, group)
        self._drawn: object = None
        self._zoomed = self._even = False
        self._why: bool | None = None
        self._matrix_width = 0

    def compose(self) -> ComposeResult:
        yield TitleBar("selection")
        yield TextLine(widget_id="group")
        yield TextLine(widget_id="progress")
        yield WrittenText(widget_id="verdict")
        with Horizontal(id="body"):
            yield MatrixView(widget_id="matrix")
            yield WrittenText(widget_id="nothing")
            yield RankingTable(widget_id="ranking")
        yield WrittenText(widget_id="pair")
        yield PairView(self.session, widget_id="strips")
        yield KeyFooter()

    def on_resize(self, event: events.Resize) -> None:
        self.after_refresh(self._draw)

    def show_runs(self, runs: Sequence[Run]) -> None:
        """Show names and groups as they are now."""
        self._runs = runs
        self._draw()

    def ask_again(self) -> None:
        """Read the traversals of the pair, if the store could not be read just then."""
        self.query_one("#strips", PairView).ask_again()

    def restyle(self) -> None:
        """Draw everything in the colours of another theme."""
        super().restyle()
        self.matrix.refresh()

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
        nothing = self.query_one("#nothing", WrittenText)
        nothing.display = empty or (result is not None and result.matrix is None)
        if nothing.display:
            nothing.write(
                Text(words.empty_words(pool, len(self._pools), self.session.read_only) if empty else words.NO_MATRIX)
            )
        self.table.display = not empty
        self._divide(self._draw_verdict())
        self._draw_ranking(result)
        self._draw_words()

    def _draw_verdict(self) -> int:
        """How sure the pick is and what would settle it, above all else; how many lines that takes."""
        shown, verdict = self._selection, self.query_one("#verdict", WrittenText)
        verdict.display = self.query_one("#pair").display = shown is not None
        if shown is None:
            return 0
        width, most = max(self.size.width - 2, 1), verdict_lines(self.size.height, len(shown.order))
        text = in_lines(words.verdict(shown, self.size.width, self.look), self.app.console, width, most)
        verdict.write(text)
        return text.plain.count("\n") + 1

    def _divide(self, taken: int) -> None:
        """Divide the lines below those that are taken: ranking and matrix, and under them the traversals of a pair."""
        shown, strips = self._selection, self.query_one("#strips", PairView)
        below = 0
        if shown is not None and shown.matrix is not None and len(shown.compared) > 1:
            rows = len(shown.order)
            taken += bool(self.query_one("#progress").display)
            below = lines_below(self.size.height, taken, rows, self._why)
        strips.display = below > 0
        strips.styles.height = max(below, 1)

    def _draw_ranking(self, result: SelectionResult | None) -> None:
        """Fill table and matrix, unless they show this already."""
        shown, marked = self._selection, self.session.mark_colours(self.look.runs)
        self.matrix.display = shown is not None and shown.matrix is not None
        # The order and the names decide what is drawn, with the scores that a result has for ever.
        names = tuple(shown.names.items()) if shown else ()
        scores = tuple(run.scores.get("factor_vae") for run in self._runs)
        now = (result, shown and shown.order_by, names, scores, marked, self.size, self.app.theme)
        if now == self._drawn:
            return
        self._drawn = now
        at = self._pair_of_ids()
        self._draw_matrix()
        beside = self._matrix_width if shown is not None and shown.matrix is not None else self.size.width // 2
        self.table.show(shown, marked, self.size.width - beside)
        self._follow_ids(at)

    def _draw_matrix(self) -> None:
        shown = self._selection
        if shown is None or shown.matrix is None:
            self.matrix.show(None)
            return
        labels = shown.labels(MOST_NAME)
        self.matrix.show(MatrixPicture(shown.matrix, labels, even=self._even, shorten=shown.labels))
        self._fit_matrix()

    def _fit_matrix(self) -> None:
        """Give the matrix the width that it can use, up to a share of the screen."""
        share = _ZOOMED_SHARE if self._zoomed else _MATRIX_SHARE
        most = max(min(int(self.size.width * share), self.size.width - _LEAST_RANKING), 1)
        least = max(_LEAST_MATRIX, self.size.width // 3)
        wanted = max(self.matrix.width_for(most, self.query_one("#body").size.height), least)
        self._matrix_width = min(wanted, most)
        self.matrix.styles.width = self._matrix_width

    def _draw_words(self) -> None:
        pool, shown, look, now = self.pool, self._selection, self.look, time.time()
        place = (self._pools.index(pool) + 1 if pool else 0, len(self._pools))
        width, damaged = max(self.size.width - 2, 1), self._read_last.damaged
        line = words.headline(pool, place, self._shown, shown, damaged, now, width, look)
        self.query_one("#group", TextLine).write(line)
        progress = words.progress_line(pool.computations if pool else (), now, width, look)
        if self._read_last.trouble:
            progress = Text("✗ ", style=look.error).append(clean(self._read_last.trouble), style=look.alert)
        self.query_one("#progress", TextLine).write(progress)
        self.query_one("#progress").display = bool(progress.plain)
        self._draw_pair()

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
        self.query_one("#pair", WrittenText).write(text)
        strips = self.query_one("#strips", PairView)
        if strips.display:
            strips.show_pair(self._pair_of_runs())
        self._refresh_footer()

    # -- keys --------------------------------------------------------------------------------------------------------

    def action_why(self) -> None:
        """Show the traversals of the pair, at the cost of the matrix where there is little room; or hide them."""
        if self._selection is None or self._selection.matrix is None:
            self.say("there is no pair to look at: nothing was compared", "warning")
            return
        self._why = not self.query_one("#strips").display
        self._drawn = None
        self._draw()
        self.after_refresh(self._draw)

    def action_scale(self) -> None:
        self._even = not self._even
        self._draw_matrix()
        self.say("each colour stands for as many pairs" if self._even else "colours are spread over the values")

    def action_larger(self) -> None:
        self._zoom(1)

    def action_smaller(self) -> None:
        self._zoom(-1)

    def _zoom(self, by: int) -> None:
        self._zoomed = True
        self.matrix.zoom(by)
        self._fit_matrix()
