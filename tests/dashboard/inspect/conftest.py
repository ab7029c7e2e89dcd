"""The latent explorer over models whose images are discs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from cr_tui.dashboard.app import Dashboard
from cr_tui.dashboard.inspect.code_row import CodeRow
from cr_tui.dashboard.inspect.screen import InspectScreen
from cr_tui.dashboard.shared.pictures_view import PicturesView
from tests.dashboard.conftest import At

SIZES = [(80, 24), (120, 40), (200, 50)]


def has_picture(view: PicturesView) -> bool:
    """Pixels that are enlarged to pairs of the same are drawn as spaces on a colour, so colours are looked for."""
    styles = (segment.style for line in view.cells.lines for segment in line)
    return len({style.bgcolor for style in styles if style is not None and style.bgcolor is not None}) > 2


def all_drawn(app: Dashboard) -> bool:
    """Whether every picture on the screen is there."""
    rows = app.screen.query(CodeRow)
    return bool(rows) and all(map(has_picture, app.screen.query(PicturesView)))


class AtInspect(At):
    """A dashboard that shows the latent explorer."""

    @property
    def exploration(self) -> Any:
        """What is looked at."""
        return self.screen.exploration

    @property
    def held(self) -> str:
        """The panel of the held latents."""
        return str(self.screen.query_one("#held", PicturesView).cells.plain)

    @property
    def all_drawn(self) -> bool:
        """Whether every picture on the screen is there."""
        return all_drawn(self.app)

    @property
    def all_decoded(self) -> bool:
        """Whether every image was made; small ones may have too few colours for :attr:`all_drawn`."""
        found = self.exploration if isinstance(self.screen, InspectScreen) else None
        if found is None or not self.screen._images.is_idle:
            return False
        return found.first.image is not None and len(found.first.strips) == found.first.facts.codes.count

    @property
    def shown_codes(self) -> list[int]:
        """The codes whose rows are on the screen as a whole."""
        area = self.screen.query_one("#codes").region
        return [one.code for one in self.screen.query(CodeRow) if area.contains_region(one.region)]

    def row(self, code: int) -> CodeRow:
        """The row of a code."""
        found: CodeRow = self.screen.query_one(f"#code-{code}", CodeRow)
        return found

    def value(self, code: int) -> float:
        """The value of a code, as it is written."""
        return float(self.row(code).cells.plain.splitlines()[1].split()[0])

    async def go_to(self, number: str) -> None:
        """Begin from the draw or image of a number."""
        await self.press("g", until=lambda: self.focused == "go-to")
        self.send(*number, "enter")


@pytest.fixture
def opened(dashboard: Callable[..., Dashboard], drive: Any) -> Callable[..., AbstractAsyncContextManager[AtInspect]]:
    """Runs the dashboard in a terminal of a size, and goes to the explorer.

    It waits for a text, or else until everything is drawn. With ``beside``, the first two runs are marked, the second
    is set beside the first, and that text is waited for.
    """

    @asynccontextmanager
    async def run(
        size: tuple[int, int],
        until: str = "",
        *,
        keys: Sequence[str] = ("t",),
        beside: str = "",
        theme: str = "",
        **settings: Any,
    ) -> AsyncIterator[AtInspect]:
        app = dashboard(**settings)
        app.session.view.theme = theme or app.session.view.theme
        async with app.run_test(size=size, notifications=True) as pilot:
            at = AtInspect(app, drive, pilot)
            await at.settle()
            keys = ("space", "space", "g", "t") if beside else keys
            await at.press(*keys, until=until or (lambda: at.all_decoded))
            if beside:
                await at.press("c", until=beside)
            yield at

    return run
