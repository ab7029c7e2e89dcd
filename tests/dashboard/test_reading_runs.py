"""What a reader of many runs needs: a cursor that leads, names that differ, keys that say what they can do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from rich.segment import Segment
from textual.app import App
from textual.widgets import Button, OptionList

from cr_tui.dashboard.app import Dashboard
from cr_tui.dashboard.charts.differences import differences_table
from cr_tui.dashboard.inspect.screen import InspectScreen
from cr_tui.dashboard.inspect.view import InspectView
from cr_tui.dashboard.model.curves import History, RunCurves, ShownRun
from cr_tui.dashboard.runs.chart_view import ChartView
from cr_tui.dashboard.runs.labels_form import LabelsForm
from cr_tui.dashboard.runs.overview import overview
from cr_tui.dashboard.runs.query import parse
from cr_tui.dashboard.runs.run_card import RunCard
from cr_tui.dashboard.runs.run_table import RunTable
from cr_tui.dashboard.selection.ranking_table import RankingTable
from cr_tui.dashboard.shared.cells_view import CellsView
from cr_tui.dashboard.shared.confirm import ConfirmScreen
from cr_tui.dashboard.shared.key_footer import KeyFooter
from cr_tui.dashboard.shared.palette import KeyCommands
from cr_tui.dashboard.shared.pick import PickScreen
from cr_tui.dashboard.shared.text_box import TextBox
from cr_tui.dashboard.shared.text_line import TextLine
from cr_tui.dashboard.theme import COLOUR_BLIND, DARK, LIGHT
from cr_tui.render.cells import Cells
from cr_tui.render.curves.trace import trace
from tests.dashboard.conftest import make_run


def _cells_of(text: str) -> Cells:
    return Cells(tuple((Segment(line),) for line in text.splitlines()))


Build = Callable[..., Dashboard]
SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50), (300, 80)])


async def type_filter(app: Dashboard, pilot: Any, drive: Any, text: str) -> None:
    drive.press(app, "/")
    await drive.settle(pilot, lambda: drive.focused(app) == "filter")
    drive.press(app, *text, "enter")
    await drive.settle(pilot, lambda: drive.focused(app) == "runs")


class TestCursorAndMarks:
    async def test_headline_card_and_log_follow_the_cursor_whatever_is_marked(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, "space", "space", "j", "j")
            await drive.settle(pilot, lambda: app.session.cursor_run == source.listed[4].id)
            await drive.settle(pilot, lambda: "2 marked  ● pool-s0  ● pool-s1" in drive.text(app))
            headline = next(line for line in drive.text(app).splitlines() if "seed 4" in line)
            assert "✗ failed  pool-s4  the loss became NaN" in headline
            assert "✗ failed" in app.screen.query_one(RunCard).cells.plain
            await drive.settle(pilot, lambda: source.listed[4].id in app.session.curves)
            assert "step 129 loss 0.129" in drive.text(app)

    async def test_delete_spares_marks_that_the_filter_hides_and_names_them(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, "space", "j", "space")
            await drive.settle(pilot, lambda: len(app.session.marked) == 2)
            await type_filter(app, pilot, drive, "status:crashed")
            assert "2 marked, 2 hidden" in drive.text(app)
            drive.press(app, "d")
            await drive.settle(pilot, lambda: isinstance(app.screen, ConfirmScreen))
            assert "Delete pool-s5?" in drive.text(app)
            assert "pool-s0" in drive.text(app).split("Left alone")[1]
            drive.press(app, "y")
            await drive.settle(pilot, lambda: any(word == "remove" for word, _ in source.asked))
            assert [what for word, what in source.asked if word == "remove"] == [make_run(5).id]

    async def test_all_means_exactly_what_is_listed(self, dashboard: Build, source: Any, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, "space")
            await drive.settle(pilot, lambda: app.session.marked == [source.listed[0].id])
            await type_filter(app, pilot, drive, "status:crashed")
            drive.press(app, "a")
            await drive.settle(pilot, lambda: app.session.marked == [source.listed[5].id])
            await drive.settle(pilot, lambda: "took 1 mark away that the filter hides" in drive.text(app))
            drive.press(app, "u")
            await drive.settle(pilot, lambda: app.session.marked == [source.listed[0].id])
            drive.press(app, "a", "a")
            await drive.settle(pilot, lambda: app.session.marked == [])

    async def test_again_is_about_the_run_under_the_cursor(self, dashboard: Build, source: Any, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, "space", "j", "e")
            await drive.settle(pilot, lambda: app.session.draft is not None)
            assert app.session.draft is not None
            assert app.session.draft.request.texts["seed"] == "2"


class TestNames:
    @SIZES
    async def test_names_of_a_sweep_can_be_told_apart_at_every_size(
        self, dashboard: Build, source: Any, drive: Any, size: tuple[int, int]
    ) -> None:
        names = [f"infogan-cr-on-dsprites-with-lambda-{weight}-and-seed-{seed}" for weight in (1, 2) for seed in (1, 2)]
        source.listed = [replace(make_run(number), name=name) for number, name in enumerate(names)]
        app = dashboard()
        async with app.run_test(size=size, notifications=True) as pilot:
            await drive.settle(pilot)
            table = app.screen.query_one(RunTable)
            shown = [table.render_line(1 + row).text.split("finished")[1].split()[0] for row in range(4)]
            assert len(set(shown)) == 4
            assert all("-seed-" in name for name in shown)
            if size[0] >= 300:
                assert set(shown) == set(names)

    async def test_the_group_stands_before_names_that_clash(self, dashboard: Build, source: Any, drive: Any) -> None:
        source.listed = [replace(make_run(n), name="s1", group=group) for n, group in enumerate(("low", "high"))]
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            # A column tells the groups; where it has no room, the names do.
            await drive.settle(pilot, lambda: "s1                low " in drive.text(app))
            long = "a-name-that-leaves-no-room-s1"
            source.listed = [replace(run, name=long) for run in source.listed]
            app.read_runs()
            await drive.settle(pilot, lambda: "low/a" in drive.text(app) and "high/a" in drive.text(app))

    async def test_the_group_has_a_column_only_where_groups_differ(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        source.listed = [replace(make_run(n), name=f"n{n}", group=f"g{n // 2}") for n in range(4)]
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot, lambda: "Group" in drive.text(app).splitlines()[1])
            source.listed = source.listed[:2]
            app.read_runs()
            await drive.settle(pilot, lambda: "Group" not in drive.text(app).splitlines()[1])

    async def test_any_script_is_shown_as_it_is(self, dashboard: Build, source: Any, drive: Any) -> None:
        names = ["実験", "опыт", "ניסוי", "تجربة", "ทดลอง", "प्रयोग", "🧪"]
        source.listed = [replace(make_run(n), name=name) for n, name in enumerate(names)]
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot, lambda: all(name in drive.text(app) for name in names))


class TestCard:
    @SIZES
    async def test_says_why_a_run_failed_in_full(
        self, dashboard: Build, source: Any, drive: Any, size: tuple[int, int]
    ) -> None:
        reason = "the loss became NaN at step 1200: lower the learning rate or raise the size of the batch, please"
        trace_back = "Traceback (most recent call last):\n  in compute\nengine.errors.WorkError: it became NaN"
        source.listed = [make_run(0, "failed", reason=reason)]
        changed = {"method.beta": (4.0, 1.0)}
        source.facts_now = replace(source.facts_now, traceback=trace_back, changed=changed)
        app = dashboard()
        async with app.run_test(size=size, notifications=True) as pilot:
            # Until there are curves, the card stands in their place.
            await drive.settle(pilot, lambda: bool(app.session.curves))
            await drive.settle(pilot)
            card = app.screen.query_one(RunCard)
            while not card.display:
                drive.press(app, "v")
                await drive.settle(pilot)
            await drive.settle(pilot, lambda: card.display and "method.beta 4.0  not 1.0" in card.cells.plain)
            words = " ".join(card.cells.plain.split())
            for part in (
                reason,
                "engine.errors.WorkError: it became NaN",
                "elapsed 12m34",
                "3, newest 4,000",
                "31.5 MB",
            ):
                assert part in words, part
            assert "MIG 0.2000" in words

    async def test_everything_is_one_key_away_and_searched(self, dashboard: Build, source: Any, drive: Any) -> None:
        source.change(source.listed[0].id, settings={"method.noise": 5, "training.batch_size": 64})
        app = dashboard()

        def listed() -> list[str]:
            return [str(option.prompt) for option in app.screen.query_one(OptionList).options]

        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, "i")
            await drive.settle(pilot, lambda: isinstance(app.screen, PickScreen))
            await drive.settle(pilot, lambda: any("method.noise = 5" in line for line in listed()))
            drive.press(app, *"batch")
            await drive.settle(pilot, lambda: not any("method.noise" in line for line in listed()))
            assert any("training.batch_size = 64" in line for line in listed())
            drive.press(app, "escape")
            await drive.settle(pilot, lambda: not isinstance(app.screen, PickScreen))

    def test_charts_that_a_method_cannot_have_are_left_out_and_a_vae_shows_its_kl_and_total(self) -> None:
        history = History()
        row = {"step": 1, "time": 0.0, "kind": "train", "loss": 90.0, "loss_reconstruction": 80.0, "kl": 10.0}
        history.add([row])
        measured = {key: curve for key in history.keys if (curve := history.curve(*key)) is not None}
        run = ShownRun("id", "vae", (1, 2, 3), RunCurves("id", measured))
        charts = overview([run], DARK.runs)
        assert [series.name for series in charts["losses"].series] == ["total", "reconstruction"]
        assert [series.name for series in charts["kl"].series] == ["kl"]
        assert not charts["probabilities"].series
        assert not charts["schedules"].series

    def test_the_lines_of_one_run_have_the_colours_of_the_theme(self) -> None:
        history = History()
        history.add([{"step": 1, "time": 0.0, "kind": "train", "loss_a": 1.0, "loss_b": 2.0}])
        measured = {key: curve for key in history.keys if (curve := history.curve(*key)) is not None}
        run = ShownRun("id", "gan", (1, 2, 3), RunCurves("id", measured))
        for look in (DARK, LIGHT, COLOUR_BLIND):
            colours = [series.colour for series in overview([run], look.runs)["losses"].series]
            assert colours == list(look.runs[:2])

    async def test_empty_charts_leave_their_place_to_others(self, dashboard: Build, source: Any, drive: Any) -> None:
        source.listed = [make_run(6, "queued", step=0)]
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await drive.settle(pilot, lambda: bool(app.session.curves))
            shown = {view.id for view in app.screen.query(ChartView) if view.display}
            assert shown == {"losses", "scores"}

    def test_the_trace_of_losses_is_there_from_the_first_value_on(self) -> None:
        assert trace(np.array([1.0]), 4) == "⠒⠒⠒⠒"
        assert trace(np.array([0.0, 1.0]), 2) == "⡠⠊"
        assert trace(np.array([1.0, np.nan]), 2).endswith("×")
        assert trace(np.array([]), 4) == ""
        spike = np.ones(1000)
        spike[500] = 9
        assert len(set(trace(spike, 10))) > 1


class TestLabels:
    async def test_tags_and_a_note_are_written_and_shown(self, dashboard: Build, source: Any, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, "N")
            await drive.settle(pilot, lambda: isinstance(app.screen, LabelsForm))
            drive.press(app, *"keep this", "tab", *"for the figure; and the talk", "enter")
            asked = ("annotate", (source.listed[0].id, ["keep", "this"], "for the figure\nand the talk"))
            await drive.settle(pilot, lambda: asked in source.asked)
            card = app.screen.query_one(RunCard)
            await drive.settle(pilot, lambda: "for the figure" in card.cells.plain and "keep this" in card.cells.plain)

    def test_a_tag_is_filtered_by(self) -> None:
        runs = [replace(make_run(n), tags=("keep",) if n else ()) for n in range(2)]
        assert [run.seed for run in runs if parse("tag:ke").passes(run)] == [1]
        assert [run.seed for run in runs if parse("tag=ke").passes(run)] == []
        assert "no run has a tag 'ke'" in parse("tag=ke").remark(runs)


class TestFilter:
    async def test_says_how_many_it_finds_and_what_it_cannot_read(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await drive.settle(pilot)
            await type_filter(app, pilot, drive, "status:failed or status:crashed")
            await drive.settle(pilot, lambda: "2 of 7" in drive.text(app))
            drive.press(app, "escape")
            await type_filter(app, pilot, drive, "score.nope>1")
            await drive.settle(pilot, lambda: "0 of 7  no run has a score 'nope'" in drive.text(app))
            assert "there are factor_vae, mig" in drive.text(app)

    async def test_a_list_that_becomes_empty_does_not_send_keys_into_the_filter(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot)
            await type_filter(app, pilot, drive, "pool")
            kept, source.listed = source.listed, []
            app.read_runs()
            await drive.settle(pilot, lambda: "No runs yet" in drive.text(app))
            drive.press(app, "j", "x")
            await drive.settle(pilot)
            assert app.screen.query_one(TextBox).value == "pool"
            source.listed = kept
            app.read_runs()
            await drive.settle(pilot, lambda: drive.focused(app) == "runs")


class TestKeys:
    @pytest.mark.parametrize("width", [80, 120, 200])
    async def test_the_footer_fits_and_has_what_applies(
        self, dashboard: Build, source: Any, drive: Any, width: int
    ) -> None:
        app = dashboard()
        async with app.run_test(size=(width, 24), notifications=True) as pilot:
            await drive.settle(pilot)
            footer = app.screen.query_one(KeyFooter)
            await drive.settle(pilot, lambda: "Delete" in footer.labels)
            assert "Stop" not in footer.labels
            assert footer.labels[-3:] == ["Actions", "Help", "Quit"]
            assert "^p Actions ? Help q Quit" in drive.text(app).splitlines()[-1]
            drive.press(app, "j", "j", "j")
            await drive.settle(pilot, lambda: "Stop" in footer.labels and "Delete" not in footer.labels)

    async def test_a_notice_covers_nothing_and_stays_on_its_screen(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot, lambda: "step 129 loss 0.129" in drive.text(app))
            drive.press(app, "y")
            await drive.settle(pilot, lambda: "copied the id of pool-s0" in drive.text(app))
            lines = drive.text(app).splitlines()
            assert not any("copied" in line for line in lines[:-2])
            assert "step 129 loss 0.129" in drive.text(app)
            assert not app._notifications
            drive.press(app, "6")
            await drive.settle(pilot, lambda: "nvidia" in drive.text(app) or "GPUs" in drive.text(app))
            assert "copied" not in drive.text(app)

    async def test_the_palette_offers_every_action_and_says_why_not_now(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await drive.settle(pilot)
            provider = KeyCommands(app.screen)
            offered = {offer.title: offer for offer in provider._offers()}
            assert offered["Stop  (s)"].help == "not now: none of these runs is running or queued"
            assert offered["Undo  (u)"].help == "not now: nothing was done that could be undone"
            assert "Charts: Smooth  (s)" in offered
            hits = [hit async for hit in provider.search("theme")]
            assert not hits
            assert [command.title for command in app.get_system_commands(app.screen)] == ["Theme"]
            offered["Stop  (s)"].command()
            await drive.settle(pilot, lambda: "Stop: none of these runs is running or queued" in drive.text(app))

    async def test_read_only_says_that_it_is(self, dashboard: Build, drive: Any) -> None:
        app = dashboard(read_only=True)
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await drive.settle(pilot)
            offered = {offer.title: offer for offer in KeyCommands(app.screen)._offers()}
            assert offered["Delete  (d)"].help == "not now: this view is read-only"

    async def test_the_default_answer_looks_like_it(self, dashboard: Build, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, "d")
            await drive.settle(pilot, lambda: isinstance(app.screen, ConfirmScreen))
            yes, no = app.screen.query_one("#yes", Button), app.screen.query_one("#no", Button)
            assert no.has_focus
            panel = app.screen.query_one("#dialog").styles.background
            assert no.styles.background != panel
            assert yes.styles.background == panel
            drive.press(app, "left")
            await drive.settle(pilot, lambda: yes.has_focus)
            assert no.styles.background == panel
            drive.press(app, "right", "enter")
            await drive.settle(pilot, lambda: not isinstance(app.screen, ConfirmScreen))

    async def test_ctrl_z_goes_back_to_the_shell(
        self, dashboard: Build, drive: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        suspended: list[bool] = []
        monkeypatch.setattr(App, "action_suspend_process", lambda self: suspended.append(True))
        app = dashboard()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, "ctrl+z")
            await drive.settle(pilot, lambda: suspended == [True])


class TestDrawing:
    async def test_a_padded_view_repaints_the_lines_that_changed(self) -> None:
        class Padded(App[None]):
            CSS = "CellsView { padding: 1 2; height: 5; }"

            def compose(self) -> Any:
                yield CellsView()

        app = Padded()
        async with app.run_test(size=(20, 6)) as pilot:
            view = app.query_one(CellsView)
            view.show(_cells_of("one\ntwo\nsix"))
            await pilot.pause()
            repainted: list[Any] = []
            view.refresh = lambda *regions, **_: repainted.extend(regions)  # type: ignore[method-assign, assignment]
            view.show(_cells_of("one\ntvo\nsix"))
            assert [(region.x, region.y, region.width) for region in repainted] == [(1, 1, 1)]

    async def test_the_ranking_marks_runs_in_their_colours(self, dashboard: Build, source: Any, drive: Any) -> None:
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, "space", "space", "3")
            await drive.settle(pilot, lambda: bool(app.screen.query(RankingTable)) and "●" in drive.text(app))
            table = app.screen.query_one(RankingTable)
            colours = {run.id: run.colour for run in app.screen.shown_runs}
            for run_id, colour in colours.items():
                cell = table.cells_of(table.row_ids.index(run_id))[0]
                drawn = [span.style for span in cell.spans if cell.plain[span.start : span.end].startswith("●")]
                assert [style.color.triplet for style in drawn] == [colour]

    @pytest.mark.parametrize("screen", ["4", "5"])
    async def test_a_mark_has_its_colour_on_screens_of_one_run(self, dashboard: Build, drive: Any, screen: str) -> None:
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await drive.settle(pilot)
            # The second mark, so that it is not the first colour that everything alone has.
            drive.press(app, "j", "space", "k", "k", "space", "k")
            await drive.settle(pilot, lambda: len(app.session.marked) == 2)
            run = app.session.run_of(app.session.cursor_run)
            assert run is not None
            colour = {shown.id: shown.colour for shown in app.screen.shown_runs}[run.id]
            assert colour != app.screen.look.runs[0]
            drive.press(app, screen)

            def drawn() -> list[Any]:
                lines = app.screen.query_one("#headline", TextLine).cells.lines
                styles = [segment.style for line in lines for segment in line if run.name in segment.text]
                return [style.color.triplet for style in styles if style is not None and style.color is not None]

            await drive.settle(pilot, lambda: drawn() == [colour])

    def test_the_diff_counts_the_runs_that_have_no_room(self) -> None:
        runs = [ShownRun(str(n), f"infogan-cr-seed{n}", (1, 2, 3), RunCurves(str(n))) for n in range(10)]
        settings = [{"seed": n, "method.noise": n % 2} for n in range(10)]
        table = differences_table(runs, settings, 80, 10, DARK)
        header = table.plain.splitlines()[0]
        shown = header.count("●")
        assert 0 < shown < 10
        assert f"+{10 - shown}" in header
        assert all(f"seed{n}" in header for n in range(shown))
        assert table.width <= 80

    async def test_leaving_the_codes_while_an_image_comes_is_no_fault(
        self, dashboard: Build, source: Any, drive: Any
    ) -> None:
        app = dashboard()
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await drive.settle(pilot)
            drive.press(app, "t")
            await drive.settle(pilot, lambda: isinstance(app.screen, InspectScreen) and "c1" in drive.text(app))
            view = app.screen.query_one(InspectView)
            await view.query_one("#held").remove()
            view.draw()
            view.draw_held()
