"""What can be done to runs from home, and what is withheld."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cr_tui.dashboard.app import Dashboard
from cr_tui.dashboard.model.new_runs import NewRuns
from cr_tui.dashboard.new_run.screen import NewRunScreen
from cr_tui.dashboard.runs.run_detail import RunDetail
from cr_tui.dashboard.runs.run_table import RunTable
from cr_tui.dashboard.runs.screen import RunsScreen
from cr_tui.dashboard.selection.screen import SelectionScreen
from cr_tui.dashboard.shared.confirm import ConfirmScreen

Build = Callable[..., Dashboard]


class TestActions:
    async def test_offers_only_what_applies_and_resumes_without_asking(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot, lambda: not drive.footer(app).get("Stop", True))
            assert not drive.footer(app)["Resume"]
            drive.press(app, "j", "j", "j")
            await drive.settle(pilot, lambda: drive.footer(app)["Stop"])
            assert not drive.footer(app)["Resume"]
            drive.press(app, "j")
            await drive.settle(pilot, lambda: drive.footer(app)["Resume"])
            assert not drive.footer(app)["Stop"]
            drive.press(app, "s", "r")
            await drive.settle(pilot, lambda: source.asked == [("resume", source.listed[4].id)])

    async def test_asks_before_a_run_goes_on_with_changed_data(self, dashboard: Build, source: Any, drive: Any) -> None:
        run = source.listed[4]
        source.changed_data = {run.id}
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, "j", "j", "j", "j", "r")
            await drive.settle(pilot, lambda: isinstance(app.screen, ConfirmScreen))
            assert f"Resume {run.name}?" in drive.text(app)
            assert "are others" in drive.text(app)
            drive.press(app, "n")
            await drive.settle(pilot, lambda: isinstance(app.screen, RunsScreen))
            assert source.asked == []
            drive.press(app, "r")
            await drive.settle(pilot, lambda: isinstance(app.screen, ConfirmScreen))
            drive.press(app, "y")
            await drive.settle(pilot, lambda: source.asked == [("accept and resume", run.id)])

    async def test_stopping_and_deleting_ask_first(self, dashboard: Build, source: Any, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, "j", "j", "j", "s")
            await drive.settle(pilot, lambda: isinstance(app.screen, ConfirmScreen))
            assert "Stop pool-s3?" in drive.text(app)
            drive.press(app, "enter")
            await drive.settle(pilot, lambda: isinstance(app.screen, RunsScreen))
            assert source.asked == []
            drive.press(app, "s")
            await drive.settle(pilot, lambda: isinstance(app.screen, ConfirmScreen))
            drive.press(app, "y")
            await drive.settle(pilot, lambda: source.asked == [("stop", source.listed[3].id)])
            await drive.settle(pilot, lambda: isinstance(app.screen, RunsScreen))
            drive.press(app, "g", "d")
            await drive.settle(pilot, lambda: isinstance(app.screen, ConfirmScreen))
            assert "Delete pool-s0?" in drive.text(app)
            drive.press(app, "y")
            await drive.settle(pilot, lambda: app.screen.query_one(RunTable).row_count == 6)
            assert [verb for verb, _ in source.asked] == ["stop", "remove"]

    async def test_a_deletion_names_what_is_lost_and_is_taken_back(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        app = dashboard()
        ids = [run.id for run in source.listed]
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, "space", "space", "d")
            await drive.settle(pilot, lambda: isinstance(app.screen, ConfirmScreen))
            assert "Delete 2 runs (pool-s0, pool-s1)?" in drive.text(app)
            assert "8 checkpoints, 60.0 MB" in drive.text(app)
            drive.press(app, "y")
            await drive.settle(pilot, lambda: "deleted pool-s0, pool-s1" in drive.text(app))
            await drive.settle(pilot, lambda: app.screen.query_one(RunTable).row_count == 5)
            drive.press(app, "u")
            await drive.settle(pilot, lambda: app.screen.query_one(RunTable).row_count == 7)
            assert [run.id for run in source.listed] == ids
            await drive.settle(pilot, lambda: "brought back pool-s0, pool-s1" in drive.text(app))
            drive.press(app, "u")
            await drive.settle(pilot)
            assert [verb for verb, _ in source.asked].count("bring_back") == 2

    async def test_marks_and_filter_are_taken_back_newest_first(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, "j", "space", "a")
            await drive.settle(pilot, lambda: len(app.session.marked) == 7)
            drive.press(app, "slash")
            await drive.settle(pilot, lambda: drive.focused(app) == "filter")
            drive.press(app, *"s4", "enter")
            await drive.settle(pilot, lambda: app.screen.query_one(RunTable).row_count == 1)
            drive.press(app, "escape")
            await drive.settle(pilot, lambda: app.screen.query_one(RunTable).row_count == 7)
            drive.press(app, "u")
            await drive.settle(pilot, lambda: app.screen.query_one(RunTable).row_count == 1)
            drive.press(app, "u")
            await drive.settle(pilot, lambda: app.session.marked == [source.listed[1].id])

    async def test_again_opens_the_form_with_what_the_run_was(self, dashboard: Build, source: Any, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, "j", "e")
            await drive.settle(
                pilot, lambda: isinstance(app.screen, NewRunScreen) and "--preset paper" in drive.text(app)
            )
            drive.press(app, "ctrl+s")
            await drive.settle(pilot, lambda: bool(source.asked))
            texts = {"data.name": "minisprites", "group": "pool", "seed": "1", "training.steps": "4000"}
            wanted = NewRuns("infogan-cr", "paper", texts)
            assert source.asked == [("start", wanted)]

    async def test_a_refusal_is_shown_literally(self, dashboard: Build, source: Any, drive: Any) -> None:
        source.refusal = "run [/red] \x1b[2J is gone"
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, *"jjjj", "r")
            await drive.settle(pilot, lambda: "run [/red] ␛[2J is gone" in drive.text(app))

    async def test_the_id_is_copied_and_tmux_is_thought_of(self, dashboard: Build, source: Any, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, "j", "y")
            await drive.settle(pilot, lambda: "set-clipboard on" in drive.text(app))
            assert app.clipboard == source.listed[1].id

    async def test_read_only_withholds_every_change(self, dashboard: Build, source: Any, drive: Any) -> None:
        app = dashboard(read_only=True)
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot)
            assert "read-only" in drive.text(app)
            assert not {"New", "Stop", "Resume"} & drive.footer(app).keys()
            drive.press(app, "n", "j", "j", "j", "s", "j", "r", "d", "e", "m")
            await drive.settle(pilot, lambda: isinstance(app.screen, SelectionScreen))
            drive.press(app, "c")
            await drive.settle(pilot)
            assert source.asked == []

    async def test_leaving_closes_the_source_and_changes_nothing(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, "q")
        assert source.closed
        assert source.asked == []

    async def test_curves_that_come_while_everything_is_taken_down_are_not_drawn(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot, lambda: bool(app.session.curves))
            app.exit()
            await app.screen.query_one(RunDetail).remove_children()
            app.screen._drawn = []
            app._take_curves(Dashboard.CurvesRead(app.session.curves))
        assert source.closed
