"""A log to scroll and to search in."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from cr_tui.dashboard.keys import keymap
from cr_tui.dashboard.theme import Look, look_of, rgb
from cr_tui.render.cells import style_of
from cr_tui.text import clean

_LEVELS = (
    (re.compile(r"\b(error|critical|fatal|traceback|exception)\b|\w+(Error|Exception):", re.IGNORECASE), "error"),
    (re.compile(r"\b(warn|warning)\b|\w+Warning:", re.IGNORECASE), "warning"),
    (re.compile(r"\b(debug|trace)\b", re.IGNORECASE), "debug"),
)
_LEVEL_CHARACTERS = 400
"""The level of a line is looked for in so many of its first characters."""
_SIDEWAYS = 16
_DATE_FORMAT, _DATE_WIDTH = "%m-%d %H:%M:%S", 15


class LogPane(ScrollView, can_focus=True, inherit_bindings=False):
    """Draws only the lines on the screen. While it shows the end of the log, it stays at the end as the log grows."""

    BINDINGS = keymap.bindings("table")
    DEFAULT_CSS = """
    LogPane { height: 1fr; padding: 0 1; scrollbar-size-vertical: 1; overflow-x: hidden; overflow-y: auto; }
    """

    class Moved(Message):
        """Other lines are on the screen, or following began or ended."""

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(id=widget_id)
        self.following = True
        self.wraps = False
        self.dated = False
        self.pattern = ""
        self._lines: Sequence[str] = ()
        self._times: Sequence[float | None] = ()
        self._starts: NDArray[np.intp] | None = None
        self._left = 0
        self._match: int | None = None

    # -- what is shown -----------------------------------------------------------------------------------------------

    @property
    def visible_lines(self) -> list[str]:
        """The lines on the screen, cleaned."""
        first = self._line_at(round(self.scroll_y))
        return [clean(line) for line in self._lines[first : self.last_visible]]

    @property
    def last_visible(self) -> int:
        """How many lines there are down to the lowest on the screen."""
        lowest = min(round(self.scroll_y) + self.content_size.height, self._rows) - 1
        return self._line_at(lowest) + 1 if self._lines else 0

    @property
    def times(self) -> Sequence[float | None]:
        """When each line was written, as far as that is known."""
        return self._times

    @property
    def matches(self) -> list[int]:
        """Numbers of the lines that have the searched text."""
        wanted = self.pattern.lower()
        return [number for number, line in enumerate(self._lines) if wanted in line.lower()] if wanted else []

    @property
    def match(self) -> int | None:
        """Number of the line that was last gone to."""
        return self._match

    def show_lines(self, lines: Sequence[str], fallen: int = 0, times: Sequence[float | None] = ()) -> None:
        """Show other lines, oldest first.

        Args:
            lines: all there are.
            fallen: how many lines at the beginning of those before are no longer among them.
            times: when each was written, seconds since 1970; None where that is not known, empty if of none.
        """
        top = round(self.scroll_y)
        first, part = self._line_at(top), top - self._row_of(self._line_at(top))
        before, self._lines, self._times = self._lines, lines, times
        self._match = None if self._match is None or self._match < fallen else self._match - fallen
        self._measure()
        if self.following:
            self.scroll_to(y=max(self._rows - self.content_size.height, 0), animate=False, immediate=True)
        elif fallen:
            self.scroll_to(y=self._row_of(max(first - fallen, 0)) + part, animate=False, immediate=True)
        if list(before) != list(lines):
            self.refresh()

    def search(self, pattern: str) -> None:
        """Mark a text wherever it is; case does not matter."""
        self.pattern = pattern
        self._match = None
        self.refresh()

    def go_to_match(self, by: int) -> bool:
        """Go to the next line with the searched text, or with ``by`` < 0 the previous; return whether there is one."""
        return self._go_to_one_of(self.matches, by)

    def go_to_error(self, by: int) -> bool:
        """Go to the next line that looks like an error, or the previous; return whether there is one."""
        return self._go_to_one_of([at for at, line in enumerate(self._lines) if _level(line) == "error"], by)

    def _go_to_one_of(self, numbers: Sequence[int], by: int) -> bool:
        if not numbers:
            return False
        here = self._match
        if here is None:
            here = self._line_at(round(self.scroll_y)) - 1 if by > 0 else self.last_visible
        if by > 0:
            self._match = next((number for number in numbers if number > here), numbers[0])
        else:
            self._match = next((number for number in reversed(numbers) if number < here), numbers[-1])
        self._go(self._row_of(self._match) - self.content_size.height // 2)
        self.refresh()
        return True

    def go_sideways(self, by: int) -> None:
        """Scroll sideways by a few cells."""
        self._left = max(self._left + by * _SIDEWAYS, 0)
        self.refresh()

    def wrap(self, wanted: bool) -> None:
        """Break long lines at the edge, or cut them."""
        self._show_otherwise(wraps=wanted)

    def date(self, wanted: bool) -> None:
        """Put before each line when it was written, as far as that is known, or not."""
        self._show_otherwise(dated=wanted)

    def _show_otherwise(self, *, wraps: bool | None = None, dated: bool | None = None) -> None:
        first = self._line_at(round(self.scroll_y))
        self.wraps = self.wraps if wraps is None else wraps
        self.dated = self.dated if dated is None else dated
        self._left = 0
        self._measure()
        self._go(self._rows if self.following else self._row_of(first))
        self.refresh()

    # -- lines and rows ----------------------------------------------------------------------------------------------

    @property
    def _text_width(self) -> int:
        return max(self.content_size.width - (_DATE_WIDTH if self.dated else 0), 1)

    def _measure(self) -> None:
        """Find out on which row of the screen each line begins."""
        self._starts = None
        if self.wraps and self._lines:
            width = self._text_width
            cells = np.fromiter(map(_cells, self._lines), np.intp, len(self._lines))
            self._starts = np.concatenate([[0], np.cumsum(np.maximum(-(-cells // width), 1))])
        self.virtual_size = Size(self.content_size.width, self._rows)

    @property
    def _rows(self) -> int:
        return len(self._lines) if self._starts is None else int(self._starts[-1])

    def _row_of(self, line: int) -> int:
        return line if self._starts is None else int(self._starts[min(max(line, 0), len(self._starts) - 1)])

    def _line_at(self, row: int) -> int:
        if self._starts is None:
            return row
        return min(max(int(np.searchsorted(self._starts, row, "right")) - 1, 0), len(self._lines) - 1)

    def render_line(self, y: int) -> Strip:
        style = self.visual_style.rich_style
        row, width = round(self.scroll_y) + y, self.content_size.width
        if row >= self._rows:
            return Strip.blank(width, style)
        look, at = look_of(self.app), self._line_at(row)
        line, part = self._lines[at], row - self._row_of(self._line_at(row))
        segments = self._marked(self._piece(line, part), style + _level_style(line, look), look, at == self._match)
        if self.dated:
            segments.insert(0, Segment(self._date(at) if part == 0 else " " * _DATE_WIDTH, style + _faint(look)))
        return Strip(segments).adjust_cell_length(width, style)

    def _piece(self, line: str, part: int) -> str:
        """What stands of a line on one row."""
        width = self._text_width
        if self._starts is None:
            return clean(line, self._left + width)[self._left :]
        pieces = chop_cells(clean(line), width)
        return pieces[part] if part < len(pieces) else ""

    def _date(self, at: int) -> str:
        written = self._times[at] if at < len(self._times) else None
        text = "" if written is None else time.strftime(_DATE_FORMAT, time.localtime(written))
        return text.ljust(_DATE_WIDTH)

    def _marked(self, text: str, style: Style, look: Look, here: bool) -> list[Segment]:
        """The text with every occurrence of the searched text in reverse colours; where it is now also underlined."""
        if not self.pattern:
            return [Segment(text, style + Style(bold=here))]
        found = style + style_of(rgb(look.key if here else look.heading)) + Style(reverse=True, underline=here)
        parts = re.split(f"({re.escape(clean(self.pattern))})", text, flags=re.IGNORECASE)
        return [Segment(part, found if number % 2 else style) for number, part in enumerate(parts) if part]

    # -- moving ------------------------------------------------------------------------------------------------------

    def follow(self, wanted: bool) -> None:
        """Begin or end staying at the end as the log grows."""
        self.following = wanted
        if wanted:
            self._go(self._rows)
            self.following = True
        self.post_message(self.Moved())

    def _go(self, y: int) -> None:
        last = max(self._rows - self.content_size.height, 0)
        y = min(max(y, 0), last)
        self.following = y >= last
        self.scroll_to(y=y, animate=False, immediate=True)
        self.post_message(self.Moved())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if round(new_value) < max(self._rows - self.content_size.height, 0) and new_value < old_value:
            # Scrolled by the wheel or the scrollbar.
            self.following = False
        self.post_message(self.Moved())

    def action_cursor_down(self) -> None:
        self._go(round(self.scroll_y) + 1)

    def action_cursor_up(self) -> None:
        self._go(round(self.scroll_y) - 1)

    def action_page_down(self) -> None:
        self._go(round(self.scroll_y) + max(self.content_size.height - 1, 1))

    def action_page_up(self) -> None:
        self._go(round(self.scroll_y) - max(self.content_size.height - 1, 1))

    def action_scroll_top(self) -> None:
        self._go(0)

    def action_scroll_bottom(self) -> None:
        self._go(self._rows)

    def on_resize(self) -> None:
        self.show_lines(self._lines, 0, self._times)
        self.refresh()


def _cells(line: str) -> int:
    return len(line) if line.isascii() else cell_len(clean(line))


def _level(line: str) -> str | None:
    """``error``, ``warning`` or ``debug``; None for other lines."""
    start = line[:_LEVEL_CHARACTERS]
    return next((level for pattern, level in _LEVELS if pattern.search(start)), None)


def _level_style(line: str, look: Look) -> Style:
    """The style of a line's level; empty for lines without one."""
    level = _level(line)
    colours = {"error": look.error, "warning": look.alert, "debug": look.faint}
    return style_of(rgb(colours[level])) if level else Style()


def _faint(look: Look) -> Style:
    return style_of(rgb(look.faint))
