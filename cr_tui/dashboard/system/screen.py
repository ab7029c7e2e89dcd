"""The machine: processors, memory, disk, GPUs, slots, and which run uses what."""

from __future__ import annotations

from collections.abc import Sequence

from textual import work
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Footer

from cr_tui.dashboard.keys import keymap
from cr_tui.dashboard.model.data import Run, Source
from cr_tui.dashboard.shared.screen import DashboardScreen
from cr_tui.dashboard.shared.title_bar import TitleBar
from cr_tui.dashboard.system.machine_view import MachineView
from engine.errors import CrtuiError

_SECONDS = 1.0


class MachineScroll(VerticalScroll, can_focus=True, inherit_bindings=False):
    """Scrolls by the keys of tables."""

    BINDINGS = keymap.bindings("table")

    def action_cursor_down(self) -> None:
        self.scroll_down(animate=False)

    def action_cursor_up(self) -> None:
        self.scroll_up(animate=False)

    def action_page_down(self) -> None:
        self.scroll_page_down(animate=False)

    def action_page_up(self) -> None:
        self.scroll_page_up(animate=False)

    def action_scroll_top(self) -> None:
        self.scroll_home(animate=False)

    def action_scroll_bottom(self) -> None:
        self.scroll_end(animate=False)


class SystemScreen(DashboardScreen):
    """How busy the machine is, read in a thread."""

    place = "system"
    AUTO_FOCUS = "#scroll"
    BINDINGS = keymap.bindings("system")
    _trouble = ""

    def compose(self) -> ComposeResult:
        yield TitleBar("system")
        with MachineScroll(id="scroll"):
            yield MachineView(widget_id="machine")
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        self.session.want_curves(())
        self._read(self.session.source)
        self.set_interval(max(_SECONDS, self.session.refresh_seconds), lambda: self._read(self.session.source))

    def show_runs(self, runs: Sequence[Run]) -> None:
        """Show which runs use what."""
        self.query_one(MachineView).show_runs(runs)

    def restyle(self) -> None:
        """Draw everything in the colours of another theme."""
        super().restyle()
        self.query_one(MachineView).redraw()

    @work(thread=True, exclusive=True, group="read")
    def _read(self, source: Source) -> None:
        try:
            machine = source.machine()
        except CrtuiError as error:
            # Said once: it is tried again every second.
            if str(error) != self._trouble:
                self._trouble = str(error)
                self.say_from_thread(self._trouble, "error")
            return
        self._trouble = ""
        self.app.call_from_thread(self.query_one(MachineView).show_machine, machine)

    def action_back(self) -> None:
        self.dismiss()
