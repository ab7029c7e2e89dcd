"""A log to scroll and to search in."""

from __future__ import annotations

import re
from collections.abc import Sequence

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
        self.pattern = ""
        self._lines: Sequence[str] = ()
        self._left = 0
        self._match: int | None = None

    # -- what is shown -----------------------------------------------------------------------------------------------

    @property
    def visible_lines(self) -> list[str]:
        """The lines on the screen, cleaned."""
        top = round(self.scroll_y)
        return [clean(line) for line in self._lines[top : top + self.content_size.height]]

    @property
    def matches(self) -> list[int]:
        """Numbers of the lines that have the searched text."""
        wanted = self.pattern.lower()
        return [number for number, line in enumerate(self._lines) if wanted in line.lower()] if wanted else []

    @property
    def match(self) -> int | None:
        """Number of the line that was last gone to by a search."""
        return self._match

    def show_lines(self, lines: Sequence[str], fallen: int = 0) -> None:
        """Show other lines, oldest first.

        Args:
            lines: all there are.
            fallen: how many lines at the beginning of those before are no longer among them.
        """
        before, self._lines = self._lines, lines
        self._match = None if self._match is None or self._match < fallen else self._match - fallen
        self.virtual_size = Size(self.content_size.width, len(lines))
        if self.following:
            self.scroll_to(y=max(len(lines) - self.content_size.height, 0), animate=False, immediate=True)
        elif fallen:
            self.scroll_to(y=max(round(self.scroll_y) - fallen, 0), animate=False, immediate=True)
        if list(before) != list(lines):
            self.refresh()

    def search(self, pattern: str) -> None:
        """Mark a text wherever it is; case does not matter."""
        self.pattern = pattern
        self._match = None
        self.refresh()

    def go_to_match(self, by: int) -> bool:
        """Go to the next line with the searched text, or with ``by`` < 0 the previous; return whether there is one."""
        matches = self.matches
        if not matches:
            return False
        here = self._match
        if here is None:
            here = round(self.scroll_y) + (-1 if by > 0 else self.content_size.height)
        if by > 0:
            self._match = next((number for number in matches if number > here), matches[0])
        else:
            self._match = next((number for number in reversed(matches) if number < here), matches[-1])
        self._go(self._match - self.content_size.height // 2)
        self.refresh()
        return True

    def go_sideways(self, by: int) -> None:
        """Scroll sideways by a few cells."""
        self._left = max(self._left + by * _SIDEWAYS, 0)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        style = self.visual_style.rich_style
        at, width = round(self.scroll_y) + y, self.content_size.width
        if at >= len(self._lines):
            return Strip.blank(width, style)
        look = look_of(self.app)
        line = self._lines[at]
        text = clean(line, self._left + width)[self._left :]
        segments = self._marked(text, style + _level_style(line, look), look, at == self._match)
        return Strip(segments).adjust_cell_length(width, style)

    def _marked(self, text: str, style: Style, look: Look, here: bool) -> list[Segment]:
        """The text with every occurrence of the searched text in reverse colours."""
        if not self.pattern:
            return [Segment(text, style)]
        found = style + style_of(rgb(look.key if here else look.heading)) + Style(reverse=True)
        parts = re.split(f"({re.escape(clean(self.pattern))})", text, flags=re.IGNORECASE)
        return [Segment(part, found if number % 2 else style) for number, part in enumerate(parts) if part]

    # -- moving ------------------------------------------------------------------------------------------------------

    def follow(self, wanted: bool) -> None:
        """Begin or end staying at the end as the log grows."""
        self.following = wanted
        if wanted:
            self._go(len(self._lines))
            self.following = True
        self.post_message(self.Moved())

    def _go(self, y: int) -> None:
        last = max(len(self._lines) - self.content_size.height, 0)
        y = min(max(y, 0), last)
        self.following = y >= last
        self.scroll_to(y=y, animate=False, immediate=True)
        self.post_message(self.Moved())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if round(new_value) < max(len(self._lines) - self.content_size.height, 0) and new_value < old_value:
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
        self._go(len(self._lines))

    def on_resize(self) -> None:
        self.show_lines(self._lines)
        self.refresh()


def _level_style(line: str, look: Look) -> Style:
    """The style of a line's level: error, warning or debug; empty for other lines."""
    colours = {"error": look.error, "warning": look.alert, "debug": look.faint}
    start = line[:_LEVEL_CHARACTERS]
    level = next((level for pattern, level in _LEVELS if pattern.search(start)), None)
    return style_of(rgb(colours[level])) if level else Style()
