"""How the selection screen looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot

from cr_tui.dashboard.app import Dashboard
from cr_tui.dashboard.model.selections import Computation
from cr_tui.dashboard.selection.pair_view import PairView
from cr_tui.dashboard.selection.screen import SelectionScreen
from tests.dashboard.conftest import Driver
from tests.dashboard.selection.results import NOW, SCREENS, full_selection

Build = Callable[..., Dashboard]


def _at(*keys: str, until: str) -> Callable[[Pilot[None]], Any]:
    """Presses keys on the selection screen, then waits until a text is there."""

    async def run(pilot: Pilot[None]) -> None:
        app, drive = pilot.app, Driver()
        assert isinstance(app, Dashboard)
        await drive.settle(pilot)
        drive.press(app, "m")
        await drive.settle(pilot, lambda: isinstance(app.screen, SelectionScreen))
        for key in keys:
            drive.press(app, key)
            await drive.settle(pilot)
        # What threads compute for the pair comes later than the rest, and after it the images.
        await drive.settle(pilot, lambda: until in drive.text(app) and _is_settled(app))
        await drive.settle(pilot)

    return run


def _is_settled(app: Any) -> bool:
    """Whether the pair that is shown was read, if there is room for one."""
    for view in app.screen.query(PairView):
        pair = view.pair
        if view.display and view._wanted is not None and (pair is None or not (pair.matched or pair.trouble)):
            return False
    return True


class TestSnapshots:
    """After a wanted change: ``--snapshot-update``, and look at each picture."""

    @pytest.fixture
    def many(self, source: Any) -> Any:
        base = source.listed[0]
        source.listed = [
            replace(base, id=f"20261123-0600{k:02}-abc0{k:02}", name=f"cr-{k}", scores={"factor_vae": 0.5 + k / 40})
            for k in range(18)
        ]
        source.stored = [full_selection(source.listed)]
        return source

    @pytest.mark.parametrize("size", SCREENS, ids=["80x24", "120x40", "200x50"])
    def test_result(self, snap_compare: Any, dashboard: Build, many: Any, size: tuple[int, int]) -> None:
        keys = ("tab", "l", "l", "j")
        assert snap_compare(dashboard(), run_before=_at(*keys, until="cannot tell"), terminal_size=size)

    @pytest.mark.parametrize("look", ["crtui-light", "crtui-high-contrast", "crtui-colour-blind"])
    def test_looks(self, snap_compare: Any, dashboard: Build, many: Any, look: str) -> None:
        app = dashboard()
        app.session.view.theme = look
        assert snap_compare(app, run_before=_at("o", until="▾UDR"), terminal_size=(120, 40))

    @pytest.mark.parametrize("size", [(80, 24), (200, 50)], ids=["80x24", "200x50"])
    def test_partial(self, snap_compare: Any, dashboard: Build, many: Any, size: tuple[int, int]) -> None:
        known = many.stored[0]
        matrix = known.matrix.copy()
        matrix[:, 11:] = np.nan
        unsure = {"verdict": "", "warnings": (), "intervals": (), "medoid_probability": ()}
        central = known.methods["model-centrality"].model_copy(update=unsure)
        changes = {"matrix": matrix, "methods": {"model-centrality": central}, "partial": True}
        partial = known.model_copy(update=changes)
        many.stored = []
        many.computing = [
            Computation(True, "comparing models", "j", known.runs, 198, 324, 754.0, NOW - 900, True, partial)
        ]
        assert snap_compare(dashboard(), run_before=_at(until="198/324"), terminal_size=size)

    def test_form(self, snap_compare: Any, dashboard: Build, many: Any) -> None:
        assert snap_compare(dashboard(), run_before=_at("c", until="pairs at most"), terminal_size=(80, 24))

    def test_nothing_yet(self, snap_compare: Any, dashboard: Build, source: Any) -> None:
        source.stored = []
        assert snap_compare(dashboard(), run_before=_at(until="not been ranked"), terminal_size=(80, 24))
