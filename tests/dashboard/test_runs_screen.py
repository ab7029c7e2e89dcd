"""Home: the table, its filter, marks and folds, and text that means harm."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from textual.geometry import Region
from textual.widget import Widget

from cr_tui.dashboard.app import Dashboard
from cr_tui.dashboard.runs.chart_view import ChartView
from cr_tui.dashboard.runs.log_view import LogView
from cr_tui.dashboard.runs.rows import GroupRow
from cr_tui.dashboard.runs.run_table import RunTable
from cr_tui.dashboard.runs.screen import RunsScreen
from cr_tui.dashboard.shared.confirm import ConfirmScreen
from cr_tui.dashboard.shared.key_footer import KeyFooter
from cr_tui.dashboard.shared.pick import PickScreen
from cr_tui.dashboard.shared.text_box import TextBox

SIZES = [(80, 24), (200, 50)]
Build = Callable[..., Dashboard]


def chart_of(app: Dashboard, name: str = "losses") -> str:
    return app.screen.query_one(f"#{name}", ChartView).cells.plain


def names_in(table: RunTable) -> list[str]:
    return [row.group if isinstance(row, GroupRow) else row.name for row in table.rows]


@pytest.mark.parametrize("size", SIZES)
class TestRuns:
    async def test_lists_runs_and_shows_all_of_the_one_under_the_cursor(
        self, dashboard: Build, source: Any, drive: Any, size: tuple[int, int]
    ) -> None:
        app = dashboard()
        async with app.run_test(size=size, notifications=True) as pilot:
            await drive.settle(pilot, lambda: "discriminator" in chart_of(app))
            text = drive.text(app)
            for run in source.listed:
                assert run.name in text
            assert "✓ finished" in text
            assert "● running" in text
            assert "† crashed" in text
            assert "4000/4000" in text
            assert "4m12" in text
            assert "● 1" in text
            assert "step 129 loss 0.129" in text
            assert not app.screen.query_one("#filter-line").display
            drive.press(app, "j", "j", "j", "j")
            await drive.settle(pilot, lambda: "the loss became" in drive.text(app))
            small = size == (80, 24)
            await drive.settle(pilot, lambda: "losses" in drive.text(app))
            if small:
                drive.press(app, "v")
                await drive.settle(pilot, lambda: "schedules" in drive.text(app))
                drive.press(app, "v")
            await drive.settle(pilot, lambda: "checkpoints  3, newest 4,000" in drive.text(app))
            drive.press(app, "v")
            await drive.settle(pilot, lambda: app.screen.query_one(LogView).size.height > 8)
            assert "schedules" not in drive.text(app)
            assert "losses" not in drive.text(app)
            assert app.screen.query_one(LogView).size.height > 8

    async def test_changes_are_seen_and_the_cursor_stays(
        self, dashboard: Build, source: Any, drive: Any, size: tuple[int, int]
    ) -> None:
        app = dashboard()
        async with app.run_test(size=size, notifications=True) as pilot:
            await drive.settle(pilot)
            table = app.screen.query_one(RunTable)
            drive.press(app, "j", "j", "j")
            running = source.listed[3].id
            await drive.settle(pilot, lambda: table.selected_id == running)
            source.change(running, step=3999, status="finished")
            source.listed.insert(0, source.listed.pop())
            app.read_runs()
            await drive.settle(pilot, lambda: "3999/4000" in drive.text(app))
            assert table.selected_id == running
            source.listed = [run for run in source.listed if run.id != source.listed[1].id]
            app.read_runs()
            await drive.settle(pilot, lambda: table.row_count == 6)
            assert table.selected_id == running


class TestTable:
    async def test_only_what_changed_is_painted(self, dashboard: Build, source: Any, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot)
            table = app.screen.query_one(RunTable)
            painted: list[tuple[Region, ...]] = []
            table.refresh = lambda *regions, **options: painted.append(regions)  # type: ignore[assignment,method-assign,return-value]
            app.read_runs()
            await drive.settle(pilot)
            assert painted == []
            source.change(source.listed[3].id, step=1250)
            app.read_runs()
            await drive.settle(pilot, lambda: bool(painted))
            ((region,),) = painted
            digits = table.render_line(4).text.index("50/4000")
            # Of 1200 and 1250 only one digit differs.
            assert region == Region(digits, 4, 1, 1)

    async def test_a_run_that_goes_on_lays_nothing_out_anew(
        self, dashboard: Build, source: Any, drive: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is hidden was updated with each look at the runs, and then the whole screen was laid out."""
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            # The charts make room for themselves once they have been read.
            await drive.settle(pilot, lambda: "0.917" in drive.text(app) and "loss 0.129" in drive.text(app))
            laid_out: list[Widget] = []
            refresh = Widget.refresh

            def seen(widget: Widget, *regions: Region, layout: bool = False, **options: Any) -> Widget:
                if layout:
                    laid_out.append(widget)
                return refresh(widget, *regions, layout=layout, **options)

            monkeypatch.setattr(Widget, "refresh", seen)
            source.change(source.listed[3].id, step=1250)
            app.read_runs()
            await drive.settle(pilot, lambda: "1250" in drive.text(app))
            assert laid_out == []

    async def test_a_thousand_runs_are_walked_and_only_those_on_the_screen_drawn(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        template = source.listed[0]
        source.listed = [
            replace(template, id=f"r{n:04}", name=f"n{n}", created=template.created - n) for n in range(1000)
        ]
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            table = app.screen.query_one(RunTable)
            await drive.settle(pilot, lambda: table.row_count == 1000)
            assert len(table._strips) < 20
            drive.press(app, "G")
            await drive.settle(pilot, lambda: "n999" in drive.text(app))
            assert table.selected_id == "r0999"
            await drive.settle(pilot, lambda: "r0999" in source.watched)
            assert len(source.watched) < 20
            drive.press(app, "ctrl+u", "k")
            await drive.settle(pilot, lambda: table.selected_id not in ("r0999", "r0998"))
            drive.press(app, "g")
            await drive.settle(pilot, lambda: "n0 " in drive.text(app))

    async def test_the_losses_of_all_rows_are_asked_for_when_the_table_grows(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 20), notifications=True) as pilot:
            await drive.settle(pilot, lambda: 0 < len(source.watched) < 7)
            await pilot.resize_terminal(120, 50)
            await drive.settle(pilot, lambda: len(source.watched) == 7)

    async def test_sorts_by_every_column_and_back(self, dashboard: Build, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot)
            table = app.screen.query_one(RunTable)
            assert "Age▴" in drive.text(app)
            drive.press(app, "o")
            await drive.settle(pilot, lambda: isinstance(app.screen, PickScreen))
            drive.press(app, *"name", "enter")
            await drive.settle(pilot, lambda: "Name▴" in drive.text(app))
            names = names_in(table)
            assert names == sorted(names)
            drive.press(app, "O")
            await drive.settle(pilot, lambda: "Name▾" in drive.text(app))
            assert names_in(table) == names[::-1]
            # Columns that have no room otherwise come into view when they decide the order.
            for title in ("Loss", "MIG", "Rank", "Device", "Seed", "Data", "Group", "Method"):
                drive.press(app, "o")
                await drive.settle(pilot, lambda: isinstance(app.screen, PickScreen))
                drive.press(app, *title.lower(), "enter")
                await drive.settle(pilot, lambda title=title: re.search(f"{title}[▾▴]", drive.text(app)) is not None)

    async def test_the_header_follows_an_order_that_changes_no_row(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        source.listed = source.listed[:1]
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot, lambda: "Age▴" in drive.text(app))
            drive.press(app, "O")
            await drive.settle(pilot, lambda: "Age▾" in drive.text(app))

    async def test_further_columns_come_into_view(self, dashboard: Build, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot)
            assert "Device" not in drive.text(app)
            drive.press(app, *"lll")
            await drive.settle(pilot, lambda: "Loss" in drive.text(app) and "⠢⠤⢄" in drive.text(app))
            drive.press(app, *"llll")
            await drive.settle(pilot, lambda: "Device" in drive.text(app))
            assert "Name" in drive.text(app)
            drive.press(app, *"hhhhhhh")
            await drive.settle(pilot, lambda: "Step" in drive.text(app) and "Device" not in drive.text(app))

    async def test_a_header_sorts_and_a_row_is_chosen_with_the_mouse(self, dashboard: Build, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot)
            table = app.screen.query_one(RunTable)
            await pilot.click(RunTable, offset=(16, 0))
            await drive.settle(pilot, lambda: "Name▴" in drive.text(app))
            await pilot.click(RunTable, offset=(16, 0))
            await drive.settle(pilot, lambda: "Name▾" in drive.text(app))
            await pilot.click(RunTable, offset=(16, 3))
            await drive.settle(pilot, lambda: table.selected is table.rows[2])


class TestFilter:
    async def test_narrows_and_escape_shows_all_again(self, dashboard: Build, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot)
            table = app.screen.query_one(RunTable)
            drive.press(app, "/")
            await drive.settle(pilot, lambda: drive.focused(app) == "filter")
            drive.press(app, *"status:f", "enter")
            await drive.settle(pilot, lambda: table.row_count == 4)
            assert table.has_focus
            assert "Clear filter" in drive.footer(app)
            drive.press(app, "escape")
            await drive.settle(pilot, lambda: table.row_count == 7)
            assert not app.screen.query_one("#filter-line").display
            assert "Clear filter" not in drive.footer(app)

    async def test_nothing_passes(self, dashboard: Build, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, "/")
            await drive.settle(pilot, lambda: drive.focused(app) == "filter")
            drive.press(app, *"[/nope]", "enter")
            await drive.settle(pilot, lambda: app.screen.query_one(RunTable).row_count == 0)
            assert "No run passes the filter" in drive.text(app)
            assert "Traverse" not in app.screen.query_one(KeyFooter).labels
            drive.press(app, "t", "s", "d", "space", "z", "y", "e")
            await drive.settle(pilot)
            assert isinstance(app.screen, RunsScreen)

    async def test_a_group_given_at_the_start_is_a_filter(self, dashboard: Build, drive: Any) -> None:
        app = dashboard(group="pool")
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot, lambda: app.screen.query_one(RunTable).row_count == 6)
            assert app.screen.query_one("#filter", TextBox).value == "group:pool"


class TestMarks:
    async def test_marked_runs_are_drawn_together_in_the_colours_of_the_table(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        app = dashboard()
        async with app.run_test(size=(200, 50), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, "space", "j", "space", "space")
            await drive.settle(pilot, lambda: "3 marked" in drive.text(app) and chart_of(app).count("●") == 3)
            marked = app.session.marked
            assert marked == [source.listed[n].id for n in (0, 2, 3)]
            colours = [run.colour for run in app.screen.shown_runs]
            assert len(set(colours)) == 3
            assert list(app.screen.query_one(RunTable).marked.values()) == colours
            legend = app.screen.query_one("#losses", ChartView).cells.lines[0]
            bullets = [segment.style.color.triplet for segment in legend if segment.text == "● "]  # type: ignore[union-attr]
            assert [tuple(bullet) for bullet in bullets if bullet] == colours
            drive.press(app, "k", "space")
            await drive.settle(pilot, lambda: "2 marked" in drive.text(app))
            assert [run.colour for run in app.screen.shown_runs] == colours[:2]

    async def test_all_are_marked_and_more_than_there_are_colours_are_said_to_be(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        template = source.listed[0]
        source.listed = [replace(template, id=f"r{n}", name=f"n{n}", created=template.created - n) for n in range(30)]
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, "a")
            await drive.settle(pilot, lambda: "charts show the first 12 of the 30 marked runs" in drive.text(app))
            colours = [run.colour for run in app.screen.shown_runs]
            assert len(set(colours)) == len(colours) == 12
            drive.press(app, "a")
            await drive.settle(pilot, lambda: app.session.marked == [])

    async def test_actions_are_for_the_marked(self, dashboard: Build, source: Any, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, *"jjjj", "space", "space")
            await drive.settle(pilot, lambda: len(app.session.marked) == 2)
            drive.press(app, "r")
            wanted = {("resume", source.listed[n].id) for n in (4, 5)}
            await drive.settle(pilot, lambda: set(source.asked) == wanted)
            drive.press(app, "d")
            await drive.settle(pilot, lambda: isinstance(app.screen, ConfirmScreen))
            assert "Delete 2 runs (pool-s4, pool-s5)?" in drive.text(app)
            drive.press(app, "y")
            await drive.settle(pilot, lambda: app.screen.query_one(RunTable).row_count == 5)
            assert app.session.marked == []


class TestGroups:
    async def test_a_group_becomes_one_line_and_opens_again(self, dashboard: Build, source: Any, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await drive.settle(pilot)
            table = app.screen.query_one(RunTable)
            drive.press(app, "j", "z")
            await drive.settle(pilot, lambda: names_in(table) == ["pool", "alone"])
            text = drive.text(app)
            assert "▸ pool  6 runs" in text
            assert "✓ 3 finished" in text
            assert "best FactorVAE 0.850" in text
            assert table.selected_id == "group:pool"
            drive.press(app, "space")
            await drive.settle(pilot, lambda: len(app.session.marked) == 6)
            drive.press(app, "k", "z")
            await drive.settle(pilot, lambda: table.row_count == 7)
            drive.press(app, "Z")
            await drive.settle(pilot, lambda: table.row_count == 2)
            drive.press(app, "Z")
            await drive.settle(pilot, lambda: table.row_count == 7)


class TestEmptyAndTrouble:
    async def test_no_runs_yet_teaches(self, dashboard: Build, source: Any, drive: Any) -> None:
        source.listed = []
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot, lambda: "No runs yet" in drive.text(app))
            assert "crtui demo" in drive.text(app)
            assert drive.footer(app)["New"]
            assert not drive.footer(app)["Stop"]

    async def test_a_reader_is_not_told_to_start_what_it_may_not(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        source.listed = []
        app = dashboard(read_only=True)
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot, lambda: "This view is read-only" in drive.text(app))
            assert "Press  n" not in drive.text(app)

    async def test_trouble_is_named_and_passes(self, dashboard: Build, source: Any, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot)
            source.trouble = "the store /store is gone [red]\x1b[2J"
            app.read_runs()
            await drive.settle(pilot, lambda: "the store /store is gone [red]␛[2J" in drive.text(app))
            assert "pool-s0" in drive.text(app)
            source.trouble = None
            app.read_runs()
            await drive.settle(pilot, lambda: "is gone" not in drive.text(app))

    async def test_a_run_that_is_deleted_while_it_is_looked_at(self, dashboard: Build, source: Any, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, "space", "space", "2")
            await drive.settle(pilot, lambda: "loss_generator" in drive.text(app))
            source.listed = source.listed[1:]
            app.read_runs()
            await drive.settle(pilot, lambda: "pool-s0" not in drive.text(app))
            assert "pool-s1" in drive.text(app)
            source.listed = []
            app.read_runs()
            await drive.settle(pilot, lambda: "Nothing to draw yet" in drive.text(app))
            drive.press(app, "1")
            await drive.settle(pilot, lambda: "No runs yet" in drive.text(app))


HOSTILE = [
    "[red]x[/red]",
    "[/nope]",
    "\x1b]52;c;aGk=\x07",
    "\x1b[2J",
    "x" * 10_000,
    "مرحبا\u202eabc",
    "😀👩\u200d🔬 emoji",
    "two\nlines",
    "\x9b31m\x00",
]


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_hostile_text_is_shown_literally_everywhere(
    dashboard: Build, source: Any, drive: Any, size: tuple[int, int]
) -> None:
    template = source.listed[4]
    source.listed = [
        replace(template, id=f"r{n}", name=text, group=text, method=text, data=text, device=text, reason=text,
                settings={text: text}, created=template.created - n)
        for n, text in enumerate(HOSTILE)
    ]  # fmt: skip
    source.log = HOSTILE
    app = dashboard()
    async with app.run_test(size=size, notifications=True) as pilot:
        await drive.settle(pilot)
        for key in ("j", "a", "Z", "Z", "2", "d", "enter", "5", "6", "1"):
            drive.press(app, key)
            await drive.settle(pilot)
            for line in drive.text(app).splitlines():
                assert all(character.isprintable() or character in "\u200d" for character in line), (key, line)
        assert "[red]x[/red]" in drive.text(app)


async def test_a_terminal_resized_a_hundred_times(dashboard: Build, drive: Any) -> None:
    app = dashboard()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await drive.settle(pilot)
        drive.press(app, "space", "space")
        sizes = [(20, 6), (200, 50), (1, 1), (110, 33), (150, 34), (80, 24), (3, 90), (250, 2), (36, 8), (12, 12)]
        for number in range(100):
            if number % 20 == 0:
                drive.press(app, str(number // 20 % 6 + 1 if number // 20 % 6 not in (2, 3) else 2))
            await pilot.resize_terminal(*sizes[number % len(sizes)])
        await pilot.resize_terminal(80, 24)
        drive.press(app, "1")
        await drive.settle(pilot, lambda: "pool-s0" in drive.text(app) and "2 marked" in drive.text(app))
