"""The table of runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from rich.text import Text
from textual import events
from textual.geometry import Region
from textual.message import Message

from cr_tui.dashboard.model.data import Run
from cr_tui.dashboard.runs.columns import (
    PADDING,
    Column,
    age_text,
    all_columns,
    choose_columns,
    sort_runs,
)
from cr_tui.dashboard.runs.marks_strip import MARK, SMALL_MARK
from cr_tui.dashboard.runs.rows import GroupRow, Row, arrange
from cr_tui.dashboard.shared.line_table import HEADER, LineTable
from cr_tui.dashboard.theme import Look
from cr_tui.render.cells import Rgb, style_of
from cr_tui.short_names import Shortener

_MARK_WIDTH = 2


@dataclass(frozen=True)
class Order:
    """How a table is sorted.

    Args:
        key: of the column.
        descending: from the largest.
    """

    key: str = "age"
    descending: bool = False


class RunTable(LineTable):
    """Lists runs in the columns that fit, sorted by one of them."""

    class Sorted(Message):
        """The mouse chose another order."""

    class Scrolled(Message):
        """Other rows are on the screen."""

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(widget_id=widget_id)
        self.order = Order()
        self.skip = 0
        self.folded: Collection[str] = ()
        self.marked: Mapping[str, Rgb | None] = {}
        self.marks: Mapping[str, str] = {}
        self._runs: Sequence[Run] = ()
        self._rows: list[Row] = []
        self._columns: list[Column] = []
        self._now = 0.0
        self._seen: tuple[str, ...] = ()
        self._named: tuple[list[str], list[str], list[str]] = ([], [], [])
        self._names = self._grouped_names = Shortener(())
        self._name_widths: Sequence[int] = (0, 0)
        self._numbers: Mapping[str, int] = {}
        self._header_drawn: object = None

    # -- what is shown -----------------------------------------------------------------------------------------------

    @property
    def rows(self) -> Sequence[Row]:
        """Runs and folded groups, from the top."""
        return self._rows

    @property
    def selected(self) -> Row | None:
        """The row under the cursor; None in an empty table."""
        return self._rows[self._cursor] if 0 <= self._cursor < len(self._rows) else None

    @property
    def visible_runs(self) -> tuple[str, ...]:
        """Ids of the runs on the screen."""
        rows = self.visible_rows
        return tuple(row.id for row in self._rows[rows.start : rows.stop] if isinstance(row, Run))

    def show(self, runs: Sequence[Run], now: float) -> None:
        """List runs.

        Args:
            runs: all that are to be listed, in any order.
            now: seconds since 1970, for their age.
        """
        self._runs, self._now = runs, now
        if not self.size.width:
            return
        self._take_names(runs)
        columns = self._columns_for(runs)
        fits = [(column.key, column.width) for column in columns] == [(old.key, old.width) for old in self._columns]
        if not fits:
            self._columns = columns
        self._rows = arrange(self._in_order(runs, columns), self.folded)
        ids = [row.id for row in self._rows]
        moved = not fits or ids != self._ids
        self.list_rows(ids, self.size.width, anew=not fits)
        if moved:
            self._report_seen()
        elif self._header_drawn != self.order:
            self.refresh(Region(0, 0, self.size.width, HEADER))

    def _columns_for(self, runs: Sequence[Run]) -> list[Column]:
        """The columns that fit. Names that clash need more room where no column tells their groups."""
        columns: list[Column] = []
        for longest in dict.fromkeys(self._name_widths):
            columns = choose_columns(runs, self.size.width - _MARK_WIDTH, self.skip, self.order.key, longest)
            if _has_groups(columns):
                break
        return columns

    def _take_names(self, runs: Sequence[Run]) -> None:
        """Find out how names are told apart, if they are others than before."""
        named = [run.id for run in runs], [run.name for run in runs], [run.group for run in runs]
        if named != self._named:
            self._named = named
            ids, names, groups = named
            self._names, self._grouped_names = Shortener(names), Shortener(names, groups)
            self._name_widths = [
                max(map(cell_len, those.full), default=0) for those in (self._names, self._grouped_names)
            ]
            self._numbers = dict(zip(ids, range(len(ids)), strict=True))
            self._strips.clear()

    def _in_order(self, runs: Sequence[Run], columns: Sequence[Column]) -> list[Run]:
        # The column that decides the order is always among those that are shown.
        by = next((column for column in columns if column.key == self.order.key), None)
        return sort_runs(runs, by, self.order.descending) if by else list(runs)

    # -- order and columns -------------------------------------------------------------------------------------------

    @property
    def sortable(self) -> Sequence[Column]:
        """The columns that it can be sorted by, from left to right."""
        return all_columns(self._runs)

    def sort_by(self, key: str) -> None:
        """Sort by a column from the next :meth:`show` on; if it is sorted by it already, turn the order round."""
        if key == self.order.key:
            self.reverse()
        else:
            self._sort_by(next(column for column in self.sortable if column.key == key))

    def reverse(self) -> None:
        """Reverse the order from the next :meth:`show` on."""
        self.order = Order(self.order.key, not self.order.descending)

    def skip_columns(self, by: int) -> None:
        """Show later columns, or earlier ones, from the next :meth:`show` on."""
        self.skip = min(max(self.skip + by, 0), max(len(all_columns(self._runs)) - 4, 0))

    def _sort_by(self, column: Column) -> None:
        self.order = Order(column.key, column.descending)

    # -- drawing -----------------------------------------------------------------------------------------------------

    def header_text(self) -> str:
        """The titles of the columns, with an arrow at the one that decides the order."""
        self._header_drawn = self.order
        text = " " * _MARK_WIDTH
        for column in self._columns:
            arrow = ("▾" if self.order.descending else "▴") if column.key == self.order.key else ""
            title = f"{column.title}{arrow}"[: column.width + 1]
            text += f" {title:>{column.width}} " if column.right else f" {title:<{column.width}} "
        return text

    def drawn_for(self, at: int) -> object:
        """The run or group, its mark, how old it is, and the columns."""
        row = self._rows[at]
        age = age_text(self._now - row.created) if isinstance(row, Run) else ""
        return row, age, tuple((column.key, column.width) for column in self._columns), self._mark(row)

    def _mark(self, row: Row) -> tuple[str, Rgb | None]:
        if isinstance(row, GroupRow):
            marked = sum(run.id in self.marked for run in row.runs)
            return (SMALL_MARK if marked else " "), None
        if row.id not in self.marked:
            return " ", None
        colour = self.marked[row.id]
        return (SMALL_MARK if colour is None else self.marks.get(row.id, MARK)), colour

    def row_segments(self, at: int) -> Iterable[Segment]:
        """Mark and cells of a run, or a group in a line."""
        row, look = self._rows[at], self.look
        mark, colour = self._mark(row)
        line = Text().append(mark.ljust(_MARK_WIDTH), style=style_of(colour) if colour else look.faint)
        if isinstance(row, GroupRow):
            line.append(" ").append_text(row.draw(look, max(self.size.width - _MARK_WIDTH - PADDING, 1)))
        else:
            for column in self._columns:
                line.append(" ").append_text(self._cell(column, row, look)).append(" ")
        return line.render(self.app.console)

    def _cell(self, column: Column, run: Run, look: Look) -> Text:
        if column.key != "name":
            return column.draw(run, self._now, look)
        names = self._names if _has_groups(self._columns) else self._grouped_names
        cell = Text(names.short(self._numbers[run.id], column.width))
        cell.align("left", column.width)
        return cell

    # -- events ------------------------------------------------------------------------------------------------------

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self._report_seen()

    def _report_seen(self) -> None:
        if self.visible_runs != self._seen:
            self._seen = self.visible_runs
            self.post_message(self.Scrolled())

    def on_resize(self, event: events.Resize) -> None:
        """Choose the columns that fit now."""
        self._strips.clear()
        self.show(self._runs, self._now)
        self.show_cursor()
        self._report_seen()

    def on_click(self, event: events.Click) -> None:
        """Sort by the column whose title was clicked."""
        if event.y < HEADER:
            self._click_header(event.x)

    def _click_header(self, x: int) -> None:
        left = _MARK_WIDTH
        for column in self._columns:
            if left <= x < left + column.width + PADDING:
                self.sort_by(column.key)
                self.post_message(self.Sorted())
                return
            left += column.width + PADDING


def _has_groups(columns: Sequence[Column]) -> bool:
    return any(column.key == "group" for column in columns)
