"""Scoring the checkpoints of a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import engine.data
from engine.errors import InputError
from engine.launch.evaluating import choose_device, score_run
from engine.metrics.evaluation import score
from engine.runs.catalogue import RunRecord, find_run
from engine.runs.loading import load_model
from engine.runs.state import Status
from engine.runs.store import Store

RunMaker = Callable[..., RunRecord]
KEYS = {
    "factor_vae",
    "beta_vae",
    "dci_disentanglement",
    "dci_completeness",
    "dci_informativeness",
    "sap",
    "mig",
    "modularity",
    "explicitness",
}


def _kept(record: RunRecord, name: str) -> Any:
    return json.loads((record.folder.path / "scores" / name).read_text())


def test_all_scores_of_the_newest_checkpoint(store: Store, make_run: RunMaker) -> None:
    record = make_run("a", steps=(3, 7))
    result = score_run(store, record)
    assert result["run"] == record.id
    assert (result["step"], result["protocol"]) == (7, "paper")
    assert set(result["scores"]) == KEYS
    assert all(0 <= value <= 1 for value in result["scores"].values())
    assert json.loads(json.dumps(result)) == _kept(record, "step-00000007-paper.json")


def test_the_scores_are_those_of_the_evaluation(store: Store, make_run: RunMaker) -> None:
    record = make_run("a")
    model = load_model(record.folder.path)
    expected = score(model.encode, engine.data.load("tiny"), ["mig", "factor_vae"], "paper", 5)
    assert score_run(store, record, ["mig", "factor_vae"], seed=5)["scores"] == expected


def test_scores_of_the_newest_checkpoint_become_the_runs_own(store: Store, make_run: RunMaker) -> None:
    record = make_run("a", steps=(3, 7))
    scores = score_run(store, record, ["mig"])["scores"]
    assert find_run(store, "a").scores == scores
    more = score_run(store, record, ["sap"])["scores"]
    assert find_run(store, "a").scores == scores | more


def test_scores_of_an_older_checkpoint_or_another_protocol_do_not(store: Store, make_run: RunMaker) -> None:
    record = make_run("a", steps=(3, 7))
    assert score_run(store, record, ["mig"], step=3)["step"] == 3
    score_run(store, record, ["mig"], "lib")
    assert find_run(store, "a").scores == {}
    assert {path.name for path in (record.folder.path / "scores").glob("*.json")} == {
        "step-00000003-paper.json",
        "step-00000007-lib.json",
    }


def test_scores_of_a_run_still_at_work_do_not(store: Store, make_run: RunMaker) -> None:
    record = make_run("a").model_copy(update={"status": Status.RUNNING})
    score_run(store, record, ["mig"])
    assert find_run(store, "a").scores == {}


def test_a_later_call_adds_to_what_is_kept_for_the_same_seed(store: Store, make_run: RunMaker) -> None:
    record = make_run("a")
    name = "step-00000007-paper.json"
    first = score_run(store, record, ["mig"])["scores"]
    second = score_run(store, record, ["factor_vae"])["scores"]
    assert _kept(record, name)["scores"] == first | second
    other = score_run(store, record, ["sap"], seed=1)["scores"]
    assert _kept(record, name)["scores"] == other


@pytest.mark.parametrize("content", [b"", b"[]", b'{"scores": 3}', b"\xff\xfe"])
def test_a_damaged_earlier_result_is_replaced(store: Store, make_run: RunMaker, content: bytes) -> None:
    record = make_run("a")
    path = record.folder.path / "scores" / "step-00000007-paper.json"
    path.parent.mkdir()
    path.write_bytes(content)
    scores = score_run(store, record, ["mig"])["scores"]
    assert json.loads(path.read_text())["scores"] == scores


def test_no_event_is_written_and_nothing_else_appears(store: Store, make_run: RunMaker) -> None:
    record = make_run("a")
    before = {path.name for path in record.folder.path.iterdir()}
    score_run(store, record, ["mig"])
    assert {path.name for path in record.folder.path.iterdir()} - before <= {"scores", ".state.lock"}


def test_progress_is_told_in_words_and_numbers(store: Store, make_run: RunMaker) -> None:
    seen: list[tuple[str, int, int]] = []
    score_run(store, make_run("a"), ["mig"], progress=lambda *report: seen.append(report))
    assert seen
    assert all(phase and 0 <= done <= total for phase, done, total in seen)


def test_bad_input_is_refused_and_leaves_nothing(store: Store, make_run: RunMaker) -> None:
    record = make_run("a")
    with pytest.raises(InputError, match="no checkpoint at step 5"):
        score_run(store, record, step=5)
    with pytest.raises(InputError, match="unknown metric 'fid'"):
        score_run(store, record, ["fid"])
    with pytest.raises(InputError, match="'tpu' is not available"):
        score_run(store, record, device="tpu")
    with pytest.raises(InputError, match="protocol"):
        score_run(store, record, protocol="old")  # type: ignore[arg-type]
    assert not (record.folder.path / "scores").exists()


def test_a_damaged_checkpoint_is_refused(store: Store, make_run: RunMaker) -> None:
    record = make_run("a")
    weights = record.folder.checkpoints / "step-00000007" / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        score_run(store, record, step=7)


@pytest.mark.parametrize("name", ["cpu", "cpu:0", "auto"])
def test_devices_that_are_there(name: str) -> None:
    assert choose_device(name).split(":")[0] in ("cpu", "cuda")


@pytest.mark.parametrize("name", ["cpu:1", "cuda:99", "cuda:x", "", "gpu"])
def test_devices_that_are_not(name: str) -> None:
    with pytest.raises(InputError, match="not available here"):
        choose_device(name)
