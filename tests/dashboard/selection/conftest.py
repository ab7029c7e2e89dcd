"""The selection screen over three ranked runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from cr_tui.dashboard.app import Dashboard
from cr_tui.dashboard.selection.screen import SelectionScreen
from tests.dashboard.conftest import At
from tests.dashboard.selection.results import full_selection


@pytest.fixture
def source(source: Any) -> Any:
    """The runs of all tests, the first three of which have a full result."""
    source.stored = [full_selection(source.listed[:3])]
    return source


@pytest.fixture
def opened(dashboard: Callable[..., Dashboard], drive: Any) -> Callable[..., AbstractAsyncContextManager[At]]:
    """Runs the dashboard in a terminal of a size, and goes to the selection screen once a text is there."""

    @asynccontextmanager
    async def run(
        size: tuple[int, int], until: str = "centrality of", *, view: Any = None, **settings: Any
    ) -> AsyncIterator[At]:
        app = dashboard(**settings)
        if view is not None:
            app.session.view = view
        async with app.run_test(size=size, notifications=True) as pilot:
            at = At(app, drive, pilot)
            await at.settle()
            await at.press("m", until=lambda: isinstance(at.screen, SelectionScreen) and until in at.text)
            yield at

    return run
