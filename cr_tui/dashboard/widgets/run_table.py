"""The table of runs."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual import events

from cr_tui.dashboard.columns import Column, choose_columns, sort_runs
from cr_tui.dashboard.data import Run
from cr_tui.dashboard.widgets.keyed_table import Heading, KeyedTable

_SCROLLBAR = 1
_AGE_SECONDS = 10.0


class RunTable(KeyedTable):
    """Lists runs in the columns that fit, sorted by one of them."""

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(widget_id=widget_id)
        self._chosen: list[Column] = []
        self._sort_key, self._descending = "age", False
        self._listed: Sequence[Run] = ()
        self._now = 0.0
        self._drawn: dict[str, tuple[Run, list[Text]]] = {}
        self._drawn_for: object = None

    def on_resize(self, event: events.Resize) -> None:
        """Choose the columns that fit now."""
        self.show(self._listed, self._now)

    def sort_by_next_column(self) -> None:
        """Sort by the column right of the present one from the next :meth:`show` on."""
        if self._chosen:
            keys = [column.key for column in self._chosen]
            at = keys.index(self._sort_key) if self._sort_key in keys else -1
            column = self._chosen[(at + 1) % len(self._chosen)]
            self._sort_key, self._descending = column.key, column.descending

    def reverse(self) -> None:
        """Turn the order round from the next :meth:`show` on."""
        self._descending = not self._descending

    def show(self, runs: Sequence[Run], now: float) -> None:
        """List runs.

        Args:
            runs: all that are to be listed, in any order.
            now: seconds since 1970, for their age.
        """
        self._listed, self._now = runs, now
        if not self.size.width:
            return
        self._chosen = choose_columns(runs, self.size.width - _SCROLLBAR)
        by = next((column for column in self._chosen if column.key == self._sort_key), None)
        ordered = sort_runs(runs, by, self._descending) if by else list(runs)
        headings = [Heading(column.key, self._title(column), column.width) for column in self._chosen]
        drawn_for = ([(heading.key, heading.width) for heading in headings], now // _AGE_SECONDS)
        if drawn_for != self._drawn_for:
            self._drawn_for, self._drawn = drawn_for, {}
        self._drawn = {run.id: self._draw(run, now) for run in ordered}
        self.fill(headings, {run_id: cells for run_id, (_, cells) in self._drawn.items()})

    def _draw(self, run: Run, now: float) -> tuple[Run, list[Text]]:
        """The cells of a run; those of before where it has not changed."""
        before = self._drawn.get(run.id)
        return before if before and before[0] == run else (run, [column.draw(run, now) for column in self._chosen])

    def _title(self, column: Column) -> str:
        arrow = ("▾" if self._descending else "▴") if column.key == self._sort_key else ""
        title = f"{column.title}{arrow}"
        return title.rjust(column.width) if column.right else title
