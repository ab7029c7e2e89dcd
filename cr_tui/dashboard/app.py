"""The application: one source of data, one list of runs, and the screens on top of each other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from textual import work
from textual.app import App, SystemCommand
from textual.reactive import reactive
from textual.screen import Screen

from cr_tui.dashboard import keymap
from cr_tui.dashboard.data import Run, Source
from cr_tui.dashboard.palette import KeyCommands
from cr_tui.dashboard.screens.base import DashboardScreen
from cr_tui.dashboard.screens.help import HelpScreen
from cr_tui.dashboard.screens.inspect import InspectScreen
from cr_tui.dashboard.screens.runs import RunsScreen
from cr_tui.dashboard.screens.selection import SelectionScreen
from cr_tui.dashboard.theme import THEME
from cr_tui.text import clean
from engine.errors import CrtuiError

_WIDTHS = [(0, "-narrow"), (110, "-medium"), (150, "-wide")]
_HEIGHTS = [(0, "-short"), (34, "-tall")]
"""Classes that styles know the room by: from so many cells on, the screen is called so."""


class Dashboard(App[None]):
    """A reader of one store. Closing it changes nothing; what it starts runs on by itself.

    Args:
        source: where it asks.
        read_only: withhold every action that changes anything.
        refresh_seconds: between two looks at the runs.
        group: show only the runs of this group at first.

    Attributes:
        runs: the newest list of runs; None before the first look.
        trouble: why the last look failed, empty when it did not.
    """

    TITLE = "crtui"
    CSS_PATH = "app.tcss"
    BINDINGS = keymap.bindings("everywhere")
    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS
    COMMANDS = App.COMMANDS | {KeyCommands}

    runs: reactive[list[Run] | None] = reactive(None)
    trouble: reactive[str] = reactive("")

    def __init__(
        self, source: Source, *, read_only: bool = False, refresh_seconds: float = 1.0, group: str | None = None
    ) -> None:
        super().__init__()
        self.source = source
        self.read_only = read_only
        self.refresh_seconds = refresh_seconds
        self.first_filter = f"group:{group}" if group else ""
        self._reading = False

    def on_mount(self) -> None:
        self.register_theme(THEME)
        self.theme = THEME.name
        self.push_screen(RunsScreen())
        self.read_runs()
        self.set_interval(self.refresh_seconds, self.read_runs)

    def on_unmount(self) -> None:
        self.source.close()

    def read_runs(self) -> None:
        """Look at the runs now, unless that is being done."""
        if not self._reading:
            self._reading = True
            self._read_runs()

    @work(thread=True, group="runs")
    def _read_runs(self) -> None:
        try:
            runs, trouble = self.source.runs(), ""
        except CrtuiError as error:
            runs, trouble = None, str(error)
        self.call_from_thread(self._take_runs, runs, trouble)

    def _take_runs(self, runs: list[Run] | None, trouble: str) -> None:
        self._reading = False
        self.trouble = trouble
        if runs is not None:
            self.runs = runs

    def say(self, message: str, severity: Literal["information", "warning", "error"] = "information") -> None:
        """Tell the user, literally."""
        self.notify(clean(message), severity=severity, markup=False)

    def open_inspect(self, run: Run) -> None:
        """Show what the codes of a run do."""
        self.push_screen(InspectScreen(run))

    def open_selection(self, group: str | None) -> None:
        """Show how a group ranks."""
        self.push_screen(SelectionScreen(group))

    def action_help(self) -> None:
        screen = self.screen
        if isinstance(screen, DashboardScreen):
            self.push_screen(HelpScreen(screen.place, self.read_only))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """What the palette offers beside the key table."""
        yield SystemCommand("Theme", "change the colours", self.action_change_theme)
