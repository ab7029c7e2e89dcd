"""What needs no screen: key table, filter, columns, speed, history, chart groups."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.binding import Binding

from cr_tui.dashboard.keys import keymap
from cr_tui.dashboard.keys.key_table import with_keys
from cr_tui.dashboard.model.curves import History, RunCurves, ShownRun
from cr_tui.dashboard.model.data import Run
from cr_tui.dashboard.runs.columns import PADDING, choose_columns, sort_runs
from cr_tui.dashboard.runs.overview import overview
from cr_tui.dashboard.runs.query import parse
from cr_tui.dashboard.shared.help import help_text
from cr_tui.dashboard.shared.series import scalar_keys, title_of
from cr_tui.dashboard.shared.status_text import status_text
from cr_tui.dashboard.store.live_rows import Speedometer
from cr_tui.dashboard.theme import LIGHT
from engine.runs.events import SPEED

RUN = Run("20260101-000000-aaaaaa", "pool-s1", "pool", "infogan-cr", "dsprites", 1, "running", 50, 100, 1e9, 1e9)
NOW = 1e9 + 100


class TestKeymap:
    def test_no_key_means_two_things_in_one_place(self) -> None:
        for place in keymap.PLACE_TITLES:
            keys = [key for entry in keymap.KEYS if entry.place == place for key in entry.keys.split(",")]
            assert len(keys) == len(set(keys)), place

    def test_screens_do_not_shadow_what_works_everywhere_or_in_tables(self) -> None:
        common = {
            key for entry in keymap.KEYS if entry.place in ("everywhere", "table") for key in entry.keys.split(",")
        }
        for entry in keymap.KEYS:
            if entry.place in ("runs", "charts", "selection", "inspect", "logs", "system"):
                if entry.place == "charts":
                    # No table is on that screen.
                    common = {
                        key for entry in keymap.KEYS if entry.place == "everywhere" for key in entry.keys.split(",")
                    }
                assert not common & set(entry.keys.split(",")), entry

    def test_every_binding_has_an_id_of_its_own(self) -> None:
        bindings = [binding for place in keymap.PLACE_TITLES for binding in keymap.bindings(place)]
        ids = [binding.id for binding in bindings if isinstance(binding, Binding)]
        assert len(ids) == len(set(ids)) == len(keymap.KEYS)

    def test_help_names_every_key_and_hides_changes_when_read_only(self) -> None:
        text = help_text("runs", read_only=False).plain
        assert all(key.help in text for key in keymap.KEYS)
        assert text.startswith("Runs")
        hidden = help_text("runs", read_only=True).plain
        assert not any(key.help in hidden for key in keymap.KEYS if key.changes)
        assert max(map(len, text.splitlines())) <= 72


class TestQuery:
    @pytest.mark.parametrize(
        "query",
        [
            "",
            "pool",
            "POOL-S1",
            "infogan dsprites",
            "status:run",
            "status:running group:pool",
            "step>=50 seed=1",
            "20260101",
        ],
    )
    def test_finds(self, query: str) -> None:
        assert parse(query).passes(RUN)

    @pytest.mark.parametrize(
        "query", ["other", "status:finished", "status:running vae", "step>50", "score.mig>0", "[/x]"]
    )
    def test_leaves_out(self, query: str) -> None:
        assert not parse(query).passes(RUN)

    def test_compares_scores(self) -> None:
        scored = replace(RUN, scores={"factor_vae": 0.81})
        assert parse("score.factor_vae>0.8").passes(scored)
        assert not parse("score.factor_vae<=0.8").passes(scored)

    @pytest.mark.parametrize("query", ["step>", "score.x>1.2.3", ">5", "status:", "a:b", "step>--1", "step>."])
    def test_nothing_typed_half_way_breaks_it(self, query: str) -> None:
        parse(query).passes(RUN)


class TestColumns:
    @pytest.mark.parametrize("width", [10, 39, 79, 119, 199])
    def test_fill_the_width_and_no_more(self, width: int) -> None:
        columns = choose_columns([RUN], width)
        taken = sum(column.width + PADDING for column in columns)
        assert taken <= max(width, 45)
        assert [column.key for column in columns][:2] == ["status", "name"]
        assert all(column.draw(RUN, NOW).cell_len == column.width for column in columns)

    def test_room_brings_more(self) -> None:
        run = replace(RUN, scores={"factor_vae": 0.8, "mig": 0.3, "own": 0.1})
        keys = {column.key for column in choose_columns([run], 199)}
        assert {"score.factor_vae", "score.mig", "score.own", "method", "data", "group", "device"} <= keys

    def test_runs_without_a_value_stay_last_either_way(self) -> None:
        runs = [replace(RUN, id=str(i), scores={} if i == 1 else {"mig": i / 10}) for i in range(3)]
        (column,) = [column for column in choose_columns(runs, 199) if column.key == "score.mig"]
        assert [run.id for run in sort_runs(runs, column, descending=False)] == ["0", "2", "1"]
        assert [run.id for run in sort_runs(runs, column, descending=True)] == ["2", "0", "1"]

    def test_hostile_text_stays_in_its_cell(self) -> None:
        run = replace(RUN, name="[/nope]\x1b[2J" + "x" * 10_000, method="a\nb", device="\u202ecpu")
        for column in choose_columns([run], 199):
            text = column.draw(run, NOW)
            assert text.plain.isprintable()
            assert text.cell_len == column.width
        (name,) = [column for column in choose_columns([run], 199) if column.key == "name"]
        assert name.draw(run, NOW).plain.startswith("[/nope]␛[2Jxx")

    def test_status_has_glyph_and_word_and_names_the_stalled(self) -> None:
        assert status_text(RUN).plain == "● running"
        assert status_text(replace(RUN, stalled=True)).plain == "◌ stalled"
        assert status_text(replace(RUN, status="finished", stalled=True)).plain == "✓ finished"


class TestSpeedometer:
    def row(self, time: float, step: int, attempt: int = 1, speed: float = 5.0) -> dict[str, Any]:
        return {"time": time, "step": step, "attempt": attempt, SPEED: speed}

    def test_one_row_says_itself_how_fast_it_is(self) -> None:
        speed = Speedometer()
        assert speed.seconds_left(0.0, 1000) is None
        speed.add(self.row(1e9, 100), 10.0)
        assert speed.seconds_left(10.0, 1000) == pytest.approx(180.0)
        assert speed.seconds_left(12.0, 1000) == pytest.approx(178.0)

    def test_several_rows_say_it_by_their_times_pauses_included(self) -> None:
        speed = Speedometer()
        for number in range(10):
            speed.add(self.row(7.0 * number, 100 * number, speed=100.0), 0.0)
        assert speed.seconds_left(0.0, 1000) == pytest.approx(100 * 7 / 100)

    def test_when_rows_are_read_does_not_matter(self) -> None:
        """The dashboard may look just before and just after a row, or at all of a log at once."""
        together, one_by_one = Speedometer(), Speedometer()
        for number in range(5):
            together.add(self.row(10.0 * number, 50 * number), 100.0)
            one_by_one.add(self.row(10.0 * number, 50 * number), 99.0 + 0.2 * number)
        assert together.seconds_left(100.0, 10_000) == pytest.approx(one_by_one.seconds_left(99.8, 10_000))

    def test_speeds_of_long_ago_are_forgotten_and_pauses_count_for_what_they_are(self) -> None:
        speed = Speedometer()
        for number in range(200):
            speed.add(self.row(10.0 * number, number), 0.0)
        # Ten times as fast from here on, with a pause of half a minute in every five.
        time, step = 2000.0, 200
        for number in range(200):
            time += 40.0 if number % 30 == 29 else 10.0
            step += 10
            speed.add(self.row(time, step), 0.0)
        assert speed.seconds_left(0.0, step + 1000) == pytest.approx(1000 * (330 / 30) / 10, rel=0.05)

    def test_a_slow_run_whose_rows_are_minutes_apart_has_its_last_two(self) -> None:
        speed = Speedometer()
        for number in range(5):
            speed.add(self.row(600.0 * number, 50 * number), 0.0)
        assert speed.seconds_left(0.0, 300) == pytest.approx(1200.0)

    def test_a_resumed_run_starts_anew(self) -> None:
        speed = Speedometer()
        speed.add(self.row(0.0, 900), 0.0)
        speed.add(self.row(5000.0, 950, attempt=2), 0.0)
        assert speed.seconds_left(0.0, 1000) == pytest.approx(10.0)
        speed.add(self.row(5001.0, 500, attempt=2), 0.0)
        assert speed.seconds_left(0.0, 1000) == pytest.approx(100.0)

    @pytest.mark.parametrize("times", [(5.0, 5.0), (9.0, 1.0), (0.0, math.inf), (math.inf, math.inf)])
    def test_times_that_make_no_sense_do_no_harm(self, times: tuple[float, float]) -> None:
        speed = Speedometer()
        for number, time in enumerate(times):
            speed.add(self.row(time, 100 + 50 * number), 0.0)
        assert speed.seconds_left(0.0, 1000) in (pytest.approx(170.0), None)
        silent = Speedometer()
        silent.add(self.row(0.0, 100, speed=math.nan), 0.0)
        assert silent.seconds_left(0.0, 1000) is None


PALETTE = ((1, 1, 1), (2, 2, 2))


class TestHistory:
    def test_values_by_kind_and_name(self) -> None:
        history = History()
        history.add(
            [
                {
                    "step": 1,
                    "kind": "train",
                    "time": 5.0,
                    "attempt": 1,
                    "loss_a": 0.5,
                    "text": "no number",
                    "flag": True,
                },
                {"step": 2, "kind": "train", "loss_a": float("nan")},
                {"step": 2, "kind": "score", "mig": 0.2},
                {"step": 3, "kind": "system", "memory": 1},
                {"step": 3, "kind": "note", "text": "hello"},
            ]
        )
        assert history.names("train") == ["loss_a"]
        assert history.names("score") == ["mig"]
        assert history.names("system") == ["memory"]
        steps, values = history.points("train", "loss_a")
        assert steps.tolist() == [1.0, 2.0]
        assert values[0] == 0.5
        assert np.isnan(values[1])

    def test_a_step_that_comes_again_replaces_what_followed(self) -> None:
        history = History()
        history.add({"step": step, "kind": "train", "a": float(step)} for step in (1, 2, 3, 4))
        history.add([{"step": 3, "kind": "train", "a": 30.0}])
        assert history.points("train", "a")[0].tolist() == [1.0, 2.0, 3.0]
        assert history.newest("train", "a") == 30.0

    def test_forgets_after_a_step(self) -> None:
        history = History()
        history.add({"step": step, "kind": "train", "a": 1.0} for step in range(10))
        history.forget_after(4)
        assert history.points("train", "a")[0].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]

    def test_a_snapshot_does_not_change_under_its_reader(self) -> None:
        history = History()
        history.add([{"step": 1, "kind": "train", "a": 1.0}])
        _, before = history.points("train", "a")
        history.add([{"step": 1, "kind": "train", "a": 2.0}, {"step": 2, "kind": "train", "a": 3.0}])
        assert before.tolist() == [1.0]

    def test_time_leaves_out_the_pause_between_two_attempts(self) -> None:
        history = History()
        first = [
            {"step": n, "time": 100.0 + n, "kind": "train", "attempt": 1, "a": 0.0, "b": 0.0} for n in range(0, 50, 10)
        ]
        later = [
            {"step": n, "time": 9000.0 + n - 30, "kind": "train", "attempt": 2, "a": 1.0} for n in range(30, 70, 10)
        ]
        history.add([*first, {"step": 20, "time": 120.5, "kind": "score", "attempt": 1, "mig": 0.1}])
        history.forget_after(20)
        history.add(later)
        curve = history.curve("train", "a")
        assert curve is not None
        assert curve.seconds.tolist() == [0.0, 10.0, 20.0, 20.5, 30.5, 40.5, 50.5]

    def test_integers_beyond_any_float_are_kept_as_floats(self) -> None:
        history = History()
        history.add([{"step": 1, "kind": "train", "a": 2**70}])
        assert history.newest("train", "a") == float(2**70)


def test_the_dashboard_starts_without_what_computes() -> None:
    imports = "import cr_tui.dashboard.app, cr_tui.dashboard.store.source"
    code = f"import sys; sys.path[:] = {{!r}}; {imports}; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code.format(sys.path)], capture_output=True, text=True, check=True)
    assert not {"torch", "scipy", "sklearn", "engine.launch.local"} & set(result.stdout.split())


def test_scalars_find_their_charts() -> None:
    history = History()
    names = ["loss_generator", "real_probability", "cr_accuracy", "lambda_cr", "gap", "learning_rate_factor", "rate"]
    history.add([{"step": 1, "kind": "train", **dict.fromkeys(names, 1.0)}, {"step": 1, "kind": "score", "mig": 0.1}])
    run = ShownRun("r", "r", (0, 0, 0), curves_of(history))
    found = {title: [line.name for line in group.series] for title, group in overview([run], PALETTE).items()}
    assert found == {
        "losses": ["generator"],
        "scores": ["cr_accuracy", "mig"],
        "kl": [],
        "schedules": ["lambda_cr", "gap", "learning_rate_factor"],
        "probabilities": ["real"],
    }


def test_lines_of_one_run_have_the_colours_of_the_theme() -> None:
    history = History()
    history.add([{"step": 1, "kind": "train", "loss_a": 1.0, "loss_b": 2.0}])
    run = ShownRun("r", "r", (0, 0, 0), curves_of(history))
    assert [line.colour for line in overview([run], LIGHT.runs)["losses"].series] == list(LIGHT.runs[:2])


def test_several_runs_share_charts_of_one_scalar_each() -> None:
    runs = []
    for number in range(3):
        history = History()
        history.add([{"step": 1, "kind": "train", "loss_a": 1.0 * number, "loss_b": 2.0}])
        runs.append(ShownRun(str(number), "run", (number, 0, 0), curves_of(history)))
    losses = overview(runs, PALETTE)["losses"]
    assert losses.title == "loss_a"
    assert [(line.colour, line.y.tolist()) for line in losses.series] == [((n, 0, 0), [1.0 * n]) for n in range(3)]
    assert [title_of(key) for key in scalar_keys(run.curves for run in runs)] == ["loss_a", "loss_b"]


def curves_of(history: History) -> RunCurves:
    measured = {key: curve for key in history.keys if (curve := history.curve(*key)) is not None}
    return RunCurves("r", measured)


def test_the_documented_keys_are_those_of_the_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "dashboard.md").read_text()
    assert page == with_keys(page), "run: python -m cr_tui.dashboard.keys.key_table docs/dashboard.md"
    assert all(f"| {key.label} |" in page for key in keymap.KEYS)
