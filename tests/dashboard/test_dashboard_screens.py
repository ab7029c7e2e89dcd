"""Every screen, driven by keys, on fixed data."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import pytest
from textual import events
from textual.command import CommandPalette
from textual.css.query import NoMatches
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.widgets import Static

from cr_tui.dashboard import run as run_dashboard
from cr_tui.dashboard.app import Dashboard
from cr_tui.dashboard.inspect.screen import InspectScreen
from cr_tui.dashboard.selection.screen import SelectionScreen
from cr_tui.dashboard.shared.help import HelpScreen
from cr_tui.dashboard.shared.key_footer import KeyFooter
from engine.errors import InputError

ANSWERING = ("runs", "read", "act", "traverse", "compute")
"""Groups of workers that end by themselves."""
SIZES = [(80, 24), (200, 50)]
Build = Callable[..., Dashboard]


async def settle(pilot: Pilot[None], until: Callable[[], bool] | None = None) -> None:
    """Let threads answer and messages pass, until something is so."""
    for _ in range(200):
        await asyncio.sleep(0.03)
        idle = not any(worker.group in ANSWERING and not worker.is_finished for worker in pilot.app.workers)
        with contextlib.suppress(NoMatches):
            if idle and (until is None or until()):
                # What followed from it is on the screen by then.
                await pilot.pause()
                return
    raise AssertionError("it never came to that")


def press(app: Dashboard, *keys: str) -> None:
    """Send keys as fast as a terminal would when they are pasted; `Pilot.press` waits between them."""
    for key in keys:
        event = events.Key(_character_to_key(key), key) if len(key) == 1 else events.Key(key, None)
        app.post_message(event)


def focused(app: Dashboard) -> str | None:
    """The id of the widget that keys go to."""
    return app.focused.id if app.focused is not None else None


def screen_text(app: Dashboard) -> str:
    """What a person sees."""
    width, height = app.size
    strips = app.screen._compositor.render_strips(app.size)
    return "\n".join("".join(segment.text for segment in strip)[:width] for strip in strips[:height])


def footer(app: Dashboard) -> dict[str, bool]:
    """Labels of the footer with whether they can be used."""
    return {
        binding.binding.description: binding.enabled
        for binding in app.screen.active_bindings.values()
        if binding.binding.show and app.screen.query(KeyFooter)
    }


class TestHelpAndPalette:
    async def test_help_begins_with_the_present_screen(self, dashboard: Build) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await settle(pilot)
            press(app, "t")
            await settle(pilot, lambda: isinstance(app.screen, InspectScreen))
            press(app, "question_mark")
            await settle(pilot, lambda: isinstance(app.screen, HelpScreen))
            shown = str(app.screen.query_one(Static).render())
            assert shown.startswith("Inspect")
            press(app, "question_mark")
            await settle(pilot, lambda: isinstance(app.screen, InspectScreen))

    async def test_the_palette_finds_an_action_by_name(self, dashboard: Build) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await settle(pilot)
            press(app, "ctrl+p")
            await settle(pilot, lambda: isinstance(app.screen, CommandPalette) and app.focused is not None)
            press(app, *"matrix")
            await settle(
                pilot, lambda: "rank the run's group" in screen_text(app) and "or this one" not in screen_text(app)
            )
            press(app, "enter")
            await settle(pilot, lambda: isinstance(app.screen, SelectionScreen))

    async def test_a_terminal_resized_many_times(self, dashboard: Build) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await settle(pilot)
            for width, height in [(20, 6), (200, 50), (1, 1), (110, 33), (150, 34), (80, 24)]:
                await pilot.resize_terminal(width, height)
                await pilot.pause()
            await settle(pilot, lambda: "pool-s0" in screen_text(app))


def test_refuses_to_start_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="needs a terminal"):
        run_dashboard(None, read_only=True, refresh=1.0)  # type: ignore[arg-type]
    assert capsys.readouterr() == ("", "")
