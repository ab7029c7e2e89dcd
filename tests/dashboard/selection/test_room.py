"""The selection screen uses the room that it has, and cuts nothing that matters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from textual.widgets import Static

from cr_tui.dashboard.model.selections import Computation
from cr_tui.dashboard.selection import words
from cr_tui.dashboard.selection.division import lines_below, verdict_lines
from cr_tui.dashboard.selection.pair_view import pair_layout
from cr_tui.dashboard.theme import LOOKS
from tests.dashboard.selection.results import NOW, SCREENS, full_selection

Open = Callable[..., Any]
LONG = "infogan-cr-dsprites-lambda_info=0.05-s"
LOOK = LOOKS["crtui"]


def _sweep(source: Any, count: int) -> None:
    base = source.listed[0]
    source.listed = [replace(base, id=f"20261123-{k:06}-aaaaaa", name=f"{LONG}{k:02}") for k in range(count)]
    found = full_selection(source.listed)
    pair = " and ".join(f"{LONG}{k:02}" for k in (count - 1, count - 2))
    unsure = (f"{pair} cannot be told apart by these votes; about 900 votes a pair would settle it (--votes 900)",)
    central = found.methods["model-centrality"].model_copy(update={"warnings": unsure})
    source.stored = [found.model_copy(update={"methods": {**found.methods, "model-centrality": central}})]


@pytest.mark.parametrize("count", [4, 60])
async def test_long_names_cut_neither_the_caveat_nor_a_column(opened: Open, source: Any, count: int) -> None:
    _sweep(source, count)
    async with opened(SCREENS[0], "a pair would settle it (--votes 900)") as at:
        for size in (*SCREENS, (300, 80)):
            await at.resize(size)
            await at.until("(--votes 900)")
            table = at.screen.table
            await at.until(lambda: table.virtual_size.width <= table.scrollable_content_region.width)  # noqa: B023
            assert "encoder ↓" in at.text
            assert "generator →" in at.text
            assert f"s{count - 1:02}" in at.text


async def test_a_verdict_without_room_says_that_it_goes_on(opened: Open, source: Any) -> None:
    _sweep(source, 16)
    central = source.stored[0].methods["model-centrality"]
    many = central.model_copy(update={"warnings": central.warnings * 3})
    source.stored = [source.stored[0].model_copy(update={"methods": {"model-centrality": many}})]
    async with opened((80, 24), "cannot tell") as at:
        verdict = at.screen.query_one("#verdict", Static)
        assert verdict.size.height == verdict_lines(24, 16)
        await at.until(lambda: str(verdict.render()).splitlines()[-1].endswith(" …"))


async def test_columns_without_room_come_into_view_one_by_one(opened: Open, source: Any) -> None:
    _sweep(source, 16)
    async with opened((80, 24)) as at:
        table = at.screen.table

        def keys() -> list[str]:
            return [heading.key for heading in table.headings]

        assert keys()[:5] == ["rank", "name", "model-centrality", "medoid", "interval"]
        await at.until(lambda: f"l +{8 - len(keys())} " in at.text)
        seen = set(keys())
        for _ in range(5):
            at.send("l")
            await at.settle()
            seen |= set(keys())
        assert {"interval", "udr-lasso", "udr-spearman", "supervised"} <= seen
        assert keys()[:2] == ["rank", "name"]
        assert keys()[-1] == "supervised"
        await at.press("h", "h", "h", "h", "h", until=lambda: keys()[2] == "model-centrality")
        at.send("plus", "plus", "plus")
        await at.settle()
        await at.until(lambda: table.region.right == at.screen.size.width)


@pytest.mark.parametrize(("width", "height", "columns"), [(78, 9, 1), (118, 17, 2), (198, 22, 2), (298, 34, 2)])
def test_traversals_of_a_pair_use_the_width(width: int, height: int, columns: int) -> None:
    layout = pair_layout(width, height, 10, (64, 64))
    assert layout.columns == columns
    assert layout.steps >= 5
    assert layout.shown >= min(10, height // 2)
    if height > 9:
        left, top = layout.place(9)
        assert top + layout.down <= height
        assert left + 2 * layout.strip + 13 <= width
        assert 2 * (2 * layout.strip + 18) > 0.8 * width


def test_values_of_the_matrix_grow_before_room_stays_empty() -> None:
    assert lines_below(80, 3, 16, None) == 35
    assert lines_below(50, 3, 4, None) == 21
    assert lines_below(24, 4, 4, None) == 0
    assert lines_below(80, 3, 60, None) == 0
    for height in range(10, 90):
        below = lines_below(height, 4, 6, None)
        assert below == 0 or 9 <= below <= height - 6 - 4 - 6


def test_a_short_ranking_leaves_room_for_a_long_verdict() -> None:
    assert verdict_lines(24, 60) == 4
    assert verdict_lines(24, 4) == 8


def test_of_a_computation_whole_parts_are_left_out() -> None:
    running = Computation(True, "comparing models", "j", ("a", "b"), 128, 256, 754.0, NOW - 900, True)
    narrow, wide = (words.progress_line([running], NOW, width, LOOK).plain for width in (78, 118))
    assert narrow.endswith("begun 15m00 ago")
    assert wide.endswith("by crtui select")
    ended = Computation(False, "its process was killed " * 9, "j", ("a", "b"), begun=NOW)
    line = words.progress_line([ended], NOW, 78, LOOK)
    assert line.cell_len <= 78
    assert line.plain.endswith("c: go on, x: forget")
