"""The line at the bottom of every screen: the keys that apply now, or for a while what was just done or went wrong."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.binding import ActiveBinding
from textual.screen import Screen
from textual.widgets import Static

from cr_tui.dashboard.theme import look_of
from cr_tui.text import clean

Severity = Literal["information", "warning", "error"]
_SECONDS: dict[Severity, float] = {"information": 5.0, "warning": 8.0, "error": 12.0}
_MOST_NOTICES = 3
_ALWAYS = ("help", "quit")
"""Actions whose keys are listed however little room there is, with the palette, where every other action is."""


@dataclass(frozen=True)
class _Entry:
    key: str
    label: str
    action: str
    pressed: str

    @property
    def width(self) -> int:
        """Cells that it takes, with the gap behind it."""
        return cell_len(self.key) + 1 + cell_len(self.label) + _GAP


_GAP = 1
_PALETTE = _Entry("^p", "Actions", "command_palette", "ctrl+p")


@dataclass(frozen=True)
class _Notice:
    text: str
    severity: Severity
    until: float


class KeyFooter(Static):
    """Lists as many keys as fit, in the order of the key table; keys whose action does not apply are left out.

    A notice takes the place of the keys, so that it covers nothing that is read, and stays on its screen.
    """

    DEFAULT_CSS = """
    KeyFooter { dock: bottom; height: auto; max-height: 6; padding: 0 1; background: $surface; }
    """

    def __init__(self) -> None:
        super().__init__(id="footer")
        self._entries: list[_Entry] = []
        self._notices: list[_Notice] = []
        self._drawn: object = None

    @property
    def labels(self) -> list[str]:
        """The labels of the keys that it lists when it shows no notice, from the left."""
        return [entry.label for entry in self._fitting()]

    @property
    def notices(self) -> list[tuple[str, Severity]]:
        """What it says at present."""
        return [(notice.text, notice.severity) for notice in self._notices]

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._take_bindings)
        self._take_bindings(self.screen)

    def on_resize(self, event: events.Resize) -> None:
        self.redraw()

    def say(self, text: str, severity: Severity) -> None:
        """Show a sentence for some seconds."""
        until = time.monotonic() + _SECONDS[severity]
        self._notices = [notice for notice in self._notices if notice.text != text][1 - _MOST_NOTICES :]
        self._notices.append(_Notice(text, severity, until))
        self.set_timer(_SECONDS[severity], self._forget)
        self.redraw()

    def _forget(self) -> None:
        now = time.monotonic()
        self._notices = [notice for notice in self._notices if notice.until > now]
        self.redraw()

    def _take_bindings(self, screen: Screen[object]) -> None:
        if not self.is_attached or (not screen.is_current and self._entries):
            return
        self._entries = [_entry(active) for active in _once(screen)]
        self.redraw()

    def redraw(self) -> None:
        """Draw the line again, if anything differs."""
        look, width = look_of(self.app), self.content_size.width
        if not width:
            return
        drawn = (look.theme.name, width, tuple(self._entries), tuple(self._notices))
        if drawn == self._drawn:
            return
        self._drawn = drawn
        if self._notices:
            colours = {"information": look.strong, "warning": look.alert, "error": look.error}
            lines = [Text(clean(notice.text), style=colours[notice.severity]) for notice in self._notices]
            self.update(Text("\n").join(lines))
            return
        line = Text(no_wrap=True, overflow="crop")
        for entry in self._fitting():
            line.append(entry.key, style=look.heading).append(f" {entry.label}{' ' * _GAP}", style=look.faint)
        self.update(line)

    def on_click(self, event: events.Click) -> None:
        """Do as if the key under the mouse were pressed."""
        left = self.gutter.left
        for entry in self._fitting() if not self._notices else ():
            if left <= event.x < left + entry.width:
                self.app.simulate_key(entry.pressed)
                return
            left += entry.width

    def _fitting(self) -> list[_Entry]:
        always = [_PALETTE, *(entry for entry in self._entries if entry.action in _ALWAYS)]
        room = self.content_size.width - sum(entry.width for entry in always) + _GAP
        fitting = []
        for entry in self._entries:
            if entry.action not in _ALWAYS and entry.width <= room:
                fitting.append(entry)
                room -= entry.width
        return fitting + always


def _once(screen: Screen[object]) -> list[ActiveBinding]:
    """The bindings that apply and are to be listed, the first of each action."""
    found: dict[str, ActiveBinding] = {}
    for active in screen.active_bindings.values():
        if active.binding.show and active.enabled:
            found.setdefault(active.binding.action, active)
    return list(found.values())


def _entry(active: ActiveBinding) -> _Entry:
    binding = active.binding
    return _Entry(binding.key_display or binding.key, binding.description, binding.action, binding.key)
