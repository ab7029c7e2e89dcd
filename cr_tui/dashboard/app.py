"""The application: one source of data, one list of runs, and the screens on top of each other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from textual import events, on, work
from textual.app import App, SystemCommand
from textual.message import Message
from textual.reactive import reactive
from textual.screen import Screen

from cr_tui.dashboard import keymap
from cr_tui.dashboard.data import Run, Source
from cr_tui.dashboard.draft import Draft
from cr_tui.dashboard.feeds import Feed, Feeds
from cr_tui.dashboard.garbage import Sweeper
from cr_tui.dashboard.groups import ShownRun
from cr_tui.dashboard.key_order import KeyOrder
from cr_tui.dashboard.late_answer import LateAnswer
from cr_tui.dashboard.new_runs import NewRuns
from cr_tui.dashboard.palette import KeyCommands
from cr_tui.dashboard.run_colours import RunColours
from cr_tui.dashboard.screens.base import DashboardScreen
from cr_tui.dashboard.screens.charts import ChartsScreen
from cr_tui.dashboard.screens.confirm import ConfirmScreen
from cr_tui.dashboard.screens.help import HelpScreen
from cr_tui.dashboard.screens.inspect import InspectScreen
from cr_tui.dashboard.screens.logs import LogsScreen
from cr_tui.dashboard.screens.new_run import FIRST_REQUEST, NewRunScreen
from cr_tui.dashboard.screens.runs import RunsScreen
from cr_tui.dashboard.screens.selection import SelectionScreen
from cr_tui.dashboard.screens.system import SystemScreen
from cr_tui.dashboard.theme import LOOKS, look_of
from cr_tui.dashboard.view_state import ViewStates
from cr_tui.render.image_modes import ImageMode, TerminalImages
from cr_tui.text import clean
from engine.errors import CrtuiError

_WIDTHS = [(0, "-narrow"), (110, "-medium"), (150, "-wide")]
_HEIGHTS = [(0, "-short"), (34, "-tall")]
"""Classes that styles know the room by: from so many cells on, the screen is called so."""
_SAVE_SECONDS = 1.0
_SWEEP_SECONDS = 1.0


class Dashboard(App[None]):
    """A reader of one store. Closing it changes nothing; what it starts runs on by itself.

    Args:
        source: where it asks.
        read_only: withhold every action that changes anything.
        refresh_seconds: between two looks at the runs, and least between two drawings of what grows.
        group: show only the runs of this group at first.
        images: how the terminal shows images.
        state_path: the file in which it remembers how things were shown; None remembers nothing.

    Attributes:
        runs: the newest list of runs; None before the first look.
        trouble: why the last look failed, empty when it did not.
        view: how things are shown; kept for the next session.
        marked: ids of the marked runs, in the order of marking.
        cursor_run: id of the run under the cursor of the home screen.
        feeds: newest curves and logs of the runs that were asked for.
        undoable: takes back what was done, the newest last.
        draft: what the form for new runs holds; None where nobody has begun to fill it in.
        images: how the terminal can show images.
        image_mode: how it does at present.
    """

    TITLE = "crtui"
    CSS_PATH = "app.tcss"
    BINDINGS = keymap.bindings("everywhere")
    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS
    COMMANDS = App.COMMANDS | {KeyCommands}

    runs: reactive[list[Run] | None] = reactive(None, repaint=False)
    trouble: reactive[str] = reactive("", repaint=False)
    image_mode: reactive[ImageMode] = reactive[ImageMode]("halfblock", repaint=False)

    @dataclass
    class Fed(Message):
        """Runs were read on."""

        feeds: Mapping[str, Feed]

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
        self.images = images or TerminalImages("halfblock")
        self.set_reactive(Dashboard.image_mode, self.images.mode)
        self._late_answer = LateAnswer(awaited=self.images.outstanding)
        self._key_order = KeyOrder(self, super().on_event, self._screen_is_ready)
        self.source = source
        self.read_only = read_only
        self.refresh_seconds = refresh_seconds
        self._states = ViewStates(state_path, source.location)
        self.view = self._states.load()
        if group:
            self.view.filter = f"group:{group}"
        self.marked: list[str] = list(self.view.marked)
        self.colours = RunColours(self.view.colours)
        self.cursor_run: str | None = None
        self.feeds: Mapping[str, Feed] = {}
        self.draft: Draft | None = None
        self.undoable: list[Callable[[], None]] = []
        self._feeder = Feeds(source, refresh_seconds, self._report_feeds)
        self._saved = self.view.model_copy(deep=True)
        self._reading = False
        self._sweeper = Sweeper(time.monotonic())

    def on_mount(self) -> None:
        for look in LOOKS.values():
            self.register_theme(look.theme)
        self.theme = self.view.theme if self.view.theme in LOOKS else next(iter(LOOKS))
        self.theme_changed_signal.subscribe(self, lambda _: self._restyle())
        self.push_screen(RunsScreen())
        self._feed()
        self.read_runs()
        self.set_interval(self.refresh_seconds, self.read_runs)
        self.set_interval(_SAVE_SECONDS, self._remember)
        self.set_interval(_SWEEP_SECONDS, lambda: self._sweeper.sweep(time.monotonic()))

    def on_unmount(self) -> None:
        self._feeder.close()
        if self._view_changed():
            self._save()
        self.source.close()

    async def on_event(self, event: events.Event) -> None:
        """Notice that somebody is there, drop what the terminal says late, and keep keys in order."""
        if isinstance(event, events.InputEvent):
            self._sweeper.touch(time.monotonic())
        if event.is_forwarded or not isinstance(event, (events.Key, events.Paste)):
            await super().on_event(event)
            return
        for pressed in self._late_answer.sift(event) if isinstance(event, events.Key) else (event,):
            await self._key_order.take(pressed)

    def _screen_is_ready(self) -> bool:
        screen = self.screen
        return screen.takes_keys if isinstance(screen, DashboardScreen) else screen.is_mounted

    # -- reading -----------------------------------------------------------------------------------------------------

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
            ids = {run.id for run in runs}
            self.marked = [run_id for run_id in self.marked if run_id in ids]
            self.runs = runs

    @work(thread=True, group="feed")
    def _feed(self) -> None:
        self._feeder.run()

    def _report_feeds(self, feeds: Mapping[str, Feed]) -> None:
        self.post_message(self.Fed(feeds))

    def want(self, run_ids: Iterable[str], smoothing: float = 0.0) -> None:
        """Follow these runs and no others; screens hear of what was read by ``show_feeds``."""
        self._feeder.want(run_ids, smoothing)

    @on(Fed)
    def _take_feeds(self, message: Fed) -> None:
        self.feeds = message.feeds
        # What was read may arrive while everything is taken down.
        if isinstance(self.screen, DashboardScreen) and self.screen.is_whole:
            self.screen.show_feeds(message.feeds)

    # -- runs that are shown -----------------------------------------------------------------------------------------

    def run_of(self, run_id: str | None) -> Run | None:
        """A run by its id."""
        return next((run for run in self.runs or () if run.id == run_id), None)

    @property
    def chosen(self) -> list[Run]:
        """The marked runs in the order of marking; if none is, the run under the cursor."""
        by_id = {run.id: run for run in self.runs or ()}
        marked = [by_id[run_id] for run_id in self.marked if run_id in by_id]
        cursor = by_id.get(self.cursor_run or "")
        return marked or ([cursor] if cursor else [])

    def shown_runs(self) -> list[ShownRun]:
        """The chosen runs with their colours and curves, as many as there are colours."""
        runs, palette = self.chosen, look_of(self).runs
        ids = [run.id for run in runs]
        # To look at a run alone is no reason to give it a colour for good.
        places = self.colours.show(ids, len(palette)) if self.marked else self.colours.alone(ids, len(palette))
        return [
            ShownRun(run.id, run.name, palette[places[run.id]], self.feeds.get(run.id) or Feed(run.id, complete=False))
            for run in runs
            if run.id in places
        ]

    # -- showing -----------------------------------------------------------------------------------------------------

    def say(self, message: str, severity: Literal["information", "warning", "error"] = "information") -> None:
        """Tell the user, literally."""
        self.notify(clean(message), severity=severity, markup=False)

    def copy_text(self, text: str, what: str) -> None:
        """Put text on the clipboard of the user's own terminal, by OSC 52."""
        self.copy_to_clipboard(text)
        self.say(f"copied {what}; inside tmux this needs 'set-clipboard on'")

    def _restyle(self) -> None:
        self.view.theme = self.theme
        for screen in self.screen_stack:
            if isinstance(screen, DashboardScreen) and screen.is_mounted:
                screen.restyle()

    def _remember(self) -> None:
        """Keep how things are shown, if it has changed since."""
        if self._view_changed():
            self._save_in_thread()

    def _view_changed(self) -> bool:
        """Take a copy of how things are shown; say whether it differs from the one before."""
        self.view.marked = self.marked[:2000]
        self.view.colours = self.colours.remembered
        if self.view == self._saved:
            return False
        self._saved = self.view.model_copy(deep=True)
        return True

    @work(thread=True, group="save")
    def _save_in_thread(self) -> None:
        self._save()

    def _save(self) -> None:
        self._states.save(self._saved)

    # -- going -------------------------------------------------------------------------------------------------------

    def open_inspect(self, run: Run) -> None:
        """Show what the codes of a run do."""
        self.push_screen(InspectScreen(run))

    def open_form(self, request: NewRuns | None = None) -> None:
        """Show the form for new runs: as it was left, unless something else is to stand in it."""
        if self.draft is None or not self.draft.edited:
            self._show_form(Draft(request or FIRST_REQUEST))
        elif request is None:
            self._show_form(self.draft)
        else:
            self._ask_to_replace(request)

    @work
    async def _ask_to_replace(self, request: NewRuns) -> None:
        consequence = "It was edited and nothing of it has been started."
        if await self.push_screen_wait(ConfirmScreen("Replace", "what the form holds", consequence)):
            self._show_form(Draft(request))

    def _show_form(self, draft: Draft) -> None:
        self.draft = draft
        self.push_screen(NewRunScreen(draft))

    def open_selection(self, group: str | None) -> None:
        """Show how a group ranks."""
        self.push_screen(SelectionScreen(group))

    def _go(self, make: Callable[[], Screen[None]] | None) -> None:
        """Go home, and from there to another screen."""
        if isinstance(self.screen, NewRunScreen) and self.draft is not None and self.draft.edited:
            self.say("the form keeps what you typed; n goes on with it")
        while not isinstance(self.screen, RunsScreen):
            self.pop_screen()
        if make is not None:
            self.push_screen(make())

    def action_go_runs(self) -> None:
        self._go(None)

    def action_go_charts(self) -> None:
        self._go(ChartsScreen)

    def action_go_selection(self) -> None:
        chosen = self.chosen
        self._go(lambda: SelectionScreen(chosen[0].group if chosen else None))

    def action_go_inspect(self) -> None:
        run = self.run_of(self.cursor_run)
        if run is None:
            self.say("there is no run to inspect; press 1 and put the cursor on one", "warning")
        else:
            self._go(lambda: InspectScreen(run))

    def action_go_logs(self) -> None:
        self._go(LogsScreen)

    def action_go_system(self) -> None:
        self._go(SystemScreen)

    async def action_quit(self) -> None:
        """Leave, unless something was typed that would be lost and is still wanted."""
        if self.draft is not None and self.draft.edited:
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
            self.push_screen(HelpScreen(screen.place, self.read_only))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """What the palette offers beside the key table."""
        yield SystemCommand("Theme", "change the colours", self.action_change_theme)
