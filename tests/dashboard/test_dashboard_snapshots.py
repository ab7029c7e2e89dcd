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


@pytest.mark.parametrize("size", [(80, 24), (200, 50)], ids=["80x24", "200x50"])
def test_runs(snap_compare: Any, dashboard: Build, size: tuple[int, int]) -> None:
    assert snap_compare(dashboard(), run_before=after("j", "j", "j", until="discriminator 1.239"), terminal_size=size)


def test_empty(snap_compare: Any, dashboard: Build, source: Any) -> None:
    source.listed = []
    assert snap_compare(dashboard(), run_before=after(until="No runs yet"), terminal_size=(80, 24))


@pytest.mark.parametrize("size", [(80, 24), (200, 50)], ids=["80x24", "200x50"])
def test_selection(snap_compare: Any, dashboard: Build, size: tuple[int, int]) -> None:
    assert snap_compare(dashboard(), run_before=after("m", until="0.683"), terminal_size=size)


def test_inspect(snap_compare: Any, dashboard: Build) -> None:
    assert snap_compare(dashboard(), run_before=after("t", until="checkpoint 4000"), terminal_size=(80, 24))


def test_new_run(snap_compare: Any, dashboard: Build) -> None:
    assert snap_compare(dashboard(), run_before=after("n", until="--preset quick"), terminal_size=(80, 24))


def test_help(snap_compare: Any, dashboard: Build) -> None:
    assert snap_compare(dashboard(), run_before=after("question_mark", until="start new runs"), terminal_size=(80, 24))
