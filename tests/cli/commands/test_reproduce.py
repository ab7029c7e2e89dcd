"""``crtui reproduce``: what it starts, what it says, and a rehearsal that really trains."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from cr_tui.cli.commands.reproduce import TABLES
from engine.choosing import process, scoring
from engine.choosing.kept_scores import scores_path
from engine.launch import local
from engine.reproduction import published
from engine.runs.catalogue import RunRecord, look_at
from engine.runs.registry import Registry
from engine.runs.specification.spec import RunSpec
from engine.runs.state import Status
from engine.training.step_folders import step_folder
from engine.version import VERSION

SMALL = """
title = "A small table"
data = "minisprites"
images = 16_384
image_shape = [32, 32, 1]
protocol = "paper"
columns = { mig = "mig" }

[trainings.cr]
method = "infogan-cr"
preset = "quick"

[trainings.control]
branch_of = "cr"
at = 1_500
set = { lambda_cr = [[0, 0.0], [1_500, 0.0]] }

[[rows]]
name = "before"
title = "Before"
training = "cr"
at = 1_500
paper = { mig = [0.22, 0.01] }

[[rows]]
name = "control"
title = "Control"
training = "control"

[[rows]]
name = "after"
title = "After"
training = "cr"
paper_runs = 50
paper = { mig = [0.37, 0.01] }

[[rows]]
name = "elsewhere"
title = "Elsewhere"
quoted = true
note = "nobody knows how"
paper = { mig = 0.1 }
"""
SHORT = ("reproduce", "small", "--steps", "8", "--device", "cpu", "--threads", "1")


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table whose models are small, in place of the published ones."""
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "small.toml").write_text(SMALL)
    monkeypatch.setattr(published, "FOLDER", folder)


class Engine:
    """Stands in for training, scoring and choosing; runs that it starts have ended at once."""

    def __init__(self, add_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ends_as = Status.FINISHED
        self.started: list[RunSpec] = []
        self.resumed: list[str] = []
        self.scored: list[int] = []
        self._add_run = add_run
        monkeypatch.setattr(local, "start", self.start)
        monkeypatch.setattr(local, "resume", self.resume)
        monkeypatch.setattr(scoring, "score_run", self.score)
        monkeypatch.setattr(process, "run_selection", lambda *arguments: None)

    def start(self, store: object, specs: Sequence[RunSpec]) -> list[RunRecord]:
        self.started += specs
        return [self.add(spec, self.ends_as) for spec in specs]

    def add(self, spec: RunSpec, status: Status) -> RunRecord:
        folder = self._add_run(status, method=spec.method.name)
        folder.spec_path.write_text(spec.model_dump_json())
        steps = spec.training.steps
        done = steps if status is Status.FINISHED else 1
        folder.update_state(lambda state: state.model_copy(update={"step": done, "total_steps": steps}))
        for step in (3, steps):
            step_folder(folder.checkpoints, step).mkdir(parents=True)
        Registry(folder.store).update_runs([folder])
        return look_at(folder)

    def resume(self, record: RunRecord) -> RunRecord:
        self.resumed.append(record.id)
        steps = record.total_steps
        record.folder.update_state(lambda state: state.model_copy(update={"status": Status.FINISHED, "step": steps}))
        Registry(record.folder.store).update_runs([record.folder])
        return look_at(record.folder)

    def score(self, store: object, record: RunRecord, metrics: Any, protocol: str, step: int, **options: Any) -> None:
        self.scored.append(step)
        path = scores_path(record.folder.path, step, protocol)
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"version": VERSION, "seed": 0, "scores": {"mig": 0.2 + (record.seed or 0) / 10}}))


@pytest.fixture
def engine(add_run: Any, small: None, monkeypatch: pytest.MonkeyPatch) -> Engine:
    return Engine(add_run, monkeypatch)


def test_the_tables_that_help_names_are_those_that_there_are() -> None:
    assert sorted(TABLES) == published.table_names()


def test_it_trains_then_branches_off_then_scores_and_shows_both(crtui, engine: Engine) -> None:
    result = crtui(*SHORT, "--seeds", "0-1")
    assert result.code == 0, result.err
    assert [(spec.seed, spec.branch and spec.branch.step) for spec in engine.started] == [
        (0, None),
        (1, None),
        (0, 3),
        (1, 3),
    ]
    assert engine.scored == [3, 3, 8, 8, 8, 8]
    lines = [line.split() for line in result.out.splitlines()]
    assert ["paper,", "50", "runs", ".37±.01"] in lines
    assert ["ours,", "2", "runs", ".25±.05"] in lines
    assert ["sd", "of", "a", "run", ".07"] in lines
    for said in ("NOT THE PUBLISHED LENGTH", "After · 8 of 4,000 updates", "Before · 3 of 1,500", "nobody knows how"):
        assert said in result.out


def test_a_second_call_does_nothing_again_and_more_seeds_only_what_is_new(crtui, engine: Engine) -> None:
    first = crtui(*SHORT, "--seeds", "0-1").out
    engine.started.clear()
    engine.scored.clear()
    assert crtui(*SHORT, "--seeds", "0-1").out == first
    assert (engine.started, engine.scored) == ([], [])
    crtui(*SHORT, "--seeds", "0-2")
    assert {spec.seed for spec in engine.started} == {2}
    assert engine.scored == [3, 8, 8]


def test_a_run_that_stopped_is_continued(crtui, engine: Engine) -> None:
    engine.ends_as = Status.STOPPED
    stopped = crtui(*SHORT, "--seeds", "0", "--rows", "after")
    assert stopped.code == 1
    assert "is stopped" in stopped.err
    engine.ends_as = Status.FINISHED
    assert crtui(*SHORT, "--seeds", "0", "--rows", "after").code == 0
    assert (len(engine.started), len(engine.resumed)) == (1, 1)


def test_status_computes_nothing(crtui, engine: Engine) -> None:
    result = crtui(*SHORT, "--status", "--json")
    assert (result.code, engine.started, engine.scored) == (0, [], [])
    rows = {row["name"]: row for row in result.json["rows"]}
    assert list(rows) == ["before", "control", "after", "elsewhere"]
    assert {run["status"] for run in rows["after"]["runs"]} == {"missing"}
    assert {run["status"] for run in rows["control"]["runs"]} == {"waiting"}
    assert (rows["elsewhere"]["runs"], rows["elsewhere"]["ours"]) == ([], {})
    assert rows["before"]["paper"] == {"mig": {"mean": 0.22, "plus_minus": 0.01}}
    assert result.json["published_length"] is False


def test_detached_it_starts_what_can_start_and_says_what_waits(crtui, engine: Engine) -> None:
    result = crtui(*SHORT, "--seeds", "0", "-d")
    assert (result.code, len(engine.started), engine.scored) == (0, 1, [])
    assert "1 wait for them" in result.err


def test_json_has_n_spread_length_and_protocol(crtui, engine: Engine) -> None:
    document = crtui(*SHORT, "--seeds", "0,3", "--json").json
    assert (document["protocol"], document["seeds"], document["steps"]) == ("paper", [0, 3], 8)
    after = next(row for row in document["rows"] if row["name"] == "after")
    assert after["ours"]["mig"]["n"] == 2
    assert after["ours"]["mig"]["standard_deviation"] == pytest.approx(0.3 / 2**0.5)
    assert [run["total_steps"] for run in after["runs"]] == [8, 8]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("table9",), "no table 'table9'"),
        (("small", "--rows", "gan"), "no row 'gan'"),
        (("small", "--seeds", "x"), "seeds are numbers and ranges"),
        (("small", "--steps", "0"), "--steps 0 makes no sense"),
        (("small", "--share", "2"), "--share 2 makes no sense"),
        (("small", "--share", "0.0001"), "too few for the schedule"),
        (("small", "--steps", "9", "--share", "0.5"), "exclude each other"),
        (("small", "--repeats", "0"), "repeats make no sense"),
        (("small", "--set", "lambda_info=3"), "would not reproduce small"),
        (("small", "--gres", "gpu:1"), "add --launcher slurm"),
        (("small", "--launcher", "moon"), "moon"),
    ],
)
def test_bad_input_is_one_sentence_and_starts_nothing(
    crtui, engine: Engine, arguments: Sequence[str], said: str
) -> None:
    result = crtui("reproduce", *arguments)
    assert (result.code, result.out, engine.started) == (2, "", [])
    assert said in result.err
    assert len(result.err.splitlines()) == 1


def test_a_dry_run_times_updates_and_starts_nothing(crtui, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.reproduction import cost

    monkeypatch.setattr(cost, "_SECONDS", 0.05)
    document = crtui(*SHORT, "--seeds", "0-1", "--dry-run", "--json").json
    assert engine.started == []
    assert [(cost["training"], cost["runs"], cost["updates"]) for cost in document["trainings"]] == [
        ("cr", 2, 16),
        ("control", 2, 10),
    ]
    assert document["hours"] == pytest.approx(sum(cost["hours"] for cost in document["trainings"]))
    assert document["hours"] > 0
    shown = crtui(*SHORT, "--seeds", "0-1", "--dry-run").out
    assert "ms/update" in shown
    assert "scoring, choosing and preparing data come on top" in shown


def test_a_rehearsal_really_trains_branches_off_and_scores(crtui, small: None) -> None:
    result = crtui("-q", *SHORT, "--seeds", "0", "--rows", "control,after", "--json")
    assert result.code == 0, result.err
    control, after = result.json["rows"]
    assert [run["status"] for row in (control, after) for run in row["runs"]] == ["finished", "finished"]
    assert 0 <= after["ours"]["mig"]["mean"] < 0.5
    assert after["ours"]["mig"]["mean"] != control["ours"]["mig"]["mean"]
