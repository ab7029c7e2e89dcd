"""The question whether the demo's pick is right: the rule, and a rehearsal of the benchmark at tiny size."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import demo_truth
import pools
from cr_tui.cli.commands import demo
from engine.launch import launchers, worker
from engine.runs.catalogue import RunRecord, list_runs, look_at
from engine.runs.registry import Registry
from engine.runs.run_folders import create_run_folders
from engine.runs.specification.spec import RunSpec
from engine.runs.state import Status
from engine.storage.store import Store


class _Never:
    requested = False


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the runs that were started: three of one method, trained in this process because that is quicker."""
    names: list[str] = []

    def start(store: Store, specs: Sequence[RunSpec]) -> list[RunRecord]:
        records = []
        for folder, lease in create_run_folders(store, specs):
            os.close(lease)
            outcome = worker.run(folder, _Never())
            folder.update_state(lambda state, outcome=outcome: state.ended_as(outcome.status))
            Registry(store).add_runs([folder])
            records.append(look_at(folder))
            names.append(str(records[-1].name))
        return records

    monkeypatch.setattr(launchers, "start", start)
    monkeypatch.setattr(worker, "say", lambda text, error=False: None)
    monkeypatch.setattr(demo, "POOL", (demo.Members("vae", 3, 100),))
    monkeypatch.setattr(pools, "_POLL_SECONDS", 0.0)
    return names


def rehearse(store: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    demo_truth.main(["--store", str(store), "--rehearse", *arguments])
    return capsys.readouterr().out


def test_a_rehearsal_judges_every_repeat_once(
    started: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document: dict[str, Any] = json.loads(rehearse(tmp_path / "store", capsys, "--repeats", "1", "--json"))
    assert started == ["demo-vae-s200", "demo-vae-s201", "demo-vae-s202"]
    [first] = document["repeats"]
    assert set(first["scores"]) == set(started)
    assert first["score"] == first["scores"][first["pick"]]
    assert first["regret"] == max(first["scores"].values()) - first["score"]
    assert document["right"] == (first["rank"] == 1)

    rehearse(tmp_path / "store", capsys, "--repeats", "1")
    assert len(started) == 3
    out = rehearse(tmp_path / "store", capsys, "--repeats", "2")
    assert started[3:] == ["demo-vae-s206", "demo-vae-s207", "demo-vae-s208"]
    lines = out.splitlines()
    assert [line[:10] for line in lines[:-1]] == ["repeat  0:", "repeat  1:"]
    assert f"{first['pick']} " in lines[0]
    assert f"rank {first['rank']} of 3" in lines[0]
    assert " of 2 picks are in the best third" in lines[-1]
    groups = {record.group for record in list_runs(Store.open(tmp_path / "store"))}
    assert groups == {"demo-truth-00", "demo-truth-01"}


def test_a_judgement_of_other_runs_or_that_cannot_be_read_is_made_again(
    started: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rehearse(tmp_path / "store", capsys, "--repeats", "1")
    kept = tmp_path / "store" / "demo-truth" / "00.json"
    whole = json.loads(kept.read_bytes())
    for damaged in ("{", json.dumps(whole | {"runs": ["x"], "rank": 99})):
        kept.write_text(damaged)
        assert f"rank {whole['rank']} of 3" in rehearse(tmp_path / "store", capsys, "--repeats", "1")
        assert json.loads(kept.read_bytes())["runs"] == whole["runs"]
    assert len(started) == 3


@pytest.mark.parametrize(
    ("scores", "rank"),
    [([0.9, 0.8, 0.7], 1), ([0.9, 0.9, 0.9], 1), ([0.8, 0.9, 0.9], 3), ([0.8, 0.8, 0.9], 2)],
)
def test_ties_count_as_they_fall(scores: list[float], rank: int) -> None:
    assert demo_truth.rank_of("a", dict(zip("abc", scores, strict=True))) == rank


@pytest.mark.parametrize(("rank", "models", "right"), [(3, 9, True), (4, 9, False), (2, 8, True), (3, 8, False)])
def test_the_best_third_is_rounded_down(rank: int, models: int, right: bool) -> None:
    judgement = demo_truth.Judgement(0, [], "a", rank, models, 0.8, 0.9, 0.1, "clear", 0.6, 0.5, {})
    assert judgement.right is right


def test_repeats_share_no_seed_with_each_other_or_with_the_tuning() -> None:
    seeds = [{spec.seed for spec in demo_truth.repeat_specs(repeat)} for repeat in range(demo_truth.REPEATS)]
    assert len(set().union(*seeds)) == sum(map(len, seeds))
    assert min(set().union(*seeds)) >= 200


def test_a_run_that_fails_ends_the_program(
    started: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def start(store: Store, specs: Sequence[RunSpec]) -> list[RunRecord]:
        [(folder, lease)] = create_run_folders(store, specs)
        os.close(lease)
        folder.update_state(lambda state: state.ended_as(Status.FAILED, "no space left"))
        Registry(store).add_runs([folder])
        return [look_at(folder)]

    monkeypatch.setattr(launchers, "start", start)
    with pytest.raises(SystemExit, match="3 runs have not finished; call again"):
        demo_truth.main(["--store", str(tmp_path / "store"), "--rehearse"])
    assert "demo-vae-s200 failed (no space left)" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--repeats", "0"], ["--jobs", "x"]])
def test_numbers_that_make_no_sense_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        demo_truth.main(["--store", "unused", *words])
    assert refused.value.code == 2
    assert f"'{words[1]}' is not a whole number" in capsys.readouterr().err
