"""What the full screens share: title, footer, the newest list of runs, the curves they ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.screen import Screen

from cr_tui.dashboard.data import Run
from cr_tui.dashboard.feeds import Feed
from cr_tui.dashboard.keymap import CHANGING_ACTIONS, Place
from cr_tui.dashboard.theme import Look, look_of
from cr_tui.dashboard.widgets.title_bar import TitleBar

if TYPE_CHECKING:
    from cr_tui.dashboard.app import Dashboard


class DashboardScreen(Screen[None]):
    """A screen that hears of every new list of runs.

    Attributes:
        place: the part of the key table that works here, beside what works everywhere.
    """

    place: ClassVar[Place]
    _is_behind = False

    @property
    def dashboard(self) -> Dashboard:
        """The application."""
        from cr_tui.dashboard.app import Dashboard

        assert isinstance(self.app, Dashboard)
        return self.app

    @property
    def look(self) -> Look:
        """How to draw by hand in the present theme."""
        return look_of(self.app)

    def on_mount(self) -> None:
        self.watch(self.app, "runs", self._runs_changed)
        self.watch(self.app, "trouble", self._title_changed, init=False)

    def on_screen_resume(self) -> None:
        if self._is_behind:
            self._is_behind = False
            self._runs_changed(self.dashboard.runs)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Withhold what changes anything in read-only mode."""
        return not (self.dashboard.read_only and action in CHANGING_ACTIONS)

    def show_runs(self, runs: Sequence[Run]) -> None:
        """Show a new list of runs."""

    def show_feeds(self, feeds: Mapping[str, Feed]) -> None:
        """Show newer curves and logs of the runs that the screen asked for."""

    def restyle(self) -> None:
        """Draw what is drawn by hand in the colours of another theme."""
        self._runs_changed(self.dashboard.runs)

    @property
    def is_covered(self) -> bool:
        """Whether another full screen is in front of this one."""
        return isinstance(self.app.screen, DashboardScreen) and self.app.screen is not self

    @property
    def is_whole(self) -> bool:
        """Whether it can be drawn on: its parts are made after it and go before it."""
        return self.is_attached and bool(self.query(TitleBar))

    @property
    def takes_keys(self) -> bool:
        """Whether it knows what keys mean; until then they wait."""
        return self.is_whole

    def _runs_changed(self, runs: Sequence[Run] | None) -> None:
        if not self.is_whole:
            return
        if self.is_covered:
            # Drawing what nobody sees would hold up what is seen.
            self._is_behind = True
            return
        self._title_changed()
        if runs is not None:
            self.show_runs(runs)

    def _title_changed(self) -> None:
        app = self.dashboard
        if self.is_whole:
            self.query_one(TitleBar).show_runs(app.runs or (), app.read_only, app.trouble, app.source.location)
