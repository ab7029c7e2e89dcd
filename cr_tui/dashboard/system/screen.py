"""The machine: processors, memory, disk, GPUs, slots, and which run uses what."""

from __future__ import annotations

from collections.abc import Sequence

from textual import work
from textual.app import ComposeResult
from textual.containers import VerticalScroll

from cr_tui.dashboard.keys import keymap
from cr_tui.dashboard.model.data import Machine, Run, Source, Worker
from cr_tui.dashboard.shared.key_footer import KeyFooter
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
            yield MachineView(self.session.machine, widget_id="machine")
        yield KeyFooter()

    def on_mount(self) -> None:
        self.session.want_curves(())
        self._read(self.session.source)
        self.every(max(_SECONDS, self.session.refresh_seconds), lambda: self._read(self.session.source))

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
            machine, workers = source.machine(), source.workers()
        except CrtuiError as error:
            # Said once: it is tried again every second.
            if str(error) != self._trouble:
                self._trouble = str(error)
                self.say_from_thread(self._trouble, "error")
            return
        self._trouble = ""
        self.show_from_thread(self._show, machine, workers)

    def _show(self, machine: Machine, workers: list[Worker]) -> None:
        self.session.machine.add(machine)
        self.query_one(MachineView).show_machine(machine, workers, self.session.source.location)

    def action_back(self) -> None:
        self.dismiss()
