"""How the latent explorer looks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cr_tui.dashboard.app import Dashboard
from cr_tui.dashboard.inspect.screen import InspectScreen
from engine.models.codes import Codes
from tests.dashboard.inspect.conftest import SIZES, all_drawn

Build = Callable[..., Dashboard]


def _ready(*keys: str, until: str) -> Callable[[Any], Any]:
    """Opens the screen, presses keys, and waits until a text and all images are there."""

    async def run(pilot: Any) -> None:
        app = pilot.app
        await pilot.pause()
        for group in (("t",), keys):
            await pilot.press(*group)
            for _ in range(200):
                await pilot.pause(0.05)
                if isinstance(app.screen, InspectScreen) and all_drawn(app) and app.screen._images.is_idle:
                    break
        for _ in range(200):
            strips = app.screen._compositor.render_strips(app.size)
            if until in "\n".join("".join(segment.text for segment in strip) for strip in strips):
                break
            await pilot.pause(0.05)
        # Traversals follow a moved slider after a rest.
        await pilot.pause(0.5)

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
