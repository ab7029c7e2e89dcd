"""What all full screens share: the session, title and footer, and how they hear of new runs and curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar, Self

from textual import work
from textual.screen import Screen
from textual.timer import Timer

from cr_tui.dashboard.keys.keymap import CHANGING_ACTIONS
from cr_tui.dashboard.model.curves import RunCurves, ShownRun
from cr_tui.dashboard.model.data import Run
from cr_tui.dashboard.model.session import Session
from cr_tui.dashboard.shared.key_footer import KeyFooter, Severity
from cr_tui.dashboard.shared.title_bar import TitleBar
from cr_tui.dashboard.shared.written_files import new_file, write
from cr_tui.dashboard.theme import Look, look_of
from cr_tui.text import clean
from engine.errors import CrtuiError


class DashboardScreen(Screen[None]):
    """A full screen. It shows every new list of runs, at once or, when another screen covers it, on coming back.

    Args:
        session: what all screens share.

    Attributes:
        place: its place in the key table; its keys are those of this place and those that work everywhere.
    """

    place: ClassVar[str]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._runs_shown: Sequence[Run] | None = None

    @classmethod
    def opened(cls, session: Session) -> Self:
        """The screen as its number key opens it: about the runs that are marked or under the cursor.

        Raises:
            InputError: there is nothing to show; a sentence for the user.
        """
        return cls(session)

    # -- for subclasses to fill in -----------------------------------------------------------------------------------

    def show_runs(self, runs: Sequence[Run]) -> None:
        """Show a new list of runs."""

    def show_curves(self, curves: Mapping[str, RunCurves]) -> None:
        """Show newer curves and logs of the runs that the screen asked for, by run id."""

    def ask_again(self) -> None:
        """Ask once more for what the store refused (``StoreError``). Called after each look that went well."""

    def restyle(self) -> None:
        """Draw what is drawn by hand in the colours of another theme."""
        for bar in self.query(TitleBar):
            bar.redraw()
        for footer in self.query(KeyFooter):
            footer.redraw()
        self._show_newest_runs()

    def why_not(self, action: str) -> str:
        """Why an action of this screen does nothing now, for whoever asks for it in the palette."""
        if self.session.read_only and action in CHANGING_ACTIONS:
            return "this view is read-only"
        return "there is nothing here now that it could be done to"

    # -- for subclasses to use ---------------------------------------------------------------------------------------

    @property
    def look(self) -> Look:
        """How to draw by hand in the present theme."""
        return look_of(self.app)

    @property
    def shown_runs(self) -> list[ShownRun]:
        """The chosen runs in their colours, as many as the theme has colours."""
        return self.session.shown_runs(self.look.runs)

    @property
    def is_covered(self) -> bool:
        """Whether another full screen is in front of this one."""
        return isinstance(self.app.screen, DashboardScreen) and self.app.screen is not self

    @property
    def is_whole(self) -> bool:
        """Whether its widgets are there: they are made after the screen and removed before it.

        What stands in a row or column is made last, before its row or column counts as mounted.
        """
        parts = self.children
        return (
            self.is_attached
            and any(isinstance(part, TitleBar) for part in parts)
            and all(part.is_mounted for part in parts)
        )

    @property
    def takes_keys(self) -> bool:
        """Whether it can obey keys; until then they wait."""
        return self.is_whole

    def say(self, message: str, severity: Severity = "information") -> None:
        """Tell the user a sentence, in the footer. Control characters and markup in it are shown, not obeyed.

        What a screen says once it has been left is said by the one in front.
        """
        stack = [screen for screen in self.app.screen_stack if isinstance(screen, DashboardScreen)]
        teller = self if self in stack or not stack else stack[-1]
        footers = teller.query(KeyFooter)
        if footers:
            footers.first().say(message, severity)
        else:
            self.app.notify(clean(message), severity=severity, markup=False)

    def say_from_thread(self, message: str, severity: Severity = "information") -> None:
        """Tell the user a sentence, from a thread."""
        self.app.call_from_thread(self.say, message, severity)

    def show_from_thread(self, show: Callable[..., object], *found: object) -> None:
        """Show what a thread has found. It is dropped if the screen's widgets are gone by then, as at quitting."""
        self.app.call_from_thread(self._show_if_whole, show, *found)

    def _show_if_whole(self, show: Callable[..., object], *found: object) -> None:
        if self.is_whole:
            show(*found)

    def after(self, seconds: float, act: Callable[[], object]) -> Timer:
        """Do something once, some seconds from now, unless the screen's widgets are gone by then."""
        return self.set_timer(seconds, partial(self._show_if_whole, act))

    def every(self, seconds: float, act: Callable[[], object]) -> Timer:
        """Do something again and again while the screen's widgets are there."""
        return self.set_interval(seconds, partial(self._show_if_whole, act))

    def after_refresh(self, act: Callable[[], object]) -> None:
        """Do something once the screen is drawn, unless its widgets are gone by then."""
        self.call_after_refresh(self._show_if_whole, act)

    def copy_text(self, text: str, what: str) -> None:
        """Put text on the clipboard of the user's own terminal, by OSC 52, and say what was copied."""
        self.app.copy_to_clipboard(text)
        self.say(f"copied {what}; inside tmux this needs 'set-clipboard on'")

    @work(thread=True, group="act")
    def write_file(self, subject: str, suffix: str, content: Callable[[], bytes]) -> None:
        """Write a file into the working folder, and say where it is or why there is none.

        Args:
            subject: part of the file's name.
            suffix: what its name ends in, without a dot.
            content: makes what is written; called in a thread.
        """
        try:
            path = new_file(Path.cwd(), subject, suffix)
            write(path, content())
        except (CrtuiError, OSError) as error:
            self.say_from_thread(str(error), "error")
            return
        self.say_from_thread(f"written to {path}")

    # -- events ------------------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        self._show_newest_runs()

    def on_screen_resume(self) -> None:
        if self._runs_shown is not self.session.runs:
            self._show_newest_runs()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Withhold what changes anything in read-only mode."""
        return not (self.session.read_only and action in CHANGING_ACTIONS)

    def runs_read(self) -> None:
        """The application has looked at the runs: show what is new."""
        self._show_title()
        if self._runs_shown is not self.session.runs:
            self._show_newest_runs()
        if not self.session.trouble and self.is_whole and not self.is_covered:
            self.ask_again()

    def _show_newest_runs(self) -> None:
        # A covered screen draws when it is seen again: drawing it now would only delay what is seen.
        if not self.is_whole or self.is_covered:
            return
        self._show_title()
        self._runs_shown = self.session.runs
        if self.session.runs is not None:
            self.show_runs(self.session.runs)

    def _show_title(self) -> None:
        session = self.session
        if self.is_whole:
            bar = self.query_one(TitleBar)
            bar.show_runs(session.runs or (), session.read_only, session.trouble, session.source.location)
