"""Settings with their values, one a line. Only the lines on the screen are drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.text import Text
from textual import events
from textual.geometry import Offset, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from cr_tui.dashboard.keys import keymap
from cr_tui.dashboard.model.draft import Entry, Line, SectionHeading
from cr_tui.dashboard.theme import look_of
from cr_tui.text import clean
from engine.runs.specification.keys import split_values

_MARK_WIDTH = 2
_CHANGED, _WRONG = "•", "✗"
_MOST_LABEL = 28
_LEAST_VALUE, _TYPED_VALUE, _MOST_VALUE = 16, 24, 44
_AROUND_CHOICE = 4
"""Cells that the arrows around a value take."""
_GAP = 2


class SettingList(ScrollView, can_focus=True, inherit_bindings=False):
    """Lists settings. Values that differ from the preset are emphasised; an error stands beside its value.

    Args:
        moved_to: called with the key of the setting that the cursor has moved to.
    """

    BINDINGS = keymap.bindings("table")
    COMPONENT_CLASSES = {"setting-list--cursor"}  # noqa: RUF012 - Textual declares it so
    DEFAULT_CSS = """
    SettingList { scrollbar-size-vertical: 1; overflow-x: hidden; overflow-y: auto; }
    SettingList > .setting-list--cursor { background: $block-cursor-blurred-background; }
    SettingList:focus > .setting-list--cursor { background: $block-cursor-background; }
    """

    class Moved(Message):
        """The cursor is on another setting, or the list scrolled."""

    class Opened(Message):
        """A setting was chosen with the mouse."""

    def __init__(self, moved_to: Callable[[str], None], *, widget_id: str | None = None) -> None:
        super().__init__(id=widget_id)
        self._moved_to = moved_to
        self._lines: Sequence[Line] = ()
        self._errors: Mapping[str, str] = {}
        self._first_name = ""
        self._longest = 0
        self._cursor = 0

    # -- what is shown -----------------------------------------------------------------------------------------------

    @property
    def selected(self) -> Entry | None:
        """The setting under the cursor."""
        line = self._lines[self._cursor] if 0 <= self._cursor < len(self._lines) else None
        return line if isinstance(line, Entry) else None

    @property
    def value_place(self) -> tuple[Offset, int]:
        """Where the value under the cursor is drawn, and its width in cells."""
        _, value, _ = self._widths
        return Offset(self._value_left, self._cursor - round(self.scroll_y)), value

    def show(
        self, lines: Sequence[Line], cursor: str, errors: Mapping[str, str], first_name: str, *, follow: bool = True
    ) -> None:
        """List settings.

        Args:
            cursor: key of the setting to put the cursor on; if it is not listed, the cursor goes to the nearest.
            errors: what is wrong, by key.
            first_name: name of the first run, shown if no name is set.
            follow: whether to bring the cursor into view.
        """
        self._lines, self._errors, self._first_name = lines, errors, first_name
        values = [self._shown_value(line) for line in lines if isinstance(line, Entry)]
        self._longest = max((cell_len(clean(value)) for value in values), default=0)
        keys = [line.setting.key if isinstance(line, Entry) else None for line in lines]
        if cursor in keys:
            self._cursor = keys.index(cursor)
        else:
            self._cursor = self._nearest(min(self._cursor, max(len(lines) - 1, 0)), 1)
        self.virtual_size = Size(self.size.width, len(lines))
        if follow:
            self._show_cursor()
        self.refresh()

    @property
    def _widths(self) -> tuple[int, int, int]:
        """Cells for name, value and explanation."""
        room = max(self.scrollable_content_region.width - _MARK_WIDTH, 1)
        labels = [len(line.label) for line in self._lines if isinstance(line, Entry)]
        label = min(max(labels, default=0), _MOST_LABEL) + _GAP
        # Long explanations need what values leave; a value that is typed has some room in any case.
        wanted = max(self._longest + _AROUND_CHOICE, _TYPED_VALUE)
        value = min(max((room - label) * 2 // 5, _LEAST_VALUE), _MOST_VALUE, wanted)
        return label, value, max(room - label - value - _GAP, 0)

    @property
    def _value_left(self) -> int:
        return _MARK_WIDTH + self._widths[0]

    # -- drawing -----------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        at, style = round(self.scroll_y) + y, self.visual_style.rich_style
        if at >= len(self._lines):
            return Strip.blank(self.size.width, style)
        line = self._lines[at]
        if isinstance(line, SectionHeading):
            look = look_of(self.app)
            text = Text(" " * _MARK_WIDTH).append(clean(line.text), style=look.faint if line.minor else look.heading)
        else:
            text = self._draw(line, at == self._cursor)
        if at == self._cursor:
            style += self.get_component_rich_style("setting-list--cursor")
        segments = [segment for segment in text.render(self.app.console) if segment.text]
        return Strip(Segment.apply_style(segments, style)).adjust_cell_length(self.size.width, style).simplify()

    def _draw(self, entry: Entry, on_cursor: bool) -> Text:
        look = look_of(self.app)
        label, value, note = self._widths
        error = self._errors.get(entry.setting.key, "")
        mark = _WRONG if error else _CHANGED if entry.text else ""
        line = Text().append(mark.ljust(_MARK_WIDTH), style=look.error if error else look.key)
        line.append(clean(entry.label, label - _GAP).ljust(label), style="" if on_cursor else look.faint)
        shown = self._shown_value(entry)
        if on_cursor and entry.setting.choices and self.has_focus:
            shown = f"‹ {shown} ›"
        style = look.error if error else f"bold {look.key}" if entry.text else "" if entry.value else look.faint
        cut = clean(shown, value)
        line.append(cut, style=style).append(" " * (value - Text(cut).cell_len + _GAP))
        if error:
            return line.append(clean(error, note), style=look.error)
        several = len(split_values(entry.text)) if entry.text and entry.setting.key not in ("name", "group") else 1
        if several > 1 and entry.setting.key != "seed":
            line.append(f"{several} values  ", style=look.key)
            note -= Text(f"{several} values  ").cell_len
        return line.append(clean(entry.setting.help, max(note, 0)), style=look.faint)

    def _shown_value(self, entry: Entry) -> str:
        if entry.setting.key == "name" and not entry.text:
            return self._first_name or "–"
        return entry.value or "–"

    # -- moving ------------------------------------------------------------------------------------------------------

    def move_to(self, at: int, towards: int = 1) -> None:
        """Put the cursor on a setting and bring it into view; headings are passed over."""
        if not self._lines:
            return
        self._cursor = self._nearest(min(max(at, 0), len(self._lines) - 1), towards)
        self._show_cursor()
        self.refresh()
        if self.selected is not None:
            self._moved_to(self.selected.setting.key)
        self.post_message(self.Moved())

    def _nearest(self, at: int, towards: int) -> int:
        """The line of the nearest setting in a direction, or else in the other direction."""
        there = [number for number, line in enumerate(self._lines) if isinstance(line, Entry)]
        ahead = [number for number in there if (number - at) * towards >= 0]
        return min(ahead or there, key=lambda number: abs(number - at), default=0)

    def _show_cursor(self) -> None:
        page, top = max(self.size.height, 1), round(self.scroll_y)
        if self._cursor < top:
            # One line more, so that the heading above the first settings is seen.
            self.scroll_to(y=max(self._cursor - 1, 0), animate=False, immediate=True)
        elif self._cursor >= top + page:
            self.scroll_to(y=self._cursor - page + 1, animate=False, immediate=True)

    def action_cursor_down(self) -> None:
        self.move_to(self._cursor + 1)

    def action_cursor_up(self) -> None:
        self.move_to(self._cursor - 1, -1)

    def action_page_down(self) -> None:
        self.move_to(self._cursor + max(self.size.height - 1, 1))

    def action_page_up(self) -> None:
        self.move_to(self._cursor - max(self.size.height - 1, 1), -1)

    def action_scroll_top(self) -> None:
        self.move_to(0)

    def action_scroll_bottom(self) -> None:
        self.move_to(len(self._lines) - 1, -1)

    # -- events ------------------------------------------------------------------------------------------------------

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self.post_message(self.Moved())

    def on_resize(self, event: events.Resize) -> None:
        """Draw everything in the new width, with the cursor in view."""
        self.virtual_size = Size(self.size.width, len(self._lines))
        self._show_cursor()
        self.refresh()
        self.post_message(self.Moved())

    def on_click(self, event: events.Click) -> None:
        at = round(self.scroll_y) + event.y
        if at < len(self._lines) and isinstance(self._lines[at], Entry):
            again = at == self._cursor
            self.move_to(at)
            if again:
                self.post_message(self.Opened())
