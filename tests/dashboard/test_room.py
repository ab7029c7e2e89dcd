"""No word that matters is cut, and no half of a screen is empty while there is more to say."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from rich.color import Color
from rich.console import Console
from rich.text import Text
from textual.timer import Timer
from textual.widgets import Checkbox, Input, OptionList, Static

from cr_tui.dashboard.app import Dashboard
from cr_tui.dashboard.keys import keymap
from cr_tui.dashboard.keys.keymap import PLACE_TITLES
from cr_tui.dashboard.model.curves import RunCurves, ShownRun
from cr_tui.dashboard.model.data import Worker
from cr_tui.dashboard.runs.columns import PADDING, choose_columns
from cr_tui.dashboard.runs.machine_strip import MachineStrip
from cr_tui.dashboard.runs.marks_strip import marks_line
from cr_tui.dashboard.runs.overview import overview
from cr_tui.dashboard.runs.rows import GroupRow
from cr_tui.dashboard.runs.run_card import RunCard
from cr_tui.dashboard.runs.run_detail import headline
from cr_tui.dashboard.selection.form import SelectionFormScreen
from cr_tui.dashboard.shared.help import help_text
from cr_tui.dashboard.shared.screen import DashboardScreen
from cr_tui.dashboard.shared.text_line import TextLine, in_lines
from cr_tui.dashboard.system.machine_view import _Pen, history_lines, worker_lines
from cr_tui.dashboard.theme import DARK
from cr_tui.render.curves.chart import chart
from cr_tui.render.curves.series import Series
from engine.choosing.methods import SELECTION_METHODS
from tests.dashboard.conftest import NOW, make_machine, make_run

Build = Callable[..., Dashboard]
LONG = "infogan-cr-lambda_info-{}-contrastive_learning_rate-0.002-s0"


# -- words ---------------------------------------------------------------------------------------------------------


def test_a_headline_holds_whole_facts() -> None:
    run = make_run(0, group="cr-baseline", device="cuda:0")
    for width in range(20, 100):
        facts = headline(run, width).plain.split("pool-s0")[1].strip().split(" · ")
        assert set(facts) <= {"", "infogan-cr on minisprites", "seed 0", "group cr-baseline", "cuda:0"}


async def test_a_line_without_room_says_so(dashboard: Build, source: Any, drive: Any) -> None:
    source.listed = [make_run(0, "failed", reason="the loss became NaN at step 1200, and " * 4)]
    app = dashboard()
    async with app.run_test(size=(80, 24)) as pilot:
        await drive.settle(pilot, lambda: "✗ failed  pool-s0" in drive.text(app))
        line = next(line for line in drive.text(app).splitlines() if "✗ failed  pool-s0" in line)
        assert line.rstrip().endswith("…")
        assert len(line.rstrip()) > 76


def test_a_folded_group_keeps_its_best_score_in_80_cells() -> None:
    runs = tuple(
        make_run(number, status)
        for number, status in enumerate(["running", "stopped", "finished", "failed", "queued", "crashed"])
    )
    text = GroupRow("cr-3dteapots", runs).draw(DARK, 76).plain
    assert "best FactorVAE 0.850" in text
    assert "✗ 1" in text
    assert "1 run " in GroupRow("alone", runs[:1]).draw(DARK, 76).plain


@pytest.mark.parametrize("width", [60, 78, 118])
def test_marks_are_named_so_that_they_differ(width: int) -> None:
    runs = [make_run(number, name=LONG.format(number)) for number in range(60)]
    shown = [ShownRun(run.id, run.name, (9, 9, 9), None) for run in runs]  # type: ignore[arg-type]
    text = marks_line(runs, shown, (), width, DARK).plain
    names = text.split("marked  ")[1].split("  ")[:-1]
    assert "……" not in text
    assert len(names) == len(set(names)) >= 2


def test_without_colours_marks_are_the_letters_of_the_lines() -> None:
    runs = [make_run(number) for number in range(3)]
    shown = [ShownRun(run.id, run.name, (9, 9, 9), None) for run in runs]  # type: ignore[arg-type]
    assert "a pool-s0  b pool-s1  c pool-s2" in marks_line(runs, shown, (), 78, DARK, letters=True).plain
    assert "● pool-s0  ● pool-s1" in marks_line(runs, shown, (), 78, DARK).plain


def test_marks_of_two_groups_with_the_same_names_differ() -> None:
    runs = [
        make_run(number, name=LONG.format(number % 3), group=("sweep", "again")[number // 3]) for number in range(6)
    ]
    for width in (80, 120, 200, 300):
        text = marks_line(runs, (), (), width, DARK).plain
        names = [part.split("+")[0].strip() for part in text.split("• ")[1:]]
        assert len(names) == len(set(names)) >= 1
        assert len(text) <= width


def test_charts_say_that_they_are_being_read() -> None:
    run = ShownRun("a", "a", (9, 9, 9), RunCurves("a", complete=False))
    assert not overview([run], DARK.runs)["losses"].is_read
    assert "reading …" in chart([], 40, 8, empty="reading …").plain


def test_help_has_room_for_every_label() -> None:
    text = help_text("runs", False).plain
    for place in PLACE_TITLES:
        for key in keymap.keys_of([place], read_only=False):
            assert f"{key.label} " in text


@pytest.mark.parametrize(("width", "shown"), [(160, "63°C"), (110, "40.0/80G"), (80, "76%")])
async def test_the_machine_in_a_line_drops_whole_facts(
    dashboard: Build, source: Any, drive: Any, width: int, shown: str
) -> None:
    source.machine_now = make_machine(gpus=(make_machine().gpus[0], replace(make_machine().gpus[0], index=1)))
    app = dashboard()
    async with app.run_test(size=(width, 40)) as pilot:
        await drive.settle(pilot, lambda: "cuda:1" in str(app.screen.query_one(MachineStrip).cells.plain))
        line = str(app.screen.query_one(MachineStrip).cells.plain)
        assert line.count(shown) == 2
        assert len(line) <= width - 2


async def test_the_title_counts_every_status_in_80_cells(dashboard: Build, source: Any, drive: Any) -> None:
    source.listed = [
        make_run(number, status) for number, status in enumerate(["running", "queued", "failed", "crashed"])
    ]
    app = dashboard(read_only=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await drive.settle(pilot, lambda: "† 1" in drive.text(app))
        assert "read-only  ● 1  ○ 1  ✗ 1  † 1" in drive.text(app).splitlines()[0]


async def test_the_end_of_a_log_is_not_cut(dashboard: Build, source: Any, drive: Any) -> None:
    source.log = ["Traceback", "raise DivergedError: " + "a loss is NaN, " * 6 + "so it ended"]
    app = dashboard()
    async with app.run_test(size=(80, 24)) as pilot:
        await drive.settle(pilot, lambda: "so it ended" in drive.text(app))
        assert "raise DivergedError" in drive.text(app)


async def test_the_line_that_is_taken_stands_out_in_a_list(dashboard: Build, drive: Any) -> None:
    app = dashboard()
    async with app.run_test(size=(80, 24)) as pilot:
        await drive.settle(pilot)
        drive.press(app, "o")
        await drive.settle(pilot, lambda: "Sort by" in drive.text(app))
        options = app.screen.query_one(OptionList)
        papers = [next(iter(options.render_line(row))).style.bgcolor for row in range(options.size.height)]
        assert sorted(map(papers.count, set(papers))) == [1, len(papers) - 1]


async def test_blanks_at_the_end_cut_no_word(dashboard: Build, drive: Any) -> None:
    app = dashboard()
    async with app.run_test(size=(80, 24)) as pilot:
        await drive.settle(pilot)
        headline = app.screen.query_one("#headline", TextLine)

        def shown() -> bool:
            headline.write(Text("x" * 75 + " s3").append("  "))  # the screen itself writes there every second
            return "x s3" in drive.text(app)

        await drive.settle(pilot, shown)


async def test_only_a_ticked_box_has_a_cross_without_colours(
    dashboard: Build, drive: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = dashboard()
    async with app.run_test(size=(80, 24)) as pilot:
        await drive.settle(pilot)
        drive.press(app, "m", "c")
        await drive.settle(pilot, lambda: isinstance(app.screen, SelectionFormScreen) and "^s:" in drive.text(app))
        box = app.screen.query_one("#accept_data", Checkbox)
        for ticked in (False, True):
            box.value = ticked
            await pilot.pause()
            cross = next(part.style for part in box.render_line(0) if part.text == "X")
            assert cross is not None
            assert (cross.color != cross.bgcolor) is ticked


@pytest.mark.parametrize("width", range(20, 39))
def test_lines_that_go_on_end_after_a_word(width: int) -> None:
    text = "the votes cannot tell one from another: 1,900 votes a pair would settle it"
    lines = in_lines(Text(text), Console(), width, 2).plain.splitlines()
    assert len(lines) == 2
    assert all(len(line) <= width for line in lines)
    assert lines[1].endswith(" …")
    assert set(" ".join(lines).split()) <= {*text.split(), "…"}


async def test_a_command_without_room_says_that_it_goes_on(dashboard: Build, source: Any, drive: Any) -> None:
    source.listed = [make_run(number, group="") for number in range(40)]
    app = dashboard()
    async with app.run_test(size=(120, 40)) as pilot:
        await drive.settle(pilot)
        drive.press(app, "m", "c")
        await drive.settle(pilot, lambda: isinstance(app.screen, SelectionFormScreen) and "^s:" in drive.text(app))
        app.screen.query_one("#votes", Input).value = "900"
        command = app.screen.query_one("#command", Static)
        await drive.settle(pilot, lambda: "--votes 900 2026" in str(command.render()))
        assert command.size.height == 3
        assert str(command.render()).endswith(" …")


async def test_the_card_says_nothing_twice(dashboard: Build, source: Any, drive: Any) -> None:
    source.listed = [make_run(0, "finished")]
    app = dashboard()
    async with app.run_test(size=(120, 40)) as pilot:
        await drive.settle(pilot, lambda: "FactorVAE  " in app.screen.query_one(RunCard).cells.plain)
        assert "finished" not in app.screen.query_one(RunCard).cells.plain


def test_a_legend_names_somebody_and_small_charts_claim_nothing() -> None:
    lines = [Series(name, np.arange(9.0), np.arange(9.0)) for name in ("learning_rate_factor", "lambda_cr", "gap")]
    assert "learning" in chart(lines, 34, 8, title="schedules").plain.splitlines()[0]
    assert "no points yet" not in chart(lines, 34, 3, title="schedules").plain


async def test_a_remark_on_the_filter_leaves_its_words(dashboard: Build, drive: Any) -> None:
    app = dashboard()
    async with app.run_test(size=(80, 24)) as pilot:
        await drive.settle(pilot)
        words = "score.mig>0.1 not group:nowhere"
        drive.press(app, "slash", *words, "enter")
        await drive.settle(pilot, lambda: "begins with" in drive.text(app))
        assert words in drive.text(app)
        assert "no group begins with 'nowhere'; there is pool" in drive.text(app)


async def test_questions_name_runs_so_that_they_differ(dashboard: Build, source: Any, drive: Any) -> None:
    source.listed = [make_run(number, name=LONG.format(number)) for number in range(5)]
    app = dashboard()
    async with app.run_test(size=(80, 24)) as pilot:
        await drive.settle(pilot, lambda: "0.850" in drive.text(app) or "0.820" in drive.text(app))
        drive.press(app, "a", "d")
        await drive.settle(pilot, lambda: "Delete (y)" in drive.text(app))
        text = " ".join(drive.text(app).split())
        assert "and 2 more" in text
        assert all(f"lambda_info-{number}" in text or f"info-{number}" in text for number in (0, 1, 2))


def test_processes_have_names_in_80_cells() -> None:
    workers = [
        Worker(40001, "a", "cr-baseline-s1", "/store", ("core-0",), 97.0, 2_900 * 2**20, 8.1),
        Worker(51233, "b", "ablation-s4", "/data/ada/older", (), 99.0, 1_700 * 2**20, 11.4),
    ]
    lines = [
        "".join(part.text for part in line) for line in worker_lines(workers, make_machine(), "/store", _Pen(DARK, 76))
    ]
    assert "cr-baseline-s1" in lines[2]
    assert "/data/ada/older" in lines[3]
    assert max(map(len, lines)) <= 76


async def test_runs_on_a_gpu_are_named_in_80_cells(dashboard: Build, source: Any, drive: Any) -> None:
    source.listed = [make_run(number, "running", name=LONG.format(number), device="cuda:0") for number in range(3)]
    app = dashboard()
    async with app.run_test(size=(80, 24)) as pilot:
        await drive.settle(pilot)
        drive.press(app, "6")
        await drive.settle(pilot, lambda: "250 W" in drive.text(app))
        lines = drive.text(app).splitlines()
        below = lines[next(number for number, line in enumerate(lines) if "250 W" in line) + 1]
        assert below.rstrip("▁▂▃▄▅▆▇█▎ ").endswith("-s0 and 1 more")


@pytest.mark.parametrize("width", [80, 120, 200])
async def test_a_far_store_is_named_at_every_width(dashboard: Build, source: Any, drive: Any, width: int) -> None:
    source.location = "ssh://ada@gpu1.lab.example/data"
    app = dashboard()
    async with app.run_test(size=(width, 24)) as pilot:
        await drive.settle(pilot, lambda: "pool-s0" in drive.text(app))
        title = drive.text(app).splitlines()[0]
        assert source.location in title
        assert "1 runs" in title
        assert "6" in title


@pytest.mark.parametrize("width", [78, 118, 198, 298])
def test_columns_are_chosen_where_no_run_is_listed(width: int) -> None:
    """As while the store is read, or under a filter that none passes."""
    assert sum(column.width + PADDING for column in choose_columns([], width)) <= width


@pytest.mark.parametrize(("width", "cells"), [(120, 14), (300, 28)])
def test_groups_take_the_room_that_names_leave(width: int, cells: int) -> None:
    runs = [replace(make_run(number), group=f"a-rather-long-name-of-group{number}") for number in range(2)]
    (group,) = [column for column in choose_columns(runs, width) if column.key == "group"]
    assert group.width == cells
    assert sum(column.width + PADDING for column in choose_columns(runs, width)) <= width


# -- room ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_run_without_points_shows_what_is_known(
    dashboard: Build, source: Any, drive: Any, size: tuple[int, int]
) -> None:
    source.listed = [make_run(0, "queued", step=0, scores={}, losses=(), reason="number 2 in line for GPUs")]
    source.log = []
    app = dashboard()
    async with app.run_test(size=size) as pilot:
        await drive.settle(pilot, lambda: "training.steps = 4000" in drive.text(app))
        assert "no points yet" not in drive.text(app)
        assert app.screen.query_one(RunCard).size.width >= size[0] - 4


async def test_a_card_with_room_shows_settings_and_keeps_its_colours(dashboard: Build, source: Any, drive: Any) -> None:
    app = dashboard()
    async with app.run_test(size=(200, 50)) as pilot:
        await drive.settle(pilot, lambda: "training.steps = 4000" in drive.text(app))
        lines = app.screen.query_one(RunCard).cells.lines
        said = next(part for line in lines for part in line if "as preset quick says" in part.text)
        assert said.style is not None
        assert said.style.color == Color.parse(DARK.faint)


async def test_a_traceback_is_cut_between_its_lines(dashboard: Build, source: Any, drive: Any) -> None:
    source.listed = [make_run(0, "failed", reason="it failed")]
    trace = [
        f'  File "/a/rather/long/path/to/module_{number}.py", line {number}, in call_{number}' for number in range(30)
    ]
    source.facts_now = replace(source.facts_now, traceback="\n".join(trace))
    app = dashboard()
    async with app.run_test(size=(120, 40)) as pilot:
        await drive.settle(pilot, lambda: "in call_29" in drive.text(app))
        card = app.screen.query_one(RunCard).cells.plain.splitlines()
        after = card[card.index("…") + 1]
        assert after.startswith('  File "') or after.strip() == "File"


def test_charts_of_the_machine_fill_the_room() -> None:
    from cr_tui.dashboard.model.machine_history import MachineHistory

    history = MachineHistory()
    for minute in range(30):
        history.add(make_machine(at=NOW + 60 * minute))
    for width, room in [(296, 50), (196, 25), (116, 9)]:
        lines = history_lines(history, make_machine(), width, room, DARK)
        assert 0.7 * room <= len(lines) <= room + 1
    narrow = history_lines(history, make_machine(), 116, 9, DARK)
    assert "cuda:0 %" in "".join(part.text for part in narrow[1])


@pytest.mark.parametrize(("height", "everything"), [(24, False), (80, True)])
async def test_the_form_shows_all_settings_where_half_would_be_empty(
    dashboard: Build, drive: Any, height: int, everything: bool
) -> None:
    app = dashboard()
    async with app.run_test(size=(80, height)) as pilot:
        await drive.settle(pilot)
        drive.press(app, "n")
        await drive.settle(pilot, lambda: "--preset quick" in drive.text(app))
        assert ("keep_checkpoints" in drive.text(app)) is everything
        # Which values it takes leaves room for what it means.
        assert "InfoGAN with the contrastive regulariser" in drive.text(app)


async def test_every_selection_method_is_seen_at_80_by_24(dashboard: Build, drive: Any) -> None:
    app = dashboard()
    async with app.run_test(size=(80, 24)) as pilot:
        await drive.settle(pilot)
        drive.press(app, "m", "c")
        await drive.settle(pilot, lambda: isinstance(app.screen, SelectionFormScreen) and "^s:" in drive.text(app))
        assert all(f" {name} " in drive.text(app) for name in SELECTION_METHODS)


# -- quitting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("way", "asked"), [((), "machine"), ((), "facts"), (("2",), "settings"), (("6",), "machine")])
async def test_what_is_found_after_the_end_is_dropped(
    dashboard: Build, source: Any, drive: Any, way: tuple[str, ...], asked: str
) -> None:
    app = dashboard()
    answers, begun, ended = getattr(source, asked), threading.Event(), threading.Event()

    def late(*arguments: object) -> object:
        begun.set()
        ended.wait(10)
        return answers(*arguments)

    setattr(source, asked, late)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        drive.press(app, *way)
        for _ in range(200):
            if begun.is_set():
                break
            await asyncio.sleep(0.02)
        screen = app.screen
        app.exit()
        await screen.remove_children()
        ended.set()
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("way", [(), ("2",), ("3",), ("4",), ("5",), ("6",), ("n",)])
async def test_nothing_is_drawn_after_the_end(
    dashboard: Build, drive: Any, monkeypatch: pytest.MonkeyPatch, way: tuple[str, ...]
) -> None:
    """What a screen put off until later comes to nothing once its widgets are gone, as at quitting."""
    waiting: list[Callable[[], object]] = []

    def keep(screen: DashboardScreen, seconds: float, act: Callable[[], object], **options: object) -> Timer:
        waiting.append(act)
        return Timer(screen, seconds)

    monkeypatch.setattr(DashboardScreen, "set_timer", keep)
    monkeypatch.setattr(DashboardScreen, "set_interval", keep)
    app = dashboard()
    async with app.run_test(size=(80, 24)) as pilot:
        await drive.settle(pilot)
        drive.press(app, *way)
        await drive.settle(pilot)
        screen = app.screen
        app.exit()
        await screen.remove_children()
        for act in waiting:
            act()
    assert waiting
