"""Checkpoints, and another run beside this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cr_tui.dashboard.model.data import MatchedCode
from engine.errors import InputError

Open = Callable[..., Any]


class TestCheckpoints:
    async def test_steps_through_them_with_the_latents_that_are_held(self, opened: Open, source: Any) -> None:
        async with opened((80, 24)) as at:
            at.send("L")
            await at.settle()
            moved = at.value(0)
            await at.press("left_square_bracket", until="checkpoint 2,000, 2 of 3")
            await at.until(lambda: source.decoded[-1][1] == 2000)
            assert at.value(0) == moved
            await at.press("right_square_bracket", until="checkpoint 4,000, 3 of 3")
            await at.press("right_square_bracket", until="this is the newest checkpoint")

    async def test_a_broken_one_is_told_and_what_is_there_stays(self, opened: Open, source: Any) -> None:
        async with opened((120, 40)) as at:
            source.refusal = "checkpoint [2000] is damaged"
            await at.press("left_square_bracket", until="checkpoint [2000] is damaged")
            assert at.all_drawn
            assert "checkpoint 4,000" in at.text

    async def test_without_any_it_waits_for_the_first(self, opened: Open, source: Any) -> None:
        source.checkpoints = ()
        async with opened((80, 24), "No checkpoint yet.", keys=("j", "j", "j", "t")) as at:
            assert "pool-s3 is running at step 1,200 of 4,000" in at.text
            assert "looks by itself" in at.text
            source.checkpoints = (1300,)
            source.change(source.listed[3].id, step=1300)
            at.app.read_runs()
            await at.until(lambda: "checkpoint 1,300" in at.text and at.all_drawn)

    async def test_says_why_there_is_nothing_to_see(self, opened: Open, source: Any) -> None:
        source.refusal = "[pool-s0] cannot be read"
        async with opened((80, 24), "[pool-s0] cannot be read") as at:
            at.send(*"jlLz0pc+i", "space")
            source.refusal = None
            await at.press("R", until=lambda: at.all_drawn)


class TestComparing:
    async def test_codes_are_matched_and_move_together(self, opened: Open, source: Any) -> None:
        async with opened((120, 40), beside="98%") as at:
            first, second = source.listed[0].id, source.listed[1].id
            assert ("match", (first, 4000, second, 4000)) in source.asked
            margins = [at.row(code).cells.plain for code in range(4)]
            assert "↔ c1" in margins[0]
            assert "↔ -c0" in margins[1]
            assert "none" in margins[3]
            await at.press("j", "H", "H", "H", "H", "H", "H", "H", "l", until=lambda: at.value(1) == -0.9)

            def last(run_id: str) -> np.ndarray:
                return next(job[2][0] for job in reversed(source.decoded) if job[0] == run_id and len(job[2]) == 1)

            await at.until(lambda: last(first)[1] == pytest.approx(-0.9))
            await at.until(lambda: last(second)[0] == pytest.approx(0.9, abs=1e-5))
            # The traversal of a counterpart that falls is turned round, so that images in a column correspond.
            walks = [job[2][:, 0] for job in source.decoded if job[0] == second and len(job[2]) > 1]
            assert any(walk[0] == 1 and walk[-1] == -1 for walk in walks)

    async def test_goes_through_the_marked_runs_and_back_to_one(self, opened: Open) -> None:
        async with opened((120, 40), keys=("space", "space", "space", "g", "t")) as at:
            for name in ("pool-s1", "pool-s2"):
                await at.press("c", until=f"↔  {name}")
            await at.press("c", until=lambda: "↔" not in at.text)

    async def test_without_another_marked_run_it_says_what_to_do(self, opened: Open) -> None:
        async with opened((120, 40)) as at:
            await at.press("c", until="mark another run")

    async def test_codes_that_cannot_be_matched_leave_both_to_be_seen(self, opened: Open, source: Any) -> None:
        def refuse(*_: object) -> None:
            raise InputError("images of [other] shapes")

        source.match = refuse
        async with opened((120, 40), beside="images of [other] shapes") as at:
            await at.until(lambda: "none" in at.row(0).cells.plain)
            assert "pool-s1" in at.held


async def test_weak_matches_look_weak(opened: Open, source: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "match", lambda *_: [MatchedCode(0, 0, 0.3), MatchedCode(1, 1, 0.98)])
    async with opened((120, 40), beside="98%") as at:
        await at.until(lambda: at.all_drawn)
        assert "? c0" in at.row(0).cells.plain
        assert "↔ c1" in at.row(1).cells.plain
        strips = [at.row(code)._pictures(at.exploration, at.row(code)._layout) for code in (0, 1)]
        weak, strong = (one[1].frames.max() for one in strips)
        assert weak < strong
