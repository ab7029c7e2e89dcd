"""The grid of charts, driven by keys and by the mouse."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cr_tui.dashboard.app import Dashboard
from cr_tui.dashboard.charts.chart_grid import ChartGrid
from cr_tui.dashboard.charts.screen import ChartsScreen
from cr_tui.dashboard.runs.screen import RunsScreen
from cr_tui.render.curves.chart import pattern_sample
from cr_tui.render.curves.series import Aggregate

Build = Callable[..., Dashboard]


def grid(app: Dashboard) -> ChartGrid:
    return app.screen.query_one(ChartGrid)


async def open_charts(app: Dashboard, pilot: Any, drive: Any) -> None:
    """Marks the first two runs and shows their charts."""
    await drive.settle(pilot)
    drive.press(app, "space", "space", "2")
    await drive.settle(pilot, lambda: "reading" not in drive.text(app) and bool(grid(app).scene.keys))


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_draws_every_scalar_of_the_marked_runs(
    dashboard: Build, source: Any, drive: Any, size: tuple[int, int]
) -> None:
    app = dashboard()
    async with app.run_test(size=size, notifications=True) as pilot:
        await open_charts(app, pilot, drive)
        titles = [f"{kind}.{name}" if kind != "train" else name for kind, name in grid(app).scene.keys]
        assert titles[:3] == ["loss_discriminator", "loss_generator", "loss_contrastive"]
        assert {"cr_accuracy", "lambda_cr", "score.factor_vae"} <= set(titles)
        seen = set()
        for _ in titles:
            await drive.settle(pilot)
            seen |= {title for title in titles if title in grid(app).cells.plain}
            drive.press(app, "l")
        assert seen == set(titles)
        legend = drive.text(app).splitlines()[1]
        assert "● pool-s0  ● pool-s1" in legend
        drive.press(app, "escape")
        await drive.settle(pilot, lambda: isinstance(app.screen, RunsScreen))


async def test_without_marks_the_run_under_the_cursor_is_drawn(dashboard: Build, source: Any, drive: Any) -> None:
    app = dashboard()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await drive.settle(pilot)
        drive.press(app, "j", "2")
        await drive.settle(pilot, lambda: "loss_generator" in drive.text(app))
        assert [run.id for run in grid(app).scene.runs] == [source.listed[1].id]


async def test_the_cursor_reads_the_value_of_each_run(dashboard: Build, source: Any, drive: Any) -> None:
    app = dashboard()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await open_charts(app, pilot, drive)
        drive.press(app, "enter")
        await drive.settle(pilot, lambda: "newest" in drive.text(app))
        drive.press(app, "full_stop", *["greater_than_sign"] * 5)
        await drive.settle(pilot, lambda: "at the cursor" in drive.text(app))
        scene = grid(app).scene
        start, end = scene.whole
        assert scene.window.cursor == pytest.approx(start + 0.5 * (end - start))
        curve = scene.runs[0].curves.measured["train", "loss_discriminator"]
        nearest = abs(curve.steps - scene.window.cursor).argmin()
        shown = re.findall(r"pool-s0 +(\S+)", drive.text(app))[-1]
        assert float(shown) == pytest.approx(curve.values[nearest], rel=1e-3)
        drive.press(app, "c")
        await drive.settle(pilot, lambda: "copied 2 values of loss_discriminator" in drive.text(app))
        assert app.clipboard.splitlines()[1].split("\t")[1] == "pool-s1"
        drive.press(app, "h")
        await drive.settle(pilot, lambda: grid(app).scene.window.cursor < scene.window.cursor)
        drive.press(app, "escape")
        await drive.settle(pilot, lambda: grid(app).scene.window.cursor is None)
        drive.press(app, "escape")
        await drive.settle(pilot, lambda: not grid(app).scene.alone)


async def test_zoom_and_pan_by_keys_and_by_the_mouse(dashboard: Build, drive: Any) -> None:
    app = dashboard()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await open_charts(app, pilot, drive)
        start, end = grid(app).scene.whole
        drive.press(app, "plus", "plus")
        await drive.settle(pilot, lambda: grid(app).scene.shown == pytest.approx((start + 0.75 * (end - start), end)))
        drive.press(app, "H")
        await drive.settle(pilot, lambda: grid(app).scene.shown[1] < end)
        drive.press(app, "0")
        await drive.settle(pilot, lambda: grid(app).scene.shown == (start, end))
        await pilot.click(ChartGrid, offset=(60, 4))
        await drive.settle(pilot, lambda: grid(app).scene.window.cursor is not None)
        assert grid(app).scene.focused == grid(app).scene.keys[1]
        await pilot._post_mouse_events([_wheel()], ChartGrid, offset=(20, 4))
        await drive.settle(pilot, lambda: grid(app).scene.window.span is not None)


def _wheel() -> Any:
    from textual.events import MouseScrollUp

    return MouseScrollUp


async def test_smoothing_keeps_what_was_measured_behind(dashboard: Build, drive: Any) -> None:
    app = dashboard()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await open_charts(app, pilot, drive)
        drive.press(app, "s")
        key = ("train", "loss_discriminator")
        await drive.settle(pilot, lambda: all(curve.averaged for curve in grid(app).scene.curves(key)))
        assert "smoothing 0.6" in drive.text(app)
        front = grid(app).scene.curves(key)
        assert len(front) == 2
        measured = front[0].measured.y
        assert abs(front[0].y[1:] - front[0].y[:-1]).mean() < abs(measured[1:] - measured[:-1]).mean()
        stroke = front[0].stroke(60, *grid(app).scene.whole, log=False)
        assert stroke.low.min() == measured.min()
        assert stroke.high.max() == measured.max()
        drive.press(app, "b")
        await drive.settle(pilot, lambda: not grid(app).scene.curves(key)[0].band)
        assert grid(app).scene.curves(key)[0].stroke(60, *grid(app).scene.whole, log=False).low is None
        drive.press(app, *"sssss")
        await drive.settle(pilot, lambda: "not smoothed" in drive.text(app))


async def test_log_scale_time_axis_and_name_filter(dashboard: Build, drive: Any) -> None:
    app = dashboard()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await open_charts(app, pilot, drive)
        drive.press(app, "y", "x")
        await drive.settle(pilot, lambda: "log · over training time" in drive.text(app))
        # The runs log every five seconds, for 395 seconds.
        assert grid(app).scene.whole == (0.0, 395.0)
        await drive.settle(pilot, lambda: "5m" in grid(app).cells.plain)
        drive.press(app, "/")
        await drive.settle(pilot, lambda: drive.focused(app) == "filter")
        drive.press(app, *"LOSS", "enter")
        await drive.settle(pilot, lambda: len(grid(app).scene.keys) == 3)
        drive.press(app, "/")
        await drive.settle(pilot, lambda: drive.focused(app) == "filter")
        drive.press(app, *"xyz", "enter")
        await drive.settle(pilot, lambda: "No chart has that in its name" in drive.text(app))
        drive.press(app, "escape")
        await drive.settle(pilot, lambda: len(grid(app).scene.keys) > 3)


async def test_what_differs_between_the_runs(dashboard: Build, source: Any, drive: Any) -> None:
    source.change(source.listed[1].id, settings={"method.noise": 7})
    app = dashboard()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await open_charts(app, pilot, drive)
        drive.press(app, "d")
        await drive.settle(pilot, lambda: "method.noise" in drive.text(app))
        text = drive.text(app)
        assert re.search(r"seed +0 +1\b", text)
        assert re.search(r"method.noise +– +7\b", text)
        assert "training.steps" not in text


async def test_shown_numbers_are_written_to_files(
    dashboard: Build, drive: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = dashboard()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await open_charts(app, pilot, drive)
        drive.press(app, "enter", "plus", "e")
        await drive.settle(pilot, lambda: len(list(tmp_path.glob("*.csv"))) == 1)
        scene = grid(app).scene
        (table,) = tmp_path.glob("crtui-loss_discriminator-*.csv")
        rows = list(csv.DictReader(table.read_text().splitlines()))
        steps = scene.runs[0].curves.measured["train", "loss_discriminator"].steps
        inside = steps[(steps >= scene.shown[0]) & (steps <= scene.shown[1])]
        assert [int(row["step"]) for row in rows if row["name"] == "pool-s0"] == inside.tolist()
        drive.press(app, "enter", "E")
        await drive.settle(pilot, lambda: len(list(tmp_path.glob("*.json"))) == 1)
        (document,) = tmp_path.glob("crtui-charts-*.json")
        assert {row["scalar"] for row in json.loads(document.read_text())} >= {"loss_generator", "score.factor_vae"}
        drive.press(app, "p")
        await drive.settle(pilot, lambda: len(list(tmp_path.glob("*.png"))) == 1)
        (picture,) = tmp_path.glob("*.png")
        assert Image.open(picture).size[0] == 1600
        await drive.settle(pilot, lambda: "written to" in drive.text(app))
        assert not list(tmp_path.glob("*.tmp")) + list(tmp_path.glob(".*"))


async def test_a_folder_that_refuses_is_named(
    dashboard: Build, drive: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.setattr(Path, "cwd", classmethod(lambda cls: gone))
    gone.rmdir()
    app = dashboard()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await open_charts(app, pilot, drive)
        drive.press(app, "e")
        await drive.settle(pilot, lambda: "cannot write" in drive.text(app))


async def test_only_charts_whose_data_changed_are_drawn_again(
    dashboard: Build, drive: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cr_tui.dashboard.charts import chart_grid

    drawn: list[str] = []
    original = chart_grid.chart
    monkeypatch.setattr(
        chart_grid, "chart", lambda *args, **options: (drawn.append(options["title"]), original(*args, **options))[1]
    )
    app = dashboard()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await open_charts(app, pilot, drive)
        drawn.clear()
        app.read_runs()
        grid(app).redraw()
        await drive.settle(pilot)
        assert drawn == []
        drive.press(app, "l")
        await drive.settle(pilot, lambda: bool(drawn))
        assert [title.strip("▸ ") for title in drawn] == ["loss_discriminator", "loss_generator"]
        assert isinstance(app.screen, ChartsScreen)


async def test_smoothing_goes_to_0999_and_back(dashboard: Build, drive: Any) -> None:
    app = dashboard()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await open_charts(app, pilot, drive)
        drive.press(app, "S")
        await drive.settle(pilot, lambda: "smoothing 0.999" in drive.text(app))
        drive.press(app, "S")
        await drive.settle(pilot, lambda: "smoothing 0.99 " in drive.text(app))
        drive.press(app, "s", "s")
        await drive.settle(pilot, lambda: "not smoothed" in drive.text(app))


async def test_means_over_a_group_and_over_a_setting(dashboard: Build, source: Any, drive: Any) -> None:
    for number in range(4):
        source.change(source.listed[number].id, group=f"g{number // 2}", settings={"method.noise": number % 2})
    app = dashboard()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await drive.settle(pilot)
        drive.press(app, *["space"] * 4, "2", "a")
        await drive.settle(pilot, lambda: "by group" in drive.text(app))
        assert sorted(part.name for part in grid(app).scene.parts) == ["g0 ×2", "g1 ×2"]
        key = ("train", "loss_generator")
        mean = grid(app).scene.curves(key)[0]
        assert isinstance(mean, Aggregate)
        assert len(mean.members) == 2
        drive.press(app, "A")
        await drive.settle(pilot, lambda: "by method.noise" in drive.text(app))
        names = [part.name for part in grid(app).scene.parts]
        assert sorted(names) == ["noise 0 ×2", "noise 1 ×2"]
        drive.press(app, "enter")
        await drive.settle(pilot, lambda: "±" in drive.text(app).splitlines()[4])
        drive.press(app, "a")
        await drive.settle(pilot, lambda: len(grid(app).scene.parts) == 4)
        drive.press(app, "a")
        await drive.settle(pilot, lambda: "by method.noise" in drive.text(app))


async def test_the_run_under_the_cursor_leads_and_others_are_dimmed(dashboard: Build, source: Any, drive: Any) -> None:
    app = dashboard()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await drive.settle(pilot)
        drive.press(app, *["space"] * 4, "k", "k", "2")
        await drive.settle(pilot, lambda: len(grid(app).scene.runs) >= 4 and bool(grid(app).scene.keys))
        scene = grid(app).scene
        lead = app.session.cursor_run
        assert [part.id for part in scene.parts if not part.dimmed] == [lead]
        assert scene.curves(scene.keys[0])[0].dimmed is False
        assert all(curve.dimmed for curve in scene.curves(scene.keys[0])[1:])
        drive.press(app, "n")
        await drive.settle(pilot, lambda: grid(app).scene.lead != lead)
        while grid(app).scene.lead is not None:
            drive.press(app, "n")
            await drive.settle(pilot)
        assert not any(part.dimmed for part in grid(app).scene.parts)


async def test_a_pinned_run_stays_whatever_is_marked(dashboard: Build, source: Any, drive: Any) -> None:
    app = dashboard()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await open_charts(app, pilot, drive)
        pinned = source.listed[0].id
        while grid(app).scene.lead != pinned:
            drive.press(app, "n")
            await drive.settle(pilot)
        drive.press(app, "P")
        await drive.settle(pilot, lambda: "◆ pool-s0" in drive.text(app))
        drive.press(app, "escape")
        await drive.settle(pilot, lambda: isinstance(app.screen, RunsScreen))
        app.session.unmark([source.listed[0].id, source.listed[1].id])
        app.session.mark([source.listed[2].id])
        drive.press(app, "2")
        await drive.settle(pilot, lambda: len(grid(app).scene.runs) == 2)
        assert {run.id for run in grid(app).scene.runs} == {pinned, source.listed[2].id}
        assert app.session.kept_view.pinned == pinned
        drive.press(app, "P")
        await drive.settle(pilot, lambda: len(grid(app).scene.runs) == 1)


async def test_height_outliers_guides_and_shape_obey_keys(dashboard: Build, drive: Any) -> None:
    app = dashboard()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await open_charts(app, pilot, drive)
        key = grid(app).scene.focused
        drive.press(app, "]", "K")
        await drive.settle(pilot, lambda: grid(app).scene.height_of(key) == (0.375, 0.875))
        assert "50% of its height" in drive.text(app)
        assert grid(app).scene.height_of(grid(app).scene.keys[1]) == (0.0, 1.0)
        drive.press(app, "0")
        await drive.settle(pilot, lambda: not grid(app).scene.heights)
        assert "┈" in grid(app).cells.plain
        drive.press(app, "g")
        await drive.settle(pilot, lambda: "┈" not in grid(app).cells.plain)
        drive.press(app, "o")
        await drive.settle(pilot, lambda: grid(app).scene.style.clip and "outliers clipped" in drive.text(app))
        drive.press(app, "w", "W", "W")
        await drive.settle(pilot, lambda: grid(app).scene.shape(*grid(app).content_size) == (1, 2))
        assert "1 × 2" in drive.text(app)
        view = app.session.kept_view
        assert (view.guides, view.clip, view.across, view.down) == (False, True, 1, 2)


async def test_runs_beyond_the_colours_are_drawn_grey_and_counted(dashboard: Build, source: Any, drive: Any) -> None:
    first = source.listed[0]
    source.listed = [replace(first, id=f"20261123-0600{number:02}-abc", seed=number) for number in range(16)]
    app = dashboard()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await drive.settle(pilot)
        drive.press(app, "a", "2")
        await drive.settle(pilot, lambda: "reading" not in drive.text(app) and bool(grid(app).scene.keys))
        runs = grid(app).scene.runs
        assert len(runs) == 16
        assert len({run.colour for run in runs}) == len(app.screen.look.runs) + 1
        legend = drive.text(app).splitlines()[1].rstrip()
        shown = legend.count("●")
        assert legend.endswith(f"+{16 - shown}")
        drive.press(app, "n")
        await drive.settle(pilot, lambda: grid(app).scene.lead is not None)
        drive.press(app, *"nnnnnnnnnn")
        last = runs[-1].id
        for _ in range(20):
            if grid(app).scene.lead == last:
                break
            drive.press(app, "n")
            await drive.settle(pilot)
        app.session.runs = [replace(run, name="the-last" if run.id == last else run.name) for run in app.session.runs]
        app.screen.show_runs(app.session.runs)
        await drive.settle(pilot, lambda: drive.text(app).splitlines()[1].strip().startswith("● the-last"))


async def test_without_colours_the_legend_has_letters(
    dashboard: Build, drive: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = dashboard()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await open_charts(app, pilot, drive)
        legend = drive.text(app).splitlines()[1]
        assert legend.strip().startswith("a")
        assert f"{pattern_sample(1)} pool-s1" in legend
