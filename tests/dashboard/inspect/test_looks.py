"""How the latent explorer looks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from cr_tui.dashboard.app import Dashboard
from cr_tui.dashboard.inspect.screen import InspectScreen
from engine.models.codes import Codes
from tests.dashboard.conftest import Driver
from tests.dashboard.inspect.conftest import SIZES, all_drawn

Build = Callable[..., Dashboard]


def _ready(*keys: str, until: str) -> Callable[[Any], Any]:
    """Opens the screen, presses keys, and waits until a text and all images are there."""

    async def run(pilot: Any) -> None:
        app, drive = pilot.app, Driver()

        def drawn() -> bool:
            return isinstance(app.screen, InspectScreen) and all_drawn(app) and app.screen._images.is_idle

        await drive.settle(pilot)
        drive.press(app, "t")
        await drive.settle(pilot, drawn)
        drive.press(app, *keys)
        await drive.settle(pilot, lambda: until in drive.text(app))
        # Traversals follow a moved slider after a rest.
        await asyncio.sleep(0.3)
        await drive.settle(pilot, drawn)

    return run


class TestLooks:
    @pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40", "200x50"])
    def test_alone(self, snap_compare: Any, dashboard: Build, size: tuple[int, int]) -> None:
        ready = _ready("j", "l", "l", "i", until="image 0 of 640")
        assert snap_compare(dashboard(), run_before=ready, terminal_size=size)

    @pytest.mark.parametrize("size", SIZES[:2], ids=["80x24", "120x40"])
    def test_compared(self, snap_compare: Any, dashboard: Build, source: Any, size: tuple[int, int]) -> None:
        app = dashboard()
        app.session.marked = [source.listed[0].id, source.listed[1].id]
        assert snap_compare(app, run_before=_ready("c", until="98%"), terminal_size=size)

    def test_light_with_choices(self, snap_compare: Any, dashboard: Build, source: Any) -> None:
        source.codes = Codes(continuous=2, noise=1, categorical=(3,))
        app = dashboard()
        app.session.view.theme = "crtui-light"
        assert snap_compare(app, run_before=_ready("j", "j", "l", until="of 3"), terminal_size=(120, 40))
