"""What a result says, at a glance and in detail."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from cr_tui.dashboard.model.selections import Computation
from tests.dashboard.selection.results import HOSTILE, NOW, SCREENS, full_selection, rows_of

Open = Callable[..., Any]


class TestResult:
    async def test_best_first_with_verdict_and_every_score(self, opened: Open, source: Any) -> None:
        every = ["rank", "name", "model-centrality", "medoid", "interval", "udr-lasso", "udr-spearman", "supervised"]
        said = ("pool-s2", "62%", "900 votes", "0.74, by chance up to 0.48", "by factor-vae, 400", "1m00 ago")
        async with opened(SCREENS[0], "cannot tell") as at:
            for size in SCREENS:
                await at.resize(size)
                assert rows_of(at.screen) == [source.listed[k].id for k in (2, 1, 0)]
                assert [part for part in said if part not in at.text] == []
                headings = [heading.key for heading in at.screen.table.headings]
                assert headings == (every[:5] if size == SCREENS[0] else every)
                assert [line for line in at.text.splitlines() if "pool-s2" in line and "●" in line]

    async def test_another_method_orders(self, opened: Open, source: Any) -> None:
        async with opened((120, 40)) as at:
            screen = at.screen
            seen = []
            for _ in range(4):
                seen.append((screen._selection.order_by, rows_of(screen)[0]))  # type: ignore[union-attr]
                await at.press("o", until=lambda: screen._selection.order_by != seen[-1][0])  # type: ignore[union-attr]
            first, last = source.listed[0].id, source.listed[2].id
            assert seen == [
                ("model-centrality", last),
                ("udr-lasso", first),
                ("udr-spearman", first),
                ("supervised", last),
            ]

    async def test_runs_left_out_are_named_with_the_reason(self, opened: Open, source: Any) -> None:
        source.stored = [full_selection(source.listed[:3], source.listed[4:5])]
        async with opened((80, 24), "1 left out") as at:
            screen = at.screen
            assert rows_of(screen)[-1] == source.listed[4].id
            assert screen.matrix._picture.size == 3  # type: ignore[union-attr]
            await at.press("G", until="pool-s4 is left out: its encoder answers with NaN")

    async def test_older_results_and_those_across_groups(self, opened: Open, source: Any) -> None:
        pool = source.listed[:3]
        mixed = full_selection([pool[0], pool[1], source.listed[6]], id="mixed")
        source.stored = [full_selection(pool), full_selection(pool[:2], id="old", created=NOW - 7200), mixed]
        async with opened((120, 40), "result 1 of 2") as at:
            screen = at.screen
            await at.press("comma", until=lambda: "result 2 of 2" in at.text and len(rows_of(screen)) == 2)
            assert "2h00 ago" in at.text
            await at.press("comma", until="no older result")
            await at.press("left_square_bracket", until="‹ several groups ›")
            assert "alone" in at.text

    async def test_a_result_without_a_matrix_says_so(self, opened: Open, source: Any) -> None:
        found = full_selection(source.listed[:3])
        source.stored = [
            found.model_copy(update={"matrix": None, "methods": {"udr-lasso": found.methods["udr-lasso"]}})
        ]
        async with opened((80, 24), "only model-centrality") as at:
            await at.press("p", until="there is no matrix to draw")

    async def test_hostile_names_and_reasons_are_shown_literally(self, opened: Open, source: Any) -> None:
        source.change(source.listed[2].id, name=HOSTILE)
        found = full_selection(source.listed[:3])
        hostile = {"warnings": (HOSTILE,), "verdict": HOSTILE}
        central = found.methods["model-centrality"].model_copy(update=hostile)
        source.stored = [
            found.model_copy(update={"methods": {**found.methods, "model-centrality": central, HOSTILE: central}})
        ]
        source.computing = [Computation(False, HOSTILE, "x", tuple(run.id for run in source.listed[:3]), begun=NOW)]
        async with opened((120, 40), "[red]x[/red]␛]0;gone") as at:
            assert not {"\x1b", "\u202e", "\n\n\n\n\n\n\n\n\n\n"} & set(at.text)


class TestAtAGlance:
    async def test_verdict_and_caveat_stand_above_and_values_grow_with_the_room(
        self, opened: Open, source: Any
    ) -> None:
        seen = []
        async with opened(SCREENS[0]) as at:
            for size in (*SCREENS, (300, 80)):
                await at.resize(size)
                lines = at.text.splitlines()
                matrix = next(number for number, line in enumerate(lines) if "encoder ↓" in line)
                above = " ".join(" ".join(lines[:matrix]).split())
                assert "cannot tell" in above
                assert "900 votes a pair would settle it" in above
                seen.append(at.screen.matrix.window.cell)
                assert f"{source.stored[0].matrix[1, 2]:.2f}" in at.text
        assert seen[0].across < seen[-1].across
        assert seen[-1].halves > 2

    async def test_long_names_that_differ_at_their_end_are_told_apart(self, opened: Open, source: Any) -> None:
        for number in range(3):
            name = f"a-very-long-name-of-a-sweep-over-many-settings-lr{number}"
            source.change(source.listed[number].id, name=name)
        async with opened((80, 24)) as at:
            rows = [line for line in at.text.splitlines() if re.search(r" [123] {2}\S", line)]
            assert {number for number in range(3) if any(f"lr{number}" in line for line in rows)} == {0, 1, 2}

    async def test_names_get_room_before_intervals(self, opened: Open, source: Any) -> None:
        for number in range(3):
            source.change(source.listed[number].id, name=f"lr{number}-of-a-sweep-over-settings-{number}")
        async with opened((200, 50)) as at:
            screen = at.screen
            widths = {heading.key: heading.width for heading in screen.table.headings}
            assert widths["name"] > len("lr0-of-a-sweep-over-settings-0")


async def test_a_newer_smaller_result_does_not_take_the_place_of_a_richer_one(opened: Open, source: Any) -> None:
    rich = full_selection(source.listed[:3], id="sel-1", created=NOW - 600)
    small = full_selection(source.listed[:2], id="sel-2", created=NOW - 60)
    source.stored = [small, rich]
    async with opened((120, 40)) as at:
        screen = at.screen
        assert len(rows_of(screen)) == 3
        assert "1 newer: ." in at.text
        await at.press(".", until=lambda: len(rows_of(screen)) == 2)
        assert "newer: ." not in at.text
