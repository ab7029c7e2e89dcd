"""The traversals of the pair at the cursor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cr_tui.dashboard.model.data import MatchedCode
from cr_tui.dashboard.selection.pair_view import PairView
from engine.errors import InputError
from tests.dashboard.selection.results import full_selection

Open = Callable[..., Any]


def strips(at: Any) -> PairView:
    return at.screen.query_one(PairView)


def drawn_strips(at: Any) -> int:
    """How many traversals are drawn below."""
    pair = strips(at).pair
    return sum(len(side.strips) for side in pair.exploration.sides) if pair and pair.exploration else 0


class TestPair:
    async def test_pick_and_runner_up_at_first_then_the_pair_at_the_cursor(self, opened: Open, source: Any) -> None:
        best, second, third = (source.listed[k] for k in (2, 1, 0))
        async with opened((200, 50)) as at:
            screen = at.screen
            await at.until(lambda: drawn_strips(at) == 7)
            assert [run.id for run in strips(at).pair.runs] == [best.id, second.id]  # type: ignore[union-attr]
            text = strips(at).cells.plain
            assert "3 of 4 codes match" in text
            assert "↔ c1" in text
            assert "↔ -c0" in text
            assert "no match" in text
            await at.press("tab", "j", "l", "l", until=lambda: screen.matrix.cursor == (1, 2) and drawn_strips(at) == 7)
            assert [run.id for run in strips(at).pair.runs] == [second.id, third.id]  # type: ignore[union-attr]
            await at.press("w", until=lambda: not strips(at).display)
            await at.press("w", until=lambda: strips(at).display)

    async def test_weak_matches_and_failures_say_so(
        self, opened: Open, source: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        weak = [MatchedCode(0, 1, 0.2), MatchedCode(1, 0, 0.91), MatchedCode(2, 2, 0.77), MatchedCode(3, 3, 0.7)]
        monkeypatch.setattr(source, "match", lambda *_: weak)
        async with opened((200, 50)) as at:
            await at.until("3 of 4 codes match")
            assert "? c1" in strips(at).cells.plain
            monkeypatch.setattr(source, "model", _refuse)
            await at.press("j", until="checkpoint 4 is torn [x]")

    async def test_where_there_is_no_room_nothing_is_read_until_asked_for(self, opened: Open, source: Any) -> None:
        base = source.listed[0]
        source.listed = [replace(base, id=f"20261123-{k:06}-aaaaaa", name=f"run-{k}") for k in range(30)]
        source.stored = [full_selection(source.listed)]
        async with opened((80, 24)) as at:
            await asyncio.sleep(0.6)
            assert not strips(at).display
            assert source.asked == []
            await at.press("w", until=lambda: drawn_strips(at) > 0)


def _refuse(*arguments: object) -> None:
    raise InputError("checkpoint 4 is torn [x]")
