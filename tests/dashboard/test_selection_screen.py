"""The selection screen, driven by keys and mouse on fixed data."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from PIL import Image
from textual.pilot import Pilot
from textual.widgets import Checkbox, Input, Select, SelectionList

from cr_tui.dashboard.app import Dashboard
from cr_tui.dashboard.charts.screen import ChartsScreen
from cr_tui.dashboard.inspect.screen import InspectScreen
from cr_tui.dashboard.model.data import MatchedCode, Run
from cr_tui.dashboard.model.selections import Computation
from cr_tui.dashboard.model.view_state import ViewState
from cr_tui.dashboard.runs.screen import RunsScreen
from cr_tui.dashboard.selection.form import SelectionFormScreen
from cr_tui.dashboard.selection.matrix_view import MatrixView
from cr_tui.dashboard.selection.pair_view import PairView
from cr_tui.dashboard.selection.ranking_table import RankingTable
from cr_tui.dashboard.selection.screen import SelectionScreen
from cr_tui.dashboard.shared.confirm import ConfirmScreen
from cr_tui.render.matrices.matrix import SIZES, MatrixPicture
from cr_tui.render.matrices.matrix_picture import matrix_picture
from cr_tui.render.palette import MISSING, STEPS
from engine.choosing.request import SelectionRequest
from engine.choosing.result import MethodResult, SelectionResult, Voting
from engine.errors import InputError

Build = Callable[..., Dashboard]
NOW = 1_800_000_000.0
SCREENS = [(80, 24), (120, 40), (200, 50)]
HOSTILE = "[red]x[/red]\x1b]0;gone\x07\u202eevil\n" + "n" * 10_000


def full_selection(runs: Sequence[Run], left_out: Sequence[Run] = (), **changes: Any) -> SelectionResult:
    """A result of all methods; later runs are better by ModelCentrality, earlier ones by the UDR."""
    n, members = len(runs), [*runs, *left_out]
    ids = tuple(run.id for run in members)
    rows, columns = np.indices((n, n))
    matrix = np.full((len(ids), len(ids)), np.nan)
    matrix[:n, :n] = 0.5 + 0.4 * (rows + 1) * (columns + 2) / ((n + 1) * (n + 2)) + 0.05 * (rows == columns)
    scores = np.full(len(ids), np.nan)
    scores[:n] = [
        (matrix[i, :n].sum() + matrix[:n, i].sum() - 2 * matrix[i, i]) / (2 * max(n - 1, 1)) for i in range(n)
    ]
    best_first = tuple(ids[i] for i in range(n - 1, -1, -1))
    nan = [float("nan")] * len(left_out)
    share = [0.0] * n
    share[-1], share[-2] = 0.62, 0.38
    warnings = ("pool-s2 and pool-s1 cannot be told apart by these votes; about 900 votes a pair would settle it",)
    excluded = {run.id: "its encoder answers with NaN" for run in left_out}
    central = MethodResult(
        scores=tuple(scores.tolist()),
        ranking=best_first,
        excluded=excluded,
        intervals=tuple([(score - 0.02, score + 0.01) for score in scores[:n].tolist()] + [None] * len(left_out)),
        medoid_probability=(*share, *nan),
        verdict="cannot tell",
        warnings=warnings,
        similarity="factor-vae",
        agreement=0.74,
        agreement_by_chance=0.48,
    )
    udr = MethodResult(scores=(*np.linspace(0.8, 0.4, n).tolist(), *nan), ranking=tuple(ids[:n]), excluded=excluded)
    found = SelectionResult(
        id="sel-9",
        created=NOW - 60,
        runs=ids,
        names=tuple(run.name for run in members),
        methods={"model-centrality": central, "udr-lasso": udr, "udr-spearman": udr},
        matrix=matrix,
        protocol=Voting(votes=400),
    )
    return found.model_copy(update=changes)


def asked(source: Any) -> list[tuple[str, object]]:
    """What the source was asked to do, apart from reading models."""
    return [one for one in source.asked if one[0] not in ("model", "match")]


async def open_screen(app: Dashboard, drive: Any, pilot: Pilot[None], until: str = "centrality of") -> SelectionScreen:
    await drive.settle(pilot)
    drive.press(app, "m")
    await drive.settle(pilot, lambda: isinstance(app.screen, SelectionScreen) and until in drive.text(app))
    assert isinstance(app.screen, SelectionScreen)
    return app.screen


def rows_of(screen: SelectionScreen) -> list[str | None]:
    table = screen.query_one(RankingTable)
    return [table.ordered_rows[row].key.value for row in range(table.row_count)]


class TestResult:
    @pytest.mark.parametrize("size", SCREENS)
    async def test_best_first_with_verdict_and_every_score(
        self, dashboard: Build, source: Any, drive: Any, size: tuple[int, int]
    ) -> None:
        source.stored = [full_selection(source.listed[:3])]
        app = dashboard()
        async with app.run_test(size=size) as pilot:
            screen = await open_screen(app, drive, pilot, "cannot tell")
            assert rows_of(screen) == [source.listed[k].id for k in (2, 1, 0)]
            text = drive.text(app)
            for shown in (
                "pool-s2",
                "62%",
                "900 votes",
                "0.74, by chance up to 0.48",
                "by factor-vae, 400",
                "1m00 ago",
            ):
                assert shown in text, shown
            headings = [heading.key for heading in screen.table._headings]
            assert headings == ["rank", "name", "model-centrality", "medoid", "interval", "udr-lasso", "udr-spearman",
                                "supervised"]  # fmt: skip
            assert [line for line in text.splitlines() if "pool-s2" in line and "●" in line]

    async def test_another_method_orders(self, dashboard: Build, source: Any, drive: Any) -> None:
        source.stored = [full_selection(source.listed[:3])]
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            screen = await open_screen(app, drive, pilot)
            seen = []
            for _ in range(4):
                seen.append((screen._selection.order_by, rows_of(screen)[0]))  # type: ignore[union-attr]
                drive.press(app, "o")
                await drive.settle(pilot, lambda: screen._selection.order_by != seen[-1][0])  # type: ignore[union-attr]
            first, last = source.listed[0].id, source.listed[2].id
            assert seen == [
                ("model-centrality", last),
                ("udr-lasso", first),
                ("udr-spearman", first),
                ("supervised", last),
            ]

    async def test_runs_left_out_are_named_with_the_reason(self, dashboard: Build, source: Any, drive: Any) -> None:
        source.stored = [full_selection(source.listed[:3], source.listed[4:5])]
        app = dashboard()
        async with app.run_test(size=(80, 24)) as pilot:
            screen = await open_screen(app, drive, pilot, "1 left out")
            assert rows_of(screen)[-1] == source.listed[4].id
            assert screen.matrix._picture.size == 3  # type: ignore[union-attr]
            drive.press(app, "G")
            await drive.settle(pilot, lambda: "pool-s4 is left out: its encoder answers with NaN" in drive.text(app))

    async def test_older_results_and_those_across_groups(self, dashboard: Build, source: Any, drive: Any) -> None:
        pool = source.listed[:3]
        mixed = full_selection([pool[0], pool[1], source.listed[6]], id="mixed")
        source.stored = [full_selection(pool), full_selection(pool[:2], id="old", created=NOW - 7200), mixed]
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            screen = await open_screen(app, drive, pilot, "result 1 of 2")
            drive.press(app, "comma")
            await drive.settle(pilot, lambda: "result 2 of 2" in drive.text(app) and len(rows_of(screen)) == 2)
            assert "2h00 ago" in drive.text(app)
            drive.press(app, "comma")
            await drive.settle(pilot, lambda: "no older result" in drive.text(app))
            drive.press(app, "left_square_bracket")
            await drive.settle(pilot, lambda: "‹ several groups ›" in drive.text(app))
            assert "alone" in drive.text(app)

    async def test_a_result_without_a_matrix_says_so(self, dashboard: Build, source: Any, drive: Any) -> None:
        found = full_selection(source.listed[:3])
        source.stored = [
            found.model_copy(update={"matrix": None, "methods": {"udr-lasso": found.methods["udr-lasso"]}})
        ]
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await open_screen(app, drive, pilot, "only model-centrality")
            drive.press(app, "p")
            await drive.settle(pilot, lambda: "there is no matrix to draw" in drive.text(app))

    async def test_hostile_names_and_reasons_are_shown_literally(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        source.change(source.listed[2].id, name=HOSTILE)
        found = full_selection(source.listed[:3])
        hostile = {"warnings": (HOSTILE,), "verdict": HOSTILE}
        central = found.methods["model-centrality"].model_copy(update=hostile)
        source.stored = [
            found.model_copy(update={"methods": {**found.methods, "model-centrality": central, HOSTILE: central}})
        ]
        source.computing = [Computation(False, HOSTILE, "x", tuple(run.id for run in source.listed[:3]), begun=NOW)]
        app = dashboard()
        async with app.run_test(size=(120, 40)) as pilot:
            await open_screen(app, drive, pilot, "[red]x[/red]␛]0;gone")
            assert not {"\x1b", "\u202e", "\n\n\n\n\n\n\n\n\n\n"} & set(drive.text(app))


class TestCursor:
    async def test_table_and_matrix_share_it_and_read_the_pair_out(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        source.stored = [found] = [full_selection(source.listed[:3])]
        app = dashboard()
        async with app.run_test(size=(80, 24)) as pilot:
            screen = await open_screen(app, drive, pilot)
            drive.press(app, "j")
            await drive.settle(pilot, lambda: screen.matrix.cursor == (1, 0))
            drive.press(app, "tab")
            await drive.settle(pilot, lambda: isinstance(app.focused, MatrixView))
            drive.press(app, "l", "l", "j")
            await drive.settle(pilot, lambda: screen.matrix.cursor == (2, 2))
            assert screen.table.selected_id == source.listed[0].id
            drive.press(app, "h", "h")
            await drive.settle(pilot, lambda: screen.matrix.cursor == (2, 0))
            forth, back = found.matrix[0, 2], found.matrix[2, 0]  # type: ignore[index]
            text = drive.text(app)
            assert f"{forth:.3f}, the other way {back:.3f}, mean {(forth + back) / 2:.3f}" in text
            score = found.methods["model-centrality"].scores[0]
            assert f"{score:.3f} [{score - 0.02:.3f}, {score + 0.01:.3f}]" in text
            lines = text.splitlines()
            assert [line.split() for line in lines if line.startswith((" encoder of ", " on images of "))] == [
                ["encoder", "of", "3", "pool-s0"],
                ["on", "images", "of", "1", "pool-s2"],
            ]
            drive.press(app, "m")
            await drive.settle(pilot, lambda: screen.matrix.cursor == (0, 2))

    async def test_the_mouse_points(self, dashboard: Build, source: Any, drive: Any) -> None:
        source.stored = [full_selection(source.listed[:3])]
        app = dashboard()
        async with app.run_test(size=(120, 40)) as pilot:
            screen = await open_screen(app, drive, pilot)
            window = screen.matrix.window
            assert window is not None
            x, y = window.margin + window.cell.across * 2 + 1, 2 + window.line_of(1)
            await pilot.click(screen.matrix, offset=(screen.matrix.gutter.left + x, y))
            await drive.settle(pilot, lambda: screen.matrix.cursor == (1, 2))
            assert screen.table.selected_id == source.listed[1].id

    async def test_it_stays_with_its_runs_when_the_order_changes(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        source.stored = [full_selection(source.listed[:3])]
        app = dashboard()
        async with app.run_test(size=(120, 40)) as pilot:
            screen = await open_screen(app, drive, pilot)
            drive.press(app, "tab")
            await drive.settle(pilot, lambda: isinstance(app.focused, MatrixView))
            drive.press(app, "l")
            await drive.settle(pilot, lambda: screen.matrix.cursor == (0, 1))
            drive.press(app, "o")
            await drive.settle(pilot, lambda: screen.matrix.cursor == (2, 1))
            assert screen.table.selected_id == source.listed[2].id

    async def test_a_large_matrix_scrolls(self, dashboard: Build, source: Any, drive: Any) -> None:
        base = source.listed[0]
        source.listed = [replace(base, id=f"20261123-{k:06}-aaaaaa", name=f"run-{k}") for k in range(120)]
        source.stored = [full_selection(source.listed)]
        app = dashboard()
        async with app.run_test(size=(80, 24)) as pilot:
            screen = await open_screen(app, drive, pilot, "rows 1–")
            drive.press(app, "tab")
            await drive.settle(pilot, lambda: isinstance(app.focused, MatrixView))
            drive.press(app, "G")
            await drive.settle(pilot, lambda: screen.matrix.cursor == (119, 119))
            assert f"–{120} of 120" in drive.text(app)
            assert screen.table.cursor_row == 119
            drive.press(app, "g", "plus", "plus", "plus", "plus")
            await drive.settle(pilot, lambda: screen.matrix.window.cell == SIZES[4])  # type: ignore[union-attr]
            assert screen.matrix.cursor == (0, 0)
            best = source.stored[0].matrix[119, 119]
            assert f"[{best:.2f}".replace("0.", ".") in drive.text(app)

    async def test_goes_to_inspect_charts_and_back(self, dashboard: Build, source: Any, drive: Any) -> None:
        source.stored = [full_selection(source.listed[:3])]
        app = dashboard()
        async with app.run_test(size=(80, 24)) as pilot:
            await open_screen(app, drive, pilot)
            drive.press(app, "enter")
            await drive.settle(pilot, lambda: isinstance(app.screen, InspectScreen) and bool(source.asked))
            assert source.asked[0][1][0] == source.listed[2].id
            drive.press(app, "escape")
            await drive.settle(pilot, lambda: isinstance(app.screen, SelectionScreen))
            drive.press(app, "tab")
            await drive.settle(pilot, lambda: isinstance(app.focused, MatrixView))
            drive.press(app, "j")
            drive.press(app, "enter")
            await drive.settle(pilot, lambda: isinstance(app.screen, InspectScreen) and len(source.asked) == 2)
            assert source.asked[1][1][0] == source.listed[1].id
            drive.press(app, "escape")
            await drive.settle(pilot, lambda: isinstance(app.screen, SelectionScreen))
            drive.press(app, "v")
            await drive.settle(pilot, lambda: isinstance(app.screen, ChartsScreen) and "pool-s1" in drive.text(app))
            drive.press(app, "escape")
            await drive.settle(pilot, lambda: isinstance(app.screen, SelectionScreen))
            drive.press(app, "space")
            await drive.settle(pilot, lambda: app.session.marked == [source.listed[1].id])
            drive.press(app, "escape")
            await drive.settle(pilot, lambda: isinstance(app.screen, RunsScreen))

    async def test_a_run_that_is_gone_keeps_its_name_and_cannot_be_opened(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        source.stored = [full_selection(source.listed[:3])]
        del source.listed[2]
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await open_screen(app, drive, pilot, "pool-s2")
            drive.press(app, "enter")
            await drive.settle(pilot, lambda: "no longer there" in drive.text(app))


class TestComputing:
    async def test_the_form_starts_what_it_says(self, dashboard: Build, source: Any, drive: Any) -> None:
        source.stored = []
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await open_screen(app, drive, pilot, "has not been ranked yet")
            assert "crtui select --group pool" in drive.text(app)
            drive.press(app, "c")
            await drive.settle(pilot, lambda: isinstance(app.screen, SelectionFormScreen))
            form = app.screen
            form.query_one("#methods", SelectionList).select("udr-lasso")
            form.query_one("#similarity", Select).value = "margin"
            form.query_one("#protocol", Select).value = "paper"
            form.query_one("#votes").value = "4x"  # type: ignore[attr-defined]
            await drive.settle(pilot, lambda: "votes must be a whole number from 1 on, not '4x'" in drive.text(app))
            drive.press(app, "ctrl+s")
            await drive.settle(pilot)
            assert asked(source) == []
            form.query_one("#votes").value = "40"  # type: ignore[attr-defined]
            form.query_one("#accept_data", Checkbox).value = True
            command = "crtui select --group pool --method model-centrality --method"
            await drive.settle(pilot, lambda: command in drive.text(app) and "9 pairs at most" in drive.text(app))
            drive.press(app, "ctrl+s")
            await drive.settle(pilot, lambda: "2/9" in drive.text(app))
            wanted = tuple(run.id for run in source.listed[:3])
            methods = ("model-centrality", "udr-lasso")
            request = SelectionRequest(runs=wanted, methods=methods, similarity="margin", protocol="paper", votes=40)
            request = request.model_copy(update={"accept_data": True})
            assert asked(source) == [("select", request)]
            assert "is being ranked" in drive.text(app)

    async def test_a_refusal_stays_in_the_form(self, dashboard: Build, source: Any, drive: Any) -> None:
        source.refusal = "this very selection [x] is being computed already"
        app = dashboard()
        async with app.run_test(size=(80, 24)) as pilot:
            await open_screen(app, drive, pilot)
            drive.press(app, "c")
            await drive.settle(pilot, lambda: isinstance(app.screen, SelectionFormScreen))
            drive.press(app, "ctrl+s")
            await drive.settle(pilot, lambda: "selection [x] is being computed already" in drive.text(app))
            drive.press(app, "escape")
            await drive.settle(pilot, lambda: isinstance(app.screen, SelectionScreen))

    async def test_marked_runs_can_be_the_pool(self, dashboard: Build, source: Any, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(120, 40)) as pilot:
            await open_screen(app, drive, pilot)
            app.session.marked = [source.listed[k].id for k in (0, 1, 3, 6)]
            drive.press(app, "c")
            await drive.settle(pilot, lambda: isinstance(app.screen, SelectionFormScreen))
            runs = app.screen.query_one("#runs", Select)
            # The third and the fourth still change.
            assert [str(title) for title, _ in runs._options] == ["the 3 finished runs of group pool",
                                                                  "the 2 marked runs"]  # fmt: skip
            runs.value = 1
            drive.press(app, "ctrl+s")
            await drive.settle(pilot, lambda: bool(asked(source)))
            assert asked(source)[0][1].runs == tuple(run.id for run in source.listed[:2])

    async def test_the_partial_matrix_shows_while_it_fills(self, dashboard: Build, source: Any, drive: Any) -> None:
        pool = source.listed[:3]
        ids = tuple(run.id for run in pool)
        matrix = np.array([[1.0, 0.5, np.nan], [0.7, 1.0, np.nan], [np.nan, np.nan, np.nan]])
        found = MethodResult(scores=(0.6, 0.6, float("nan")), ranking=ids[:2])
        partial = SelectionResult(
            id="job-1", created=NOW, runs=ids, methods={"model-centrality": found}, matrix=matrix, partial=True
        )
        computation = Computation(True, "comparing models", "job", ids, 4, 9, 90.0, NOW - 60, True, partial)
        source.stored, source.computing = [full_selection(pool)], [computation]
        app = dashboard()
        async with app.run_test(size=(120, 40)) as pilot:
            screen = await open_screen(app, drive, pilot, "so far")
            text = drive.text(app)
            for shown in ("4/9", "1m30 left", "begun 1m00 ago", "by crtui select", "not compared", "result 1 of 2"):
                assert shown in text, shown
            assert "leads" in text
            source.computing = []
            screen._read_again()
            await drive.settle(pilot, lambda: "cannot tell" in drive.text(app))

    async def test_cancel_asks_first_and_forgets_what_has_ended(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        ids = tuple(run.id for run in source.listed[:3])
        source.computing = [Computation(True, "comparing models", "job", ids, 4, 9, begun=NOW)]
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            screen = await open_screen(app, drive, pilot, "4/9")
            drive.press(app, "x")
            await drive.settle(pilot, lambda: isinstance(app.screen, ConfirmScreen))
            drive.press(app, "n")
            await drive.settle(pilot, lambda: app.screen is screen)
            assert asked(source) == []
            drive.press(app, "x")
            await drive.settle(pilot, lambda: isinstance(app.screen, ConfirmScreen))
            drive.press(app, "y")
            await drive.settle(pilot, lambda: asked(source) == [("cancel", "job")])
            request = SelectionRequest(runs=ids, votes=77)
            source.computing = [replace(source.computing[0], running=False, message="killed [x]", request=request)]
            screen._read_again()
            await drive.settle(pilot, lambda: "not ranked: killed [x]" in drive.text(app))
            drive.press(app, "c")
            await drive.settle(pilot, lambda: isinstance(app.screen, SelectionFormScreen))
            drive.press(app, "ctrl+s")
            await drive.settle(pilot, lambda: asked(source)[-1] == ("select", request))
            source.computing = [Computation(False, "no", "job", ids, begun=NOW)]
            screen._read_again()
            await drive.settle(pilot, lambda: "not ranked: no" in drive.text(app))
            drive.press(app, "x")
            await drive.settle(pilot, lambda: asked(source)[-1] == ("forget", "job"))

    async def test_too_few_runs_teach(self, dashboard: Build, source: Any, drive: Any) -> None:
        source.listed = source.listed[-2:]
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await open_screen(app, drive, pilot, "A ranking needs at least 2 finished runs")
            drive.press(app, "c")
            await drive.settle(pilot, lambda: "mark some, or train more" in drive.text(app))
            source.listed = source.stored = []
            app.read_runs()
            app.screen._read_again()  # type: ignore[attr-defined]
            await drive.settle(pilot, lambda: "There is no run yet" in drive.text(app))

    async def test_read_only_withholds_what_changes_anything(self, dashboard: Build, source: Any, drive: Any) -> None:
        ids = tuple(run.id for run in source.listed[:3])
        source.stored, source.computing = [], [Computation(False, "ended", "job", ids, begun=NOW)]
        app = dashboard(read_only=True)
        async with app.run_test(size=(80, 24)) as pilot:
            await open_screen(app, drive, pilot, "This dashboard is read-only")
            assert "Compute" not in drive.footer(app)
            drive.press(app, "c", "x", "v")
            await drive.settle(pilot)
            assert asked(source) == []
            assert isinstance(app.screen, SelectionScreen)

    async def test_a_store_that_vanishes_leaves_what_was_known(
        self, dashboard: Build, source: Any, drive: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from engine.errors import InputError

        def gone() -> list[SelectionResult]:
            raise InputError("/store/selections cannot be read: [gone]")

        app = dashboard()
        async with app.run_test(size=(80, 24)) as pilot:
            screen = await open_screen(app, drive, pilot)
            present = source.selections
            source.selections, source.damaged = gone, 2
            screen._read_again()
            await drive.settle(pilot, lambda: "/store/selections cannot be read: [gone]" in drive.text(app))
            assert len(rows_of(screen)) == 3
            source.selections = present
            screen._read_again()
            await drive.settle(pilot, lambda: "2 damaged" in drive.text(app) and "[gone]" not in drive.text(app))


class TestTakingAway:
    @pytest.fixture(autouse=True)
    def _here(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)

    async def test_writes_csv_json_and_png_in_the_order_of_the_screen(
        self, dashboard: Build, source: Any, drive: Any, tmp_path: Path
    ) -> None:
        source.change(source.listed[0].id, name="=danger")
        source.stored = [found] = [full_selection(source.listed[:3], source.listed[4:5])]
        app = dashboard()
        async with app.run_test(size=(80, 24)) as pilot:
            await open_screen(app, drive, pilot)
            drive.press(app, "e", "E", "p")
            await drive.settle(pilot, lambda: len(list(tmp_path.iterdir())) == 3)
        files = {path.suffix: path.read_bytes() for path in tmp_path.iterdir()}
        header, *rows = csv.reader(io.StringIO(files[".csv"].decode()))
        by_name = [dict(zip(header, row, strict=True)) for row in rows]
        ids = [source.listed[k].id for k in (2, 1, 0, 4)]
        assert [row["run"] for row in by_name] == ids
        assert by_name[2]["name"] == "'=danger"
        assert [row["model-centrality rank"] for row in by_name] == ["1", "2", "3", ""]
        assert float(by_name[0][f"B {ids[2]} =danger"]) == found.matrix[2, 0]  # type: ignore[index]
        assert float(by_name[0]["model-centrality medoid probability"]) == 0.62
        assert by_name[3][f"B {ids[0]} pool-s2"] == ""
        document = orjson.loads(files[".json"])
        assert (document["runs"], document["matrix_runs"]) == (ids, ids[:3])
        assert document["matrix_names"] == ["pool-s2", "pool-s1", "=danger"]
        assert document["matrix"][0][2] == found.matrix[2, 0]  # type: ignore[index]
        central = document["methods"]["model-centrality"]
        assert central["excluded"] == {ids[3]: "its encoder answers with NaN"}
        assert central["ranking"] == ids[:3]
        assert central["intervals"][3] is None
        picture = np.asarray(Image.open(io.BytesIO(files[".png"])))
        colours = {tuple(colour) for colour in picture.reshape(-1, 3)[::7]}
        assert {STEPS[0], STEPS[-1]} <= colours
        assert MISSING not in colours

    async def test_copies_the_pair(
        self, dashboard: Build, source: Any, drive: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source.stored = [found] = [full_selection(source.listed[:3])]
        app = dashboard()
        copied: list[str] = []
        monkeypatch.setattr(app, "copy_to_clipboard", copied.append)
        async with app.run_test(size=(80, 24)) as pilot:
            await open_screen(app, drive, pilot)
            drive.press(app, "tab")
            await drive.settle(pilot, lambda: isinstance(app.focused, MatrixView))
            drive.press(app, "l", "y")
            await drive.settle(pilot, lambda: bool(copied))
        facts = dict(line.split("\t", 1) for line in copied[0].splitlines())
        assert facts["encoder"] == f"{source.listed[2].id}\tpool-s2"
        assert float(facts["encoder of 1 on images of 2"]) == pytest.approx(found.matrix[2, 1])  # type: ignore[index]
        assert float(facts["encoder of 2 on images of 1"]) == pytest.approx(found.matrix[1, 2])  # type: ignore[index]


def _at(*keys: str, until: str) -> Callable[[Pilot[None]], Any]:
    """Presses keys on the selection screen, then waits until a text is there."""

    async def run(pilot: Pilot[None]) -> None:
        app = pilot.app
        await pilot.pause()
        await pilot.press("m")
        for key in ("", *keys):
            for _ in range(100):
                if app.screen.is_mounted and not isinstance(app.screen, RunsScreen):
                    break
                await pilot.pause(0.05)
            await pilot.pause(0.3)
            if key:
                await pilot.press(key)
        seen, unchanged = "", 0
        for _ in range(400):
            strips = app.screen._compositor.render_strips(app.size)
            text = "\n".join("".join(segment.text for segment in strip) for strip in strips)
            # What threads compute for the pair comes later than the rest.
            unchanged = unchanged + 1 if text == seen and until in text and _is_settled(app) else 0
            if unchanged > 10:
                break
            seen = text
            await pilot.pause(0.05)

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


def strips(app: Dashboard) -> PairView:
    return app.screen.query_one(PairView)


def drawn_strips(app: Dashboard) -> int:
    """How many traversals are drawn below."""
    pair = strips(app).pair
    return sum(len(side.strips) for side in pair.exploration.sides) if pair and pair.exploration else 0


class TestAtAGlance:
    @pytest.mark.parametrize("size", [*SCREENS, (300, 80)])
    async def test_verdict_and_caveat_stand_above_the_matrix(
        self, dashboard: Build, source: Any, drive: Any, size: tuple[int, int]
    ) -> None:
        source.stored = [full_selection(source.listed[:3])]
        app = dashboard()
        async with app.run_test(size=size) as pilot:
            await open_screen(app, drive, pilot)
            lines = drive.text(app).splitlines()
            matrix = next(at for at, line in enumerate(lines) if "encoder ↓" in line)
            above = " ".join(" ".join(lines[:matrix]).split())
            assert "cannot tell" in above
            assert "900 votes a pair would settle it" in above

    async def test_values_grow_with_the_room(self, dashboard: Build, source: Any, drive: Any) -> None:
        source.stored = [full_selection(source.listed[:3])]
        seen = []
        for size in SCREENS:
            app = dashboard()
            async with app.run_test(size=size) as pilot:
                screen = await open_screen(app, drive, pilot)
                await drive.settle(pilot, lambda screen=screen: screen.matrix.window is not None)
                seen.append(screen.matrix.window.cell)  # type: ignore[union-attr]
                assert f"{source.stored[0].matrix[1, 2]:.2f}" in drive.text(app)
        assert seen[0].across < seen[-1].across
        assert seen[-1].halves > 2

    async def test_long_names_that_differ_at_their_end_are_told_apart(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        for number in range(3):
            name = f"a-very-long-name-of-a-sweep-over-many-settings-lr{number}"
            source.change(source.listed[number].id, name=name)
        source.stored = [full_selection(source.listed[:3])]
        app = dashboard()
        async with app.run_test(size=(80, 24)) as pilot:
            await open_screen(app, drive, pilot)
            rows = [line for line in drive.text(app).splitlines() if re.search(r" [123] {2}\S", line)]
            assert {number for number in range(3) if any(f"lr{number}" in line for line in rows)} == {0, 1, 2}

    async def test_names_get_room_before_intervals(self, dashboard: Build, source: Any, drive: Any) -> None:
        for number in range(3):
            source.change(source.listed[number].id, name=f"lr{number}-of-a-sweep-over-settings-{number}")
        source.stored = [full_selection(source.listed[:3])]
        app = dashboard()
        async with app.run_test(size=(200, 50)) as pilot:
            screen = await open_screen(app, drive, pilot)
            widths = {heading.key: heading.width for heading in screen.table._headings}
            assert widths["name"] > len("lr0-of-a-sweep-over-settings-0")

    async def test_columns_of_the_ranking_scroll_by_keys(self, dashboard: Build, source: Any, drive: Any) -> None:
        source.stored = [full_selection(source.listed[:3])]
        app = dashboard()
        async with app.run_test(size=(80, 24)) as pilot:
            screen = await open_screen(app, drive, pilot)
            assert screen.table.max_scroll_x > 0
            drive.press(app, "l")
            await drive.settle(pilot, lambda: screen.table.scroll_x > 0)
            drive.press(app, "h")
            await drive.settle(pilot, lambda: screen.table.scroll_x == 0)


class TestPair:
    async def test_pick_and_runner_up_at_first_then_the_pair_at_the_cursor(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        source.stored = [full_selection(source.listed[:3])]
        best, second, third = (source.listed[k] for k in (2, 1, 0))
        app = dashboard()
        async with app.run_test(size=(200, 50)) as pilot:
            screen = await open_screen(app, drive, pilot)
            await drive.settle(pilot, lambda: drawn_strips(app) == 7)
            assert [run.id for run in strips(app).pair.runs] == [best.id, second.id]  # type: ignore[union-attr]
            text = strips(app).cells.plain
            assert "3 of 4 codes have a counterpart" in text
            assert "↔ c1" in text
            assert "↔ -c0" in text
            assert "no match" in text
            drive.press(app, "tab", "j", "l", "l")
            await drive.settle(pilot, lambda: screen.matrix.cursor == (1, 2) and drawn_strips(app) == 7)
            assert [run.id for run in strips(app).pair.runs] == [second.id, third.id]  # type: ignore[union-attr]
            drive.press(app, "w")
            await drive.settle(pilot, lambda: not strips(app).display)
            drive.press(app, "w")
            await drive.settle(pilot, lambda: strips(app).display)

    async def test_weak_matches_and_failures_say_so(
        self, dashboard: Build, source: Any, drive: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        weak = [MatchedCode(0, 1, 0.2), MatchedCode(1, 0, 0.91), MatchedCode(2, 2, 0.77), MatchedCode(3, 3, 0.7)]
        monkeypatch.setattr(source, "match", lambda *_: weak)
        source.stored = [full_selection(source.listed[:3])]
        app = dashboard()
        async with app.run_test(size=(200, 50)) as pilot:
            await open_screen(app, drive, pilot)
            await drive.settle(pilot, lambda: "3 of 4 codes have a counterpart" in drive.text(app))
            assert "? c1" in strips(app).cells.plain
            monkeypatch.setattr(source, "model", _refuse)
            drive.press(app, "j")
            await drive.settle(pilot, lambda: "checkpoint 4 is torn [x]" in drive.text(app))

    async def test_where_there_is_no_room_nothing_is_read_until_asked_for(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        base = source.listed[0]
        source.listed = [replace(base, id=f"20261123-{k:06}-aaaaaa", name=f"run-{k}") for k in range(30)]
        source.stored = [full_selection(source.listed)]
        app = dashboard()
        async with app.run_test(size=(80, 24)) as pilot:
            await open_screen(app, drive, pilot)
            await asyncio.sleep(0.6)
            assert not strips(app).display
            assert source.asked == []
            drive.press(app, "w")
            await drive.settle(pilot, lambda: drawn_strips(app) > 0)


def _refuse(*arguments: object) -> None:
    raise InputError("checkpoint 4 is torn [x]")


async def test_a_newer_smaller_result_does_not_take_the_place_of_a_richer_one(
    dashboard: Build, source: Any, drive: Any
) -> None:
    rich = full_selection(source.listed[:3], id="sel-1", created=NOW - 600)
    small = full_selection(source.listed[:2], id="sel-2", created=NOW - 60)
    source.stored = [small, rich]
    app = dashboard()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_screen(app, drive, pilot)
        assert len(rows_of(screen)) == 3
        assert "1 newer: ." in drive.text(app)
        drive.press(app, ".")
        await drive.settle(pilot, lambda: len(rows_of(screen)) == 2)
        assert "newer: ." not in drive.text(app)


async def test_the_form_remembers_what_was_chosen(dashboard: Build, source: Any, drive: Any) -> None:
    app = dashboard()
    async with app.run_test(size=(120, 40)) as pilot:
        await open_screen(app, drive, pilot)
        drive.press(app, "c")
        await drive.settle(pilot, lambda: isinstance(app.screen, SelectionFormScreen))
        app.screen.query_one("#votes", Input).value = "77"
        drive.press(app, "ctrl+s")
        await drive.settle(pilot, lambda: bool(asked(source)))
    kept = ViewState.model_validate_json(app.session.kept_view.model_dump_json())
    again = dashboard()
    again.session.view = kept
    source.computing = []
    async with again.run_test(size=(120, 40)) as pilot:
        await open_screen(again, drive, pilot)
        drive.press(again, "c")
        await drive.settle(pilot, lambda: isinstance(again.screen, SelectionFormScreen))
        assert again.screen.query_one("#votes", Input).value == "77"
        again.session.view.ranking = {"votes": ["nonsense"], "methods": "x"}
        drive.press(again, "escape", "c")
        await drive.settle(pilot, lambda: isinstance(again.screen, SelectionFormScreen))
        await drive.settle(pilot, lambda: again.screen.query_one("#votes", Input).value == "")


def test_a_picture_has_values_and_a_colour_bar() -> None:
    values = np.array([[0.25, 0.5], [0.75, 1.0]])
    picture = matrix_picture(MatrixPicture(values, ["one", "two"]), "t")
    cell = picture[50:, 400:528]
    assert len({tuple(colour) for colour in cell.reshape(-1, 3)}) > 4, "numbers are drawn into the cells"
    for colour in STEPS:
        assert (picture[-60:] == np.array(colour)).all(axis=2).any(), "the legend has every colour"
