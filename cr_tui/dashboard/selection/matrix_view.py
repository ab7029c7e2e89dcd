"""A matrix of models against models, of which only the window that is on the screen is drawn."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from cr_tui.dashboard.keys import keymap
from cr_tui.dashboard.theme import look_of, rgb
from cr_tui.render.cells import style_of
from cr_tui.render.matrices.matrix import (
    SIZES,
    Line,
    MatrixInk,
    MatrixPicture,
    MatrixWindow,
    fitting,
    header_line,
    legend_line,
    value_line,
)

_ABOVE = 2
"""Lines above the values: what rows and columns are, and the numbers of the columns."""
_BELOW = 1
"""The legend."""
_PAGE = 10
_WHEEL = 3


class MatrixView(Widget, can_focus=True):
    """Cross-scores with a cursor that keys and mouse move. Draws only lines that have changed."""

    BINDINGS = keymap.bindings("matrix")

    @dataclass
    class Moved(Message):
        """The cursor was moved, by whoever has the matrix before them."""

        row: int
        column: int

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(id=widget_id)
        self._picture: MatrixPicture | None = None
        self._cursor = (0, 0)
        self._first = (0, 0)
        self._zoom: int | None = None

    # -- what is shown -----------------------------------------------------------------------------------------------

    def show(self, picture: MatrixPicture | None) -> None:
        """Show another matrix; the cursor stays at its place where there still is one."""
        self._picture = picture
        last = max((picture.size if picture else 1) - 1, 0)
        self._cursor = (min(self._cursor[0], last), min(self._cursor[1], last))
        self.refresh()

    def point(self, row: int, column: int | None = None) -> None:
        """Put the cursor somewhere."""
        if self._picture is None or not self._picture.size:
            return
        last = self._picture.size - 1
        column = self._cursor[1] if column is None else column
        before, window = self._cursor, self.window
        self._cursor = (min(max(row, 0), last), min(max(column, 0), last))
        if window is None or before == self._cursor:
            return
        now = self.window
        assert now is not None, "there is a picture"
        if (now.rows, now.columns) != (window.rows, window.columns):
            self.refresh()
            return
        width, left, top = self.content_size.width, self.gutter.left, self.gutter.top
        firsts = (window.line_of(before[0]), window.line_of(self._cursor[0]))
        lines = {1, *(_ABOVE + first + line for first in firsts for line in range(window.lines_of_a_row))}
        self.refresh(*(Region(left, top + line, width, 1) for line in lines))

    @property
    def cursor(self) -> tuple[int, int]:
        """Row and column of the cursor."""
        return self._cursor

    @property
    def window(self) -> MatrixWindow | None:
        """The part that is on the screen; None while there is nothing, or no room."""
        width, height = self.content_size
        if self._picture is None or not self._picture.size or width < 1 or height <= _ABOVE + _BELOW:
            return None
        window = fitting(
            self._picture, width, height - _ABOVE - _BELOW, self._cursor, zoom=self._zoom, first=self._first
        )
        self._first = (window.rows[0], window.columns[0])
        return window

    def width_for(self, most: int, height: int) -> int:
        """Cells across that the matrix can use, of ``most``, in a place so high."""
        picture, around = self._picture, self.gutter.width
        if picture is None or most <= around or height <= _ABOVE + _BELOW:
            return most
        window = fitting(picture, most - around, height - _ABOVE - _BELOW, self._cursor, zoom=self._zoom)
        return window.margin + (window.columns[1] - window.columns[0]) * window.cell.across + around

    # -- drawing -----------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        style = self.visual_style.rich_style
        # Values bring their background; only what does not needs that of the widget.
        segments = [
            segment
            if segment.style is not None and segment.style.bgcolor
            else Segment(segment.text, style + segment.style)
            for segment in self._line(y)
        ]
        return Strip(segments).adjust_cell_length(self.size.width, style)

    def _line(self, y: int) -> Line:
        picture, window = self._picture, self.window
        if picture is None or window is None:
            return ()
        look = look_of(self.app)
        ink = MatrixInk(rgb(look.faint), rgb(look.strong), rgb(look.background))
        if y == 0:
            return (Segment(self._caption_of(picture, window), style_of(ink.faint)),)
        if y == 1:
            return header_line(picture, window, ink)
        if y < _ABOVE + window.height:
            return value_line(picture, window, y - _ABOVE, ink)
        if y == _ABOVE + window.height:
            return legend_line(picture, window.margin, self.content_size.width, ink)
        return ()

    def _caption_of(self, picture: MatrixPicture, window: MatrixWindow) -> str:
        """What rows and columns are, and which of them are on the screen."""
        spans = (window.rows, window.columns)
        rows, columns = (f" {first + 1}–{last}" if last - first < picture.size else "" for first, last in spans)
        rows += f" of {picture.size}" if rows and not columns else ""
        columns += f" of {picture.size}" if columns else ""
        caption = f"encoder ↓{rows}  generator →{columns}"
        # The lines about the pair name both as well, the numbers stand here only.
        return caption if cell_len(caption) <= self.content_size.width else f"↓{rows}  →{columns}"

    # -- moving ------------------------------------------------------------------------------------------------------

    def _move(self, down: int, across: int) -> None:
        before = self._cursor
        self.point(self._cursor[0] + down, self._cursor[1] + across)
        if self._cursor != before:
            self.post_message(self.Moved(*self._cursor))

    def action_left(self) -> None:
        self._move(0, -1)

    def action_right(self) -> None:
        self._move(0, 1)

    def action_up(self) -> None:
        self._move(-1, 0)

    def action_down(self) -> None:
        self._move(1, 0)

    def action_page_up(self) -> None:
        self._move(-_PAGE, 0)

    def action_page_down(self) -> None:
        self._move(_PAGE, 0)

    def action_page_left(self) -> None:
        self._move(0, -_PAGE)

    def action_page_right(self) -> None:
        self._move(0, _PAGE)

    def action_first(self) -> None:
        self._move(-self._cursor[0], -self._cursor[1])

    def action_last(self) -> None:
        size = self._picture.size if self._picture else 0
        self._move(size, size)

    def action_mirror(self) -> None:
        """Go to the pair with the parts exchanged."""
        row, column = self._cursor
        self._move(column - row, row - column)

    def zoom(self, by: int) -> None:
        """Draw values larger or smaller."""
        window = self.window
        if window is not None:
            now = SIZES.index(window.cell)
            self._zoom = min(max(now + by, 0), len(SIZES) - 1)
            self.refresh()

    # -- mouse -------------------------------------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        window = self.window
        if window is None:
            return
        at = window.at(event.x - self.gutter.left, event.y - self.gutter.top - _ABOVE, self._cursor)
        if at is not None:
            self._move(at[0] - self._cursor[0], at[1] - self._cursor[1])

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._move(*((0, -_WHEEL) if event.shift else (-_WHEEL, 0)))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._move(*((0, _WHEEL) if event.shift else (_WHEEL, 0)))
