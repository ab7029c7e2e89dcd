"""A table of one line a row, with a cursor."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from cr_tui.dashboard.keys import keymap
from cr_tui.dashboard.shared.changes import changed_span
from cr_tui.dashboard.theme import Look, look_of

HEADER = 1
"""Lines above the rows."""
_KEPT_SCREENS = 4
"""So many times the lines on the screen are kept as they were drawn."""


class LineTable(ScrollView, can_focus=True, inherit_bindings=False):
    """Rows under a header. Only rows on the screen are drawn, so that thousands cost no more than a few, and only what
    has changed is sent to the terminal. The cursor stays on its row when the order changes.
    """

    BINDINGS = keymap.bindings("table")
    COMPONENT_CLASSES = {"line-table--header", "line-table--cursor"}  # noqa: RUF012 - Textual declares it so
    DEFAULT_CSS = """
    LineTable { scrollbar-size-vertical: 1; overflow-x: hidden; overflow-y: auto; }
    LineTable > .line-table--header { background: $surface; color: $text-muted; }
    LineTable > .line-table--cursor { background: $block-cursor-blurred-background; }
    LineTable:focus > .line-table--cursor { background: $block-cursor-background; }
    """

    class Moved(Message):
        """The cursor is on another row."""

    class Opened(Message):
        """A row was chosen with the mouse."""

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(id=widget_id)
        self._ids: list[str] = []
        self._cursor = 0
        self._strips: dict[str, tuple[object, Strip]] = {}

    # -- for subclasses to fill in -----------------------------------------------------------------------------------

    @abstractmethod
    def header_text(self) -> str:
        """The header."""

    @abstractmethod
    def drawn_for(self, at: int) -> object:
        """All that decides how a row looks, the cursor and the width of the table apart."""

    @abstractmethod
    def row_segments(self, at: int) -> Iterable[Segment]:
        """A row from the left; its colours lie on those of the table, or of the cursor."""

    # -- for subclasses to use ---------------------------------------------------------------------------------------

    @property
    def row_ids(self) -> Sequence[str]:
        """The keys of the rows, from the top."""
        return self._ids

    @property
    def row_count(self) -> int:
        """Lines without the header."""
        return len(self._ids)

    @property
    def lines_needed(self) -> int:
        """Lines that it takes to show all rows, with the header."""
        return len(self._ids) + HEADER

    @property
    def cursor_row(self) -> int:
        """The place of the row under the cursor, from 0."""
        return self._cursor

    @property
    def selected_id(self) -> str | None:
        """The key of the row under the cursor; None in an empty table."""
        return self._ids[self._cursor] if 0 <= self._cursor < len(self._ids) else None

    @property
    def visible_rows(self) -> range:
        """The places of the rows on the screen."""
        top = round(self.scroll_y)
        return range(top, min(top + max(self.size.height - HEADER, 0), len(self._ids)))

    @property
    def look(self) -> Look:
        """How it is drawn by hand."""
        return look_of(self.app)

    def list_rows(self, ids: Sequence[str], width: int, *, anew: bool) -> None:
        """List rows, and paint those on the screen that look otherwise than before.

        Args:
            ids: their keys, from the top.
            width: cells that a row takes.
            anew: whether the header, too, or the place of columns has changed.
        """
        before, selected = self._ids, self.selected_id
        self._ids = list(ids)
        self._keep_cursor(selected)
        if len(self._strips) > _KEPT_SCREENS * max(self.size.height, 1):
            self._strips.clear()
        self.virtual_size = Size(width, len(ids) + HEADER)
        if anew or before != self._ids:
            self.refresh()
        else:
            self._refresh_changed()
        if self.selected_id != selected:
            self.post_message(self.Moved())

    def restyle(self) -> None:
        """Draw everything again in other colours."""
        self._strips.clear()
        self.refresh()

    def _keep_cursor(self, selected: str | None) -> None:
        if selected in self._ids:
            self._cursor = self._ids.index(selected)
        else:
            self._cursor = min(max(self._cursor, 0), max(len(self._ids) - 1, 0))

    def _refresh_changed(self) -> None:
        """Draw the lines on the screen and repaint those that differ."""
        for y, at in enumerate(self.visible_rows, HEADER):
            before, now = self._strips.get(self._ids[at]), self._strip(at)
            if before is None:
                self.refresh(Region(0, y, self.size.width, 1))
            elif now is not before[1] and (span := changed_span(list(before[1]), list(now), self.size.width)):
                self.refresh(Region(span[0], y, span[1], 1))

    # -- drawing -----------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        if y < HEADER:
            style = self.get_component_rich_style("line-table--header")
            return Strip([Segment(self.header_text(), style)]).adjust_cell_length(self.size.width, style)
        at = round(self.scroll_y) + y - HEADER
        if at >= len(self._ids):
            return Strip.blank(self.size.width, self.visual_style.rich_style)
        return self._strip(at)

    def _strip(self, at: int) -> Strip:
        on_cursor, row_id = at == self._cursor, self._ids[at]
        drawn_for = (self.drawn_for(at), on_cursor, self.has_focus, self.size.width)
        kept = self._strips.get(row_id)
        if kept is not None and kept[0] == drawn_for:
            return kept[1]
        style: Style = self.visual_style.rich_style
        if on_cursor:
            style += self.get_component_rich_style("line-table--cursor")
        segments = [segment for segment in self.row_segments(at) if segment.text]
        strip = Strip(Segment.apply_style(segments, style))
        strip = strip.adjust_cell_length(self.size.width, style).simplify()
        self._strips[row_id] = (drawn_for, strip)
        return strip

    # -- moving ------------------------------------------------------------------------------------------------------

    def move_to(self, at: int) -> None:
        """Put the cursor on a row and bring it into view."""
        if not self._ids:
            return
        before, self._cursor = self._cursor, min(max(at, 0), len(self._ids) - 1)
        self.show_cursor()
        if before != self._cursor:
            self._refresh_changed()
            self.post_message(self.Moved())

    def show_cursor(self) -> None:
        """Scroll until the row under the cursor is on the screen."""
        page, top = max(self.size.height - HEADER, 1), round(self.scroll_y)
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False, immediate=True)
        elif self._cursor >= top + page:
            self.scroll_to(y=self._cursor - page + 1, animate=False, immediate=True)

    def action_cursor_down(self) -> None:
        self.move_to(self._cursor + 1)

    def action_cursor_up(self) -> None:
        self.move_to(self._cursor - 1)

    def action_page_down(self) -> None:
        self.move_to(self._cursor + max(self.size.height - HEADER - 1, 1))

    def action_page_up(self) -> None:
        self.move_to(self._cursor - max(self.size.height - HEADER - 1, 1))

    def action_scroll_top(self) -> None:
        self.move_to(0)

    def action_scroll_bottom(self) -> None:
        self.move_to(len(self._ids) - 1)

    # -- events ------------------------------------------------------------------------------------------------------

    def on_focus(self) -> None:
        self._refresh_changed()

    def on_blur(self) -> None:
        self._refresh_changed()

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the row that was clicked; a second click opens it."""
        at = round(self.scroll_y) + event.y - HEADER
        if event.y >= HEADER and at < len(self._ids):
            again = at == self._cursor and event.chain > 1
            self.move_to(at)
            if again:
                self.post_message(self.Opened())
