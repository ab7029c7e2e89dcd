"""Keys that come faster than what they do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.widgets import Input

from cr_tui.dashboard.app import Dashboard
from cr_tui.dashboard.logs.screen import LogsScreen
from cr_tui.dashboard.new_run.screen import NewRunScreen
from cr_tui.dashboard.runs.screen import RunsScreen

Build = Callable[..., Dashboard]


async def test_letters_behind_the_key_that_opens_a_box_are_typed_into_it(
    dashboard: Build, source: Any, drive: Any
) -> None:
    app = dashboard()
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await drive.settle(pilot, lambda: bool(app.session.runs))
        # Each of these letters is an action of the screen: stop, delete, traverse, yes.
        drive.press(app, "/", *"sdty", "enter", "j")
        await drive.settle(pilot, lambda: app.session.view.filter == "sdty" and not isinstance(app.focused, Input))
        assert isinstance(app.screen, RunsScreen)
        assert source.asked == []


async def test_keys_wait_for_a_screen_that_is_on_its_way(dashboard: Build, source: Any, drive: Any) -> None:
    app = dashboard()
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await drive.settle(pilot, lambda: bool(app.session.runs))
        drive.press(app, "n", "/", *"steps", "enter", "enter", *"1234", "enter", "1", "2", "1", "n")
        await drive.settle(pilot, lambda: isinstance(app.screen, NewRunScreen) and app.session.draft is not None)
        await drive.settle(pilot, lambda: app.session.draft is not None and bool(app.session.draft.request.texts))
        assert app.session.draft is not None
        assert dict(app.session.draft.request.texts) == {"training.steps": "1234"}
        assert source.asked == []


async def test_a_widget_that_goes_with_its_key_does_not_hold_up_the_next(dashboard: Build, drive: Any) -> None:
    app = dashboard()
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await drive.settle(pilot, lambda: bool(app.session.runs))
        for _ in range(3):
            drive.press(app, "?", "escape", "2", "1", "n", "escape", "/", "x", "escape")
        drive.press(app, "5")
        await drive.settle(pilot, lambda: isinstance(app.screen, LogsScreen))
