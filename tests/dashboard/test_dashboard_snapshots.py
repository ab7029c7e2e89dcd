"""How the screens look, on fixed data. After a wanted change: ``--snapshot-update``, and look at each picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from cr_tui.dashboard.app import Dashboard

Build = Callable[..., Dashboard]


def after(*keys: str, until: str) -> Callable[[Pilot[None]], Any]:
    """Presses keys, then waits until a text is on the screen and nothing moves any more."""

    async def run(pilot: Pilot[None]) -> None:
        await pilot.pause()
        await pilot.press(*keys)
        for _ in range(200):
            await pilot.pause(0.05)
            if until in _text(pilot):
                await pilot.pause()
                return

    return run


def _text(pilot: Pilot[None]) -> str:
    strips = pilot.app.screen._compositor.render_strips(pilot.app.size)
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)], ids=["80x24", "120x40", "200x50"])
def test_runs(snap_compare: Any, dashboard: Build, size: tuple[int, int]) -> None:
    assert snap_compare(dashboard(), run_before=after("j", "j", "j", until="discriminator 1.239"), terminal_size=size)


def test_runs_marked_and_folded(snap_compare: Any, dashboard: Build, source: Any) -> None:
    source.change(source.listed[6].id, group="other")
    app = dashboard()
    keys = ("space", "space", "j", "space", "j", "z")
    assert snap_compare(app, run_before=after(*keys, until="▸ pool"), terminal_size=(120, 40))


@SIZES
def test_charts(snap_compare: Any, dashboard: Build, size: tuple[int, int]) -> None:
    keys = ("space", "j", "space", "space", "2", "s", "s", "full_stop", "greater_than_sign", "greater_than_sign")
    assert snap_compare(dashboard(), run_before=after(*keys, until="cursor at step 790"), terminal_size=size)


@pytest.mark.parametrize("look", ["crtui-light", "crtui-high-contrast", "crtui-colour-blind"])
def test_looks(snap_compare: Any, dashboard: Build, look: str) -> None:
    app = dashboard()
    app.session.view.theme = look
    keys = ("space", "j", "space", "space", "2", "enter", "d")
    assert snap_compare(app, run_before=after(*keys, until="seed "), terminal_size=(120, 40))


@SIZES
def test_logs(snap_compare: Any, dashboard: Build, source: Any, size: tuple[int, int]) -> None:
    source.log[10:14] = [
        "WARNING the loss is large",
        "Traceback (most recent call last):",
        "ValueError: [red]no[/red]",
        "",
    ]
    keys = ("5", "slash", *"loss", "enter")
    assert snap_compare(dashboard(), run_before=after(*keys, until="27/27 × loss"), terminal_size=size)


@SIZES
def test_system(snap_compare: Any, dashboard: Build, source: Any, size: tuple[int, int]) -> None:
    source.change(source.listed[3].id, device="cuda:0", pid=4321)
    assert snap_compare(dashboard(), run_before=after("6", until="Running"), terminal_size=size)


def test_empty(snap_compare: Any, dashboard: Build, source: Any) -> None:
    source.listed = []
    assert snap_compare(dashboard(), run_before=after(until="No runs yet"), terminal_size=(80, 24))


def test_help(snap_compare: Any, dashboard: Build) -> None:
    async def open_help(pilot: Pilot[None]) -> None:
        # What is behind it shows at the sides.
        await after("j", "k", until="discriminator")(pilot)
        await after("question_mark", until="start new runs")(pilot)

    assert snap_compare(dashboard(), run_before=open_help, terminal_size=(80, 24))
