"""The log of a run: following, searching, levels."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from rich.style import Style
from textual.color import Color

from cr_tui.dashboard.app import Dashboard
from cr_tui.dashboard.logs.log_pane import LogPane
from cr_tui.dashboard.logs.screen import LogsScreen
from cr_tui.dashboard.shared.text_box import TextBox
from cr_tui.dashboard.theme import DARK
from tests.dashboard.conftest import NOW

Build = Callable[..., Dashboard]


def pane(app: Dashboard) -> LogPane:
    return app.screen.query_one(LogPane)


async def open_log(app: Dashboard, pilot: Any, drive: Any, lines: int) -> None:
    await drive.settle(pilot)
    drive.press(app, "5")
    await drive.settle(pilot, lambda: isinstance(app.screen, LogsScreen) and len(pane(app)._lines) == lines)


async def test_follows_until_one_scrolls_up_and_again_when_asked(dashboard: Build, source: Any, drive: Any) -> None:
    source.log = [f"line {number}" for number in range(100)]
    app = dashboard(refresh_seconds=0.1)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await open_log(app, pilot, drive, 100)
        await drive.settle(pilot, lambda: "line 99" in drive.text(app))
        assert "following" in drive.text(app)
        drive.press(app, "k", "k")
        await drive.settle(pilot, lambda: "line 99" not in drive.text(app))
        source.log.append("the newest")
        await drive.settle(pilot, lambda: "of 101" in drive.text(app))
        assert "the newest" not in drive.text(app)
        drive.press(app, "f")
        await drive.settle(pilot, lambda: "the newest" in drive.text(app))
        source.log.append("one more")
        await drive.settle(pilot, lambda: "one more" in drive.text(app))
        drive.press(app, "g")
        await drive.settle(pilot, lambda: "line 0" in drive.text(app))


async def test_finds_a_text_and_walks_through_its_lines(dashboard: Build, source: Any, drive: Any) -> None:
    source.log = [f"line {number} {'Needle [x]' if number % 40 == 7 else ''}" for number in range(200)]
    app = dashboard()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await open_log(app, pilot, drive, 200)
        drive.press(app, "/")
        await drive.settle(pilot, lambda: drive.focused(app) == "search")
        drive.press(app, *"needle [x]", "enter")
        await drive.settle(pilot, lambda: "5/5 × needle [x]" in drive.text(app))
        # Where there are no colours the line tells which of them it is.
        assert [bool(part.style.underline) for part in pane(app)._marked("needle [x]", Style(), DARK, True)] == [True]
        assert [bool(part.style.underline) for part in pane(app)._marked("needle [x]", Style(), DARK, False)] == [False]
        assert "line 167" in drive.text(app)
        drive.press(app, "n")
        await drive.settle(pilot, lambda: "1/5" in drive.text(app) and "line 7 " in drive.text(app))
        drive.press(app, "N")
        await drive.settle(pilot, lambda: "5/5" in drive.text(app))
        drive.press(app, "escape")
        await drive.settle(pilot, lambda: "needle" not in drive.text(app).splitlines()[1])
        drive.press(app, "/")
        await drive.settle(pilot, lambda: drive.focused(app) == "search")
        drive.press(app, *"nowhere", "enter")
        await drive.settle(pilot, lambda: "the log has no 'nowhere'" in drive.text(app))


@pytest.mark.parametrize(
    ("line", "colour"),
    [
        ("ERROR it broke", DARK.error),
        ("ValueError: no", DARK.error),
        ("Traceback (most recent call last):", DARK.error),
        ("UserWarning: careful", DARK.alert),
        ("DEBUG details", DARK.faint),
        ("terrors and warnings of old", None),
    ],
)
async def test_levels_have_colours(dashboard: Build, source: Any, drive: Any, line: str, colour: str | None) -> None:
    source.log = [line]
    app = dashboard()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await open_log(app, pilot, drive, 1)
        first = next(iter(pane(app).render_line(0)))
        assert first.text.startswith(line)
        assert first.style is not None
        plain = pane(app).visual_style.rich_style.color
        wanted = plain if colour is None else Color.parse(colour).rich_color
        assert first.style.color == wanted


async def test_long_lines_are_seen_sideways_and_other_runs_next(dashboard: Build, source: Any, drive: Any) -> None:
    source.log = ["a" * 200 + "END"]
    app = dashboard()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await open_log(app, pilot, drive, 1)
        assert "END" not in drive.text(app)
        drive.press(app, *["l"] * 9)
        await drive.settle(pilot, lambda: "END" in drive.text(app))
        assert "pool-s0" in drive.text(app)
        drive.press(app, "right_square_bracket")
        await drive.settle(pilot, lambda: "pool-s1" in drive.text(app))
        drive.press(app, "left_square_bracket")
        await drive.settle(pilot, lambda: "pool-s0" in drive.text(app) and "END" in drive.text(app))
        drive.press(app, "c")
        await drive.settle(pilot, lambda: "copied 1 line;" in drive.text(app))
        assert app.clipboard == "a" * 200 + "END"


async def test_a_log_that_is_being_read_is_not_called_empty(
    dashboard: Build, source: Any, drive: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LogsScreen, "_follow", lambda *_: None)
    app = dashboard()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await drive.settle(pilot)
        drive.press(app, "5")
        await drive.settle(pilot, lambda: "reading …" in drive.text(app))


async def test_no_run_and_no_log_are_said(dashboard: Build, source: Any, drive: Any) -> None:
    source.log = []
    app = dashboard()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await open_log(app, pilot, drive, 0)
        await drive.settle(pilot, lambda: "has written nothing to its log yet" in drive.text(app))
        source.listed = []
        app.read_runs()
        await drive.settle(pilot, lambda: "this run is gone" in drive.text(app))
        drive.press(app, "1", "5")
        await drive.settle(pilot, lambda: "There is no run whose log" in drive.text(app))


async def test_keys_are_not_typed_into_the_search_box_when_the_next_log_is_empty(
    dashboard: Build, source: Any, drive: Any
) -> None:
    app = dashboard()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await open_log(app, pilot, drive, 30)
        drive.press(app, "/")
        await drive.settle(pilot, lambda: drive.focused(app) == "search")
        drive.press(app, *"step 12", "enter")
        await drive.settle(pilot, lambda: "× step 12" in drive.text(app))
        source.log = []
        before = app.screen._run_id
        drive.press(app, "]", "]", "]", "[")
        await drive.settle(pilot, lambda: app.screen._run_id not in (None, before))
        assert app.screen.query_one(TextBox).value == "step 12"
        assert drive.focused(app) == "log"


async def test_long_lines_are_wrapped_and_nothing_of_them_is_lost(dashboard: Build, source: Any, drive: Any) -> None:
    source.log = [f"line {number} " + "x" * (200 if number == 3 else 1) + "|" for number in range(60)]
    app = dashboard()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await open_log(app, pilot, drive, 60)
        drive.press(app, "g")
        await drive.settle(pilot, lambda: "line 3" in drive.text(app))
        assert drive.text(app).count("x") < 150
        drive.press(app, "w")
        await drive.settle(pilot, lambda: drive.text(app).count("x") > 200)
        drive.press(app, "G")
        await drive.settle(pilot, lambda: "line 59" in drive.text(app) and "60 of 60" in drive.text(app))
        drive.press(app, "w")
        await drive.settle(pilot, lambda: "line 59" in drive.text(app))


async def test_lines_have_their_times(dashboard: Build, drive: Any) -> None:
    app = dashboard()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await open_log(app, pilot, drive, 30)
        drive.press(app, "t")
        await drive.settle(pilot, lambda: "01-15" in drive.text(app))
        assert pane(app)._date(0) == time.strftime("%m-%d %H:%M:%S ", time.localtime(NOW))


async def test_errors_are_gone_to(dashboard: Build, source: Any, drive: Any) -> None:
    source.log = ["ValueError: no" if number in (5, 50) else f"line {number}" for number in range(100)]
    app = dashboard()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await open_log(app, pilot, drive, 100)
        drive.press(app, "E")
        await drive.settle(pilot, lambda: pane(app).match == 50 and "ValueError" in drive.text(app))
        drive.press(app, "E")
        await drive.settle(pilot, lambda: pane(app).match == 5)
        drive.press(app, "e")
        await drive.settle(pilot, lambda: pane(app).match == 50)
        source.log = ["fine"]
        drive.press(app, "]")
        await drive.settle(pilot, lambda: len(pane(app)._lines) == 1)
        drive.press(app, "e")
        await drive.settle(pilot, lambda: "no line of this log looks like an error" in drive.text(app))


async def test_opens_the_log_of_the_run_under_the_cursor_whatever_is_marked(
    dashboard: Build, source: Any, drive: Any
) -> None:
    app = dashboard()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await drive.settle(pilot)
        drive.press(app, "space", "j", "j", "5")
        await drive.settle(pilot, lambda: isinstance(app.screen, LogsScreen))
        assert app.screen._run_id == source.listed[3].id
