"""One cursor for the ranking and the matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cr_tui.dashboard.charts.screen import ChartsScreen
from cr_tui.dashboard.inspect.screen import InspectScreen
from cr_tui.dashboard.runs.screen import RunsScreen
from cr_tui.dashboard.selection.screen import SelectionScreen
from cr_tui.render.matrices.matrix import SIZES
from tests.dashboard.selection.results import full_selection

Open = Callable[..., Any]


class TestCursor:
    async def test_table_and_matrix_share_it_and_read_the_pair_out(self, opened: Open, source: Any) -> None:
        (found,) = source.stored
        async with opened((80, 24)) as at:
            screen = at.screen
            await at.press("j", until=lambda: screen.matrix.cursor == (1, 0))
            await at.press("tab", until=lambda: at.focused == "matrix")
            await at.press("l", "l", "j", until=lambda: screen.matrix.cursor == (2, 2))
            assert screen.table.selected_id == source.listed[0].id
            await at.press("h", "h", until=lambda: screen.matrix.cursor == (2, 0))
            forth, back = found.matrix[0, 2], found.matrix[2, 0]  # type: ignore[index]
            text = at.text
            assert f"{forth:.3f}, the other way {back:.3f}, mean {(forth + back) / 2:.3f}" in text
            score = found.methods["model-centrality"].scores[0]
            assert f"{score:.3f} [{score - 0.02:.3f}, {score + 0.01:.3f}]" in text
            lines = text.splitlines()
            assert [line.split() for line in lines if line.startswith((" encoder of ", " on images of "))] == [
                ["encoder", "of", "3", "pool-s0"],
                ["on", "images", "of", "1", "pool-s2"],
            ]
            await at.press("m", until=lambda: screen.matrix.cursor == (0, 2))

    async def test_the_mouse_points(self, opened: Open, source: Any) -> None:
        async with opened((120, 40)) as at:
            screen = at.screen
            window = screen.matrix.window
            assert window is not None
            x, y = window.margin + window.cell.across * 2 + 1, 2 + window.line_of(1)
            await at.pilot.click(screen.matrix, offset=(screen.matrix.gutter.left + x, y))
            await at.until(lambda: screen.matrix.cursor == (1, 2))
            assert screen.table.selected_id == source.listed[1].id

    async def test_it_stays_with_its_runs_when_the_order_changes(self, opened: Open, source: Any) -> None:
        async with opened((120, 40)) as at:
            screen = at.screen
            await at.press("tab", until=lambda: at.focused == "matrix")
            await at.press("l", until=lambda: screen.matrix.cursor == (0, 1))
            await at.press("o", until=lambda: screen.matrix.cursor == (2, 1))
            assert screen.table.selected_id == source.listed[2].id

    async def test_a_large_matrix_scrolls(self, opened: Open, source: Any) -> None:
        base = source.listed[0]
        source.listed = [replace(base, id=f"20261123-{k:06}-aaaaaa", name=f"run-{k}") for k in range(120)]
        source.stored = [full_selection(source.listed)]
        async with opened((80, 24), "encoder ↓ 1–") as at:
            screen = at.screen
            assert 0 < len(screen.table._strips) < 24
            await at.press("tab", until=lambda: at.focused == "matrix")
            await at.press("G", until=lambda: screen.matrix.cursor == (119, 119))
            assert f"–{120} of 120" in at.text
            assert screen.table.cursor_row == 119
            await at.press("g", "plus", "plus", "plus", "plus", until=lambda: screen.matrix.window.cell == SIZES[4])  # type: ignore[union-attr]
            assert screen.matrix.cursor == (0, 0)
            best = source.stored[0].matrix[119, 119]
            assert f"[{best:.2f}".replace("0.", ".") in at.text

    async def test_goes_to_inspect_charts_and_back(self, opened: Open, source: Any) -> None:
        async with opened((80, 24)) as at:
            await at.press("enter", until=lambda: isinstance(at.screen, InspectScreen) and bool(source.asked))
            assert source.asked[0][1][0] == source.listed[2].id
            await at.press("escape", until=lambda: isinstance(at.screen, SelectionScreen))
            await at.press("tab", until=lambda: at.focused == "matrix")
            at.send("j")
            await at.press("enter", until=lambda: isinstance(at.screen, InspectScreen) and len(source.asked) == 2)
            assert source.asked[1][1][0] == source.listed[1].id
            await at.press("escape", until=lambda: isinstance(at.screen, SelectionScreen))
            await at.press("v", until=lambda: isinstance(at.screen, ChartsScreen) and "pool-s1" in at.text)
            await at.press("escape", until=lambda: isinstance(at.screen, SelectionScreen))
            await at.press("space", until=lambda: at.app.session.marked == [source.listed[1].id])
            await at.press("escape", until=lambda: isinstance(at.screen, RunsScreen))

    async def test_a_run_that_is_gone_keeps_its_name_and_cannot_be_opened(self, opened: Open, source: Any) -> None:
        source.stored = [full_selection(source.listed[:3])]
        del source.listed[2]
        async with opened((80, 24), "pool-s2") as at:
            await at.press("enter", until="no longer there")
