"""Boxes to type into: once they are left, keys are obeyed again, also where nothing else can have the focus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual.widgets import Input

from cr_tui.dashboard.app import Dashboard
from cr_tui.dashboard.shared.help import HelpScreen

Build = Callable[..., Dashboard]

BOXES = {
    "runs": ((), "slash", "status:zzz", True),
    "a store without runs": ((), "slash", "zzz", False),
    "charts": (("2",), "slash", "zzz", True),
    "a chart filter that finds some": (("2",), "slash", "loss", True),
    "logs": (("5",), "slash", "/step 4", True),
    "new runs": (("n",), "slash", "zzz", True),
    "inspect": (("4",), "g", "7", True),
}
"""What leads to a box, the key that asks for it, what is typed, and whether there are runs."""


@pytest.mark.parametrize(("way", "key", "typed", "has_runs"), BOXES.values(), ids=BOXES)
async def test_keys_after_enter_are_obeyed(
    dashboard: Build, source: Any, drive: Any, way: tuple[str, ...], key: str, typed: str, has_runs: bool
) -> None:
    if not has_runs:
        source.listed = []
    app = dashboard()
    async with app.run_test(size=(80, 24)) as pilot:
        await drive.settle(pilot)
        drive.press(app, *way)
        await drive.settle(pilot)
        drive.press(app, key, *typed, "enter", "question_mark")
        await drive.settle(pilot, lambda: isinstance(app.screen, HelpScreen))
        boxes = app.screen_stack[-2].query(Input)
        assert "?" not in "".join(box.value for box in boxes)
        drive.press(app, "question_mark")
        await drive.settle(pilot, lambda: not isinstance(app.screen, HelpScreen))
        assert not isinstance(app.focused, Input)


@pytest.mark.parametrize(("way", "place"), [("2", "charts"), ("n", "new_run")])
async def test_a_filter_that_was_kept_takes_no_keys(dashboard: Build, drive: Any, way: str, place: str) -> None:
    """While a filter finds nothing, the box with it may be all that is left to have the focus."""
    app = dashboard()
    app.session.view.charts = "zzz"
    async with app.run_test(size=(80, 24)) as pilot:
        await drive.settle(pilot)
        drive.press(app, way)
        await drive.settle(pilot)
        if place == "new_run":
            drive.press(app, "slash", *"zzz", "enter")
            await drive.settle(pilot)
        drive.press(app, "tab", "question_mark")
        await drive.settle(pilot, lambda: isinstance(app.screen, HelpScreen))
