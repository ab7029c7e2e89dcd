"""The application: reads the runs of one store, and shows the registered screens on top of each other."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from textual import events, on, work
from textual.app import App, SystemCommand
from textual.message import Message
from textual.screen import Screen

from cr_tui.dashboard.garbage_collection import GarbageCollector
from cr_tui.dashboard.keys import keymap
from cr_tui.dashboard.keys.key_order import KeyOrder
from cr_tui.dashboard.keys.late_answer import LateAnswer
from cr_tui.dashboard.model.curve_reader import CurveReader
from cr_tui.dashboard.model.curves import RunCurves
from cr_tui.dashboard.model.data import Run, Source
from cr_tui.dashboard.model.draft import FIRST_REQUEST, Draft
from cr_tui.dashboard.model.new_runs import NewRuns
from cr_tui.dashboard.model.session import Session
from cr_tui.dashboard.model.view_state import ViewStates
from cr_tui.dashboard.screens import SCREENS
from cr_tui.dashboard.shared.confirm import ConfirmScreen
from cr_tui.dashboard.shared.help import HelpScreen
from cr_tui.dashboard.shared.key_footer import Severity
from cr_tui.dashboard.shared.palette import KeyCommands
from cr_tui.dashboard.shared.requests import (
    ChartsRequested,
    FormRequested,
    InspectRequested,
    LookRequested,
    SelectionRequested,
)
from cr_tui.dashboard.shared.screen import DashboardScreen
from cr_tui.dashboard.theme import LOOKS
from cr_tui.render.images.image_modes import TerminalImages
from cr_tui.text import clean
from engine.errors import CrtuiError, InputError

_WIDTHS = [(0, "-narrow"), (110, "-medium"), (150, "-wide")]
_HEIGHTS = [(0, "-short"), (34, "-tall")]
"""Style classes of screens by size: each is set from so many cells on."""
_SCREENS = {entry.place: entry for entry in SCREENS}
_HOME = SCREENS[0].place
_FORM = "form"
_SAVE_SECONDS = 1.0
_COLLECT_SECONDS = 1.0


class Dashboard(App[None]):
    """A reader of one store. Closing it changes nothing; what it starts runs on by itself.

    Args:
        source: where it asks.
        read_only: withhold every action that changes anything.
        refresh_seconds: between two looks at the runs, and at least between two drawings of growing curves.
        group: show only the runs of this group at first.
        images: how the terminal shows images.
        state_path: the file in which it remembers how things were shown; None remembers nothing.

    Attributes:
        session: what the screens share.
    """

    TITLE = "crtui"
    CSS_PATH = "app.tcss"
    BINDINGS = keymap.bindings("everywhere")
    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS
    COMMANDS = App.COMMANDS | {KeyCommands}

    @dataclass
    class CurvesRead(Message):
        """The curves of the wanted runs were read further; the newest by run id."""

        curves: Mapping[str, RunCurves]

    def __init__(
        self,
        source: Source,
        *,
        read_only: bool = False,
        refresh_seconds: float = 1.0,
        group: str | None = None,
        images: TerminalImages | None = None,
        state_path: Path | None = None,
    ) -> None:
        super().__init__()
        images = images or TerminalImages("halfblock")
        self._late_answer = LateAnswer(awaited=images.outstanding)
        self._key_order = KeyOrder(self, super().on_event, self._screen_is_ready)
        self._states = ViewStates(state_path, source.location)
        self._reader = CurveReader(source, refresh_seconds, self._report_curves)
        self.session = Session(
            source, self._reader, self._states.load(), images, read_only=read_only, refresh_seconds=refresh_seconds
        )
        if group:
            self.session.view.filter = f"group:{group}"
        self._saved = self.session.view.model_copy(deep=True)
        self._reading = False
        self._has_read = False
        self._garbage = GarbageCollector(time.monotonic())

    def on_mount(self) -> None:
        for look in LOOKS.values():
            self.register_theme(look.theme)
        view = self.session.view
        self.theme = view.theme if view.theme in LOOKS else next(iter(LOOKS))
        self.theme_changed_signal.subscribe(self, lambda _: self._restyle())
        self.push_screen(_SCREENS[_HOME].load().opened(self.session))
        self._read_curves()
        self.read_runs()
        self.set_interval(self.session.refresh_seconds, self.read_runs)
        self.set_interval(_SAVE_SECONDS, self._remember)
        self.set_interval(_COLLECT_SECONDS, lambda: self._garbage.collect(time.monotonic()))

    def on_unmount(self) -> None:
        self._reader.close()
        if self._view_changed():
            self._save()
        self.session.source.close()

    # -- keys --------------------------------------------------------------------------------------------------------

    async def on_event(self, event: events.Event) -> None:
        """Note that the user is active, drop late answers of the terminal, and obey keys in their order."""
        if isinstance(event, events.InputEvent):
            self._garbage.user_is_active(time.monotonic())
        if event.is_forwarded or not isinstance(event, (events.Key, events.Paste)):
            await super().on_event(event)
            return
        for pressed in self._late_answer.sift(event) if isinstance(event, events.Key) else (event,):
            await self._key_order.take(pressed)

    def _screen_is_ready(self) -> bool:
        screen = self.screen
        return screen.takes_keys if isinstance(screen, DashboardScreen) else screen.is_mounted

    # -- reading -----------------------------------------------------------------------------------------------------

    @on(LookRequested)
    def read_runs(self) -> None:
        """Read the list of runs in a thread, unless that is being done already."""
        if not self._reading:
            self._reading = True
            self._read_runs()

    @work(thread=True, group="runs")
    def _read_runs(self) -> None:
        try:
            runs, trouble = self.session.source.runs(), ""
        except CrtuiError as error:
            runs, trouble = None, str(error)
        self.call_from_thread(self._take_runs, runs, trouble)

    @work(thread=True, group="screens")
    def _load_screens(self) -> None:
        """Import the screens that nobody has asked for yet, so that each opens at once."""
        for entry in SCREENS:
            entry.load()
        importlib.import_module("cr_tui.dashboard.new_run.screen")

    def _take_runs(self, runs: list[Run] | None, trouble: str) -> None:
        self._reading = False
        if not self._has_read:
            # Only once the table is there: until then they would delay it.
            self._has_read = True
            self.call_after_refresh(self._load_screens)
        self.session.take_runs(runs, trouble)
        for screen in self._dashboard_screens():
            screen.runs_read()

    @work(thread=True, group="curves")
    def _read_curves(self) -> None:
        self._reader.run()

    def _report_curves(self, curves: Mapping[str, RunCurves]) -> None:
        self.post_message(self.CurvesRead(curves))

    @on(CurvesRead)
    def _take_curves(self, message: CurvesRead) -> None:
        self.session.curves = message.curves
        # They may arrive while the widgets are being removed, or when the last screen is gone.
        front = next(reversed(self.screen_stack), None)
        if isinstance(front, DashboardScreen) and front.is_whole:
            front.show_curves(message.curves)

    # -- showing -----------------------------------------------------------------------------------------------------

    def _dashboard_screens(self) -> list[DashboardScreen]:
        return [screen for screen in self.screen_stack if isinstance(screen, DashboardScreen)]

    @property
    def _place(self) -> str:
        """The place of the screen in front; empty while a question or a list is."""
        front = self.screen
        return front.place if isinstance(front, DashboardScreen) else ""

    def _say(self, message: str, severity: Severity = "information") -> None:
        if isinstance(self.screen, DashboardScreen):
            self.screen.say(message, severity)
        else:
            self.notify(clean(message), severity=severity, markup=False)

    def _restyle(self) -> None:
        self.session.view.theme = self.theme
        for screen in self._dashboard_screens():
            if screen.is_mounted:
                screen.restyle()

    def _remember(self) -> None:
        """Save how things are shown, if it has changed since."""
        if self._view_changed():
            self._save_in_thread()

    def _view_changed(self) -> bool:
        """Whether things are shown otherwise than when this was last called; copies what is to be saved."""
        view = self.session.kept_view
        if view == self._saved:
            return False
        self._saved = view.model_copy(deep=True)
        return True

    @work(thread=True, group="save")
    def _save_in_thread(self) -> None:
        self._save()

    def _save(self) -> None:
        self._states.save(self._saved)

    # -- opening screens ---------------------------------------------------------------------------------------------

    def action_go(self, place: str) -> None:
        """Go home, and from there to another registered screen."""
        try:
            screen = None if place == _HOME else _SCREENS[place].load().opened(self.session)
        except InputError as error:
            self._say(str(error), "warning")
            return
        draft = self.session.draft
        keeps = self._place == _FORM and draft is not None and draft.edited
        while self._place != _HOME:
            self.pop_screen()
        if screen is not None:
            self.push_screen(screen)
        if keeps:
            # The new screen's footer is made only now.
            self.call_after_refresh(self._say, "the form keeps what you typed; n goes on with it")

    @on(ChartsRequested)
    def _open_charts(self) -> None:
        from cr_tui.dashboard.charts.screen import ChartsScreen

        self.push_screen(ChartsScreen(self.session))

    @on(InspectRequested)
    def _open_inspect(self, message: InspectRequested) -> None:
        from cr_tui.dashboard.inspect.screen import InspectScreen

        self.push_screen(InspectScreen(self.session, message.run))

    @on(SelectionRequested)
    def _open_selection(self, message: SelectionRequested) -> None:
        from cr_tui.dashboard.selection.screen import SelectionScreen

        self.push_screen(SelectionScreen(self.session, message.group))

    @on(FormRequested)
    def _open_form(self, message: FormRequested) -> None:
        """Show the form as it was left, unless something else is to stand in it."""
        draft, request = self.session.draft, message.request
        if draft is None or not draft.edited:
            self._show_form(Draft(request or FIRST_REQUEST))
        elif request is None:
            self._show_form(draft)
        else:
            self._ask_to_replace(request)

    @work
    async def _ask_to_replace(self, request: NewRuns) -> None:
        consequence = "It was edited and nothing of it has been started."
        if await self.push_screen_wait(ConfirmScreen("Replace", "what the form holds", consequence)):
            self._show_form(Draft(request))

    def _show_form(self, draft: Draft) -> None:
        from cr_tui.dashboard.new_run.screen import NewRunScreen

        self.session.draft = draft
        self.push_screen(NewRunScreen(self.session, draft))

    # -- what works everywhere ---------------------------------------------------------------------------------------

    async def action_quit(self) -> None:
        """Leave; ask first if the form for new runs holds what has not been started."""
        draft = self.session.draft
        if draft is not None and draft.edited:
            self._ask_to_quit()
        else:
            self.exit()

    @work
    async def _ask_to_quit(self) -> None:
        consequence = "The form for new runs was edited and not started; what it holds is lost."
        if await self.push_screen_wait(ConfirmScreen("Leave", "crtui", consequence)):
            self.exit()

    def action_next_look(self) -> None:
        names = list(LOOKS)
        at = names.index(self.theme) if self.theme in names else -1
        self.theme = names[(at + 1) % len(names)]

    def action_help(self) -> None:
        screen = self.screen
        if isinstance(screen, DashboardScreen):
            self.push_screen(HelpScreen(screen.place, self.session.read_only))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """What the palette offers beside the keys."""
        yield SystemCommand("Theme", "choose the colours from a list", self.action_change_theme)
