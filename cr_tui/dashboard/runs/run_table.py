"""The table of runs. It draws only the lines on the screen, so that thousands of runs cost no more than a few."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from cr_tui.dashboard.keys import keymap
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
from cr_tui.dashboard.shared.changes import changed_span
from cr_tui.dashboard.shared.short_names import Shortener
from cr_tui.dashboard.theme import Look, look_of
from cr_tui.render.cells import Rgb, style_of

_HEADER = 1
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


class RunTable(ScrollView, can_focus=True, inherit_bindings=False):
    """Lists runs in the columns that fit, sorted by one of them. Only the lines that changed are repainted."""

    BINDINGS = keymap.bindings("table")
    COMPONENT_CLASSES = {"run-table--header", "run-table--cursor"}  # noqa: RUF012 - Textual declares it so
    DEFAULT_CSS = """
    RunTable { scrollbar-size-vertical: 1; overflow-x: hidden; overflow-y: auto; }
    RunTable > .run-table--header { background: $surface; color: $text-muted; }
    RunTable > .run-table--cursor { background: $block-cursor-blurred-background; }
    RunTable:focus > .run-table--cursor { background: $block-cursor-background; }
    """

    class Moved(Message):
        """The cursor is on another row."""

    class Opened(Message):
        """A row was chosen with the mouse."""

    class Sorted(Message):
        """The mouse chose another order."""

    class Scrolled(Message):
        """Other rows are on the screen."""

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(id=widget_id)
        self.order = Order()
        self.skip = 0
        self.folded: Collection[str] = ()
        self.marked: Mapping[str, Rgb | None] = {}
        self.marks: Mapping[str, str] = {}
        self._runs: Sequence[Run] = ()
        self._rows: list[Row] = []
        self._columns: list[Column] = []
        self._now = 0.0
        self._cursor = 0
        self._strips: dict[str, tuple[object, Strip]] = {}
        self._seen: tuple[str, ...] = ()
        self._named: tuple[list[str], list[str], list[str]] = ([], [], [])
        self._names = self._grouped_names = Shortener(())
        self._name_widths: Sequence[int] = (0, 0)
        self._numbers: Mapping[str, int] = {}
        self._header_drawn: object = None

    # -- what is shown -----------------------------------------------------------------------------------------------

    @property
    def row_count(self) -> int:
        """Lines without the header."""
        return len(self._rows)

    @property
    def lines_needed(self) -> int:
        """Lines that it takes to show all rows, with the header."""
        return len(self._rows) + _HEADER

    @property
    def rows(self) -> Sequence[Row]:
        """Runs and folded groups, from the top."""
        return self._rows

    @property
    def selected(self) -> Row | None:
        """The row under the cursor; None in an empty table."""
        return self._rows[self._cursor] if 0 <= self._cursor < len(self._rows) else None

    @property
    def selected_id(self) -> str | None:
        """The key of the row under the cursor."""
        return self.selected.id if self.selected else None

    @property
    def visible_runs(self) -> tuple[str, ...]:
        """Ids of the runs on the screen."""
        top = round(self.scroll_y)
        return tuple(
            row.id for row in self._rows[top : top + max(self.size.height - _HEADER, 0)] if isinstance(row, Run)
        )

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
        before, selected = self._rows, self.selected_id
        self._rows = arrange(self._in_order(runs, columns), self.folded)
        self._keep_cursor(selected)
        self._forget_lines()
        self.virtual_size = Size(self.size.width, len(self._rows) + _HEADER)
        if not fits or [row.id for row in before] != [row.id for row in self._rows]:
            self.refresh()
            self._report_seen()
        else:
            self._refresh_changed()
            if self._header_drawn != self.order:
                self.refresh(Region(0, 0, self.size.width, _HEADER))
        if self.selected_id != selected:
            self.post_message(self.Moved())

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

    def _keep_cursor(self, selected: str | None) -> None:
        ids = [row.id for row in self._rows]
        if selected in ids:
            self._cursor = ids.index(selected)
        else:
            self._cursor = min(max(self._cursor, 0), max(len(ids) - 1, 0))

    def _forget_lines(self) -> None:
        if len(self._strips) > 4 * max(self.size.height, 1):
            self._strips.clear()

    def _refresh_changed(self) -> None:
        """Draw the lines on the screen and repaint those that differ."""
        top = round(self.scroll_y)
        for y in range(_HEADER, self.size.height):
            at = top + y - _HEADER
            if at < len(self._rows):
                before, now = self._strips.get(self._rows[at].id), self._strip(at)
                if before is None:
                    self.refresh(Region(0, y, self.size.width, 1))
                elif now is not before[1] and (span := changed_span(list(before[1]), list(now), self.size.width)):
                    self.refresh(Region(span[0], y, span[1], 1))

    def restyle(self) -> None:
        """Draw everything again in other colours."""
        self._strips.clear()
        self.refresh()

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

    def render_line(self, y: int) -> Strip:
        if y < _HEADER:
            return self._header()
        at = round(self.scroll_y) + y - _HEADER
        if at >= len(self._rows):
            return Strip.blank(self.size.width, self.visual_style.rich_style)
        return self._strip(at)

    def _header(self) -> Strip:
        style = self.get_component_rich_style("run-table--header")
        self._header_drawn = self.order
        text = " " * _MARK_WIDTH
        for column in self._columns:
            arrow = ("▾" if self.order.descending else "▴") if column.key == self.order.key else ""
            title = f"{column.title}{arrow}"[: column.width + 1]
            text += f" {title:>{column.width}} " if column.right else f" {title:<{column.width}} "
        return Strip([Segment(text, style)]).adjust_cell_length(self.size.width, style)

    def _strip(self, at: int) -> Strip:
        row, on_cursor = self._rows[at], at == self._cursor
        age = age_text(self._now - row.created) if isinstance(row, Run) else ""
        fits = tuple((column.key, column.width) for column in self._columns)
        mark = self._mark(row)
        drawn_for = (row, age, fits, on_cursor, self.has_focus, mark, self.size.width)
        kept = self._strips.get(row.id)
        if kept is not None and kept[0] == drawn_for:
            return kept[1]
        style = self.visual_style.rich_style
        if on_cursor:
            style += self.get_component_rich_style("run-table--cursor")
        strip = self._draw(row, mark, style)
        self._strips[row.id] = (drawn_for, strip)
        return strip

    def _mark(self, row: Row) -> tuple[str, Rgb | None]:
        if isinstance(row, GroupRow):
            marked = sum(run.id in self.marked for run in row.runs)
            return (SMALL_MARK if marked else " "), None
        if row.id not in self.marked:
            return " ", None
        colour = self.marked[row.id]
        return (SMALL_MARK if colour is None else self.marks.get(row.id, MARK)), colour

    def _draw(self, row: Row, mark: tuple[str, Rgb | None], style: Style) -> Strip:
        look = look_of(self.app)
        line = Text().append(mark[0].ljust(_MARK_WIDTH), style=style_of(mark[1]) if mark[1] else look.faint)
        if isinstance(row, GroupRow):
            line.append(" ").append_text(row.draw(look, max(self.size.width - _MARK_WIDTH - PADDING, 1)))
        else:
            for column in self._columns:
                line.append(" ").append_text(self._cell(column, row, look)).append(" ")
        segments = [segment for segment in line.render(self.app.console) if segment.text]
        strip = Strip(Segment.apply_style(segments, style))
        return strip.adjust_cell_length(self.size.width, style).simplify()

    def _cell(self, column: Column, run: Run, look: Look) -> Text:
        if column.key != "name":
            return column.draw(run, self._now, look)
        names = self._names if _has_groups(self._columns) else self._grouped_names
        cell = Text(names.short(self._numbers[run.id], column.width))
        cell.align("left", column.width)
        return cell

    @property
    def look(self) -> Look:
        """How it is drawn by hand."""
        return look_of(self.app)

    # -- moving ------------------------------------------------------------------------------------------------------

    def move_to(self, at: int) -> None:
        """Put the cursor on a row and bring it into view."""
        if not self._rows:
            return
        before, self._cursor = self._cursor, min(max(at, 0), len(self._rows) - 1)
        self._show_cursor()
        if before != self._cursor:
            self._refresh_changed()
            self.post_message(self.Moved())

    def _show_cursor(self) -> None:
        page, top = max(self.size.height - _HEADER, 1), round(self.scroll_y)
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False, immediate=True)
        elif self._cursor >= top + page:
            self.scroll_to(y=self._cursor - page + 1, animate=False, immediate=True)

    def action_cursor_down(self) -> None:
        self.move_to(self._cursor + 1)

    def action_cursor_up(self) -> None:
        self.move_to(self._cursor - 1)

    def action_page_down(self) -> None:
        self.move_to(self._cursor + max(self.size.height - _HEADER - 1, 1))

    def action_page_up(self) -> None:
        self.move_to(self._cursor - max(self.size.height - _HEADER - 1, 1))

    def action_scroll_top(self) -> None:
        self.move_to(0)

    def action_scroll_bottom(self) -> None:
        self.move_to(len(self._rows) - 1)

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
        self._show_cursor()
        self._report_seen()

    def on_focus(self) -> None:
        self._refresh_changed()

    def on_blur(self) -> None:
        self._refresh_changed()

    def on_click(self, event: events.Click) -> None:
        if event.y < _HEADER:
            self._click_header(event.x)
            return
        at = round(self.scroll_y) + event.y - _HEADER
        if at < len(self._rows):
            again = at == self._cursor and event.chain > 1
            self.move_to(at)
            if again:
                self.post_message(self.Opened())

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
