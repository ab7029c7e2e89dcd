"""A store that version 0.1 wrote before the rooms were rearranged: everything in it opens, and goes on.

``tests/fixtures/store-0.1`` holds two finished runs that are scored and chosen from, and one that was stopped. It is as
that version left it, but for the name of the machine and the reserves of 64 KiB.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine
from cr_tui.dashboard.store.source import StoreSource
from engine.runs.catalogue import find_run, look_at
from engine.runs.events import read_events
from engine.runs.folder import RunFolder
from engine.runs.specification.trees import leaves
from engine.storage.store import Store
from tests.toys import until

WRITTEN = Path(__file__).parents[1] / "fixtures" / "store-0.1"
RUNS = {"flagship": "20261128-041750-cf4c23", "vae": "20261128-041754-cc3432", "halted": "20261128-041759-58d738"}
SELECTION = "20261128-041813-297d29"
SCORES = {"factor_vae": 0.548, "mig": 0.0455411403700376}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    shutil.copytree(WRITTEN, tmp_path / "store")
    return Store.open(tmp_path / "store")


def ranking() -> dict[str, Any]:
    """The stored selection as it was written."""
    content: dict[str, Any] = json.loads((WRITTEN / "selections" / SELECTION / "ranking.json").read_text())
    return content


def folder_of(store: Store, name: str) -> RunFolder:
    return find_run(store, name).folder


def test_runs_are_listed_and_shown(crtui) -> None:
    listed = {run["name"]: run for run in crtui("runs", "list", "--json").json}
    assert {name: run["id"] for name, run in listed.items()} == RUNS
    told = {name: (run["method"], run["status"], run["step"], run["total_steps"]) for name, run in listed.items()}
    assert told == {
        "flagship": ("infogan-cr", "finished", 60, 60),
        "vae": ("beta-vae", "finished", 60, 60),
        "halted": ("infogan", "stopped", 84, 400),
    }
    assert listed["flagship"]["scores"] == SCORES
    assert listed["halted"]["reason"] == "asked to stop"
    shown = crtui("runs", "show", "flagship", "--json").json
    assert shown["checkpoints"] == [60]
    written = json.loads((WRITTEN / "runs" / RUNS["flagship"] / "spec.json").read_text())
    # Keys that came later have their defaults.
    assert dict(leaves(shown["spec"])).items() >= dict(leaves(written)).items()
    assert shown["data_fingerprint"] is None


def test_the_registry_can_be_made_from_the_folders_again(crtui) -> None:
    before = crtui("runs", "list", "--json").json
    assert crtui("runs", "reindex").code == 0
    assert crtui("runs", "list", "--json").json == before


def test_curves_and_logs_are_read(crtui) -> None:
    rows = crtui("runs", "metrics", "flagship", "--name", "loss_generator", "--json").json
    assert [row["step"] for row in rows] == [10, 20, 30, 40, 50, 60]
    assert "finished at step 60" in crtui("runs", "logs", "flagship").out


def test_a_run_is_scored_as_it_was_then(crtui, store: Store) -> None:
    (result,) = crtui("score", "flagship", "--metric", "factor_vae", "--metric", "mig", "--json").json
    assert result["scores"] == pytest.approx(SCORES, abs=0.01)
    kept = json.loads((folder_of(store, "flagship").path / "scores" / "step-00000060-paper.json").read_text())
    assert result["fingerprint"] == kept["fingerprint"]


def test_a_pool_is_ranked_anew_because_labelled_sets_are_drawn_otherwise_now(crtui) -> None:
    call = ("select", "--group", "pool", "--votes", "20", "--similarity", "factor-vae", "--json")
    result, again = crtui(*call).json, crtui(*call).json
    assert (result["compared_pairs"], result["evaluated_pairs"]) == (4, 4)
    assert again["evaluated_pairs"] == 0
    then = ranking()
    assert result["runs"] == then["runs"]
    assert result["matrix"] == again["matrix"] != then["matrix"]
    np.testing.assert_allclose(result["matrix"], then["matrix"], atol=0.25)


def test_the_dashboard_shows_the_selection(store: Store) -> None:
    source = StoreSource(store)
    try:
        (selection,) = source.selections()
        assert source.damaged_selections() == 0
        names = {run.name for run in source.runs()}
    finally:
        source.close()
    then = ranking()
    assert names == set(RUNS)
    assert (selection.id, list(selection.runs), selection.votes) == (SELECTION, then["runs"], 20)
    np.testing.assert_array_equal(selection.matrix, np.array(then["matrix"]))
    found = {name: (list(ranked.scores), list(ranked.ranking)) for name, ranked in selection.methods.items()}
    assert found == {name: (ranked["scores"], ranked["ranking"]) for name, ranked in then["methods"].items()}


@pytest.mark.parametrize(("name", "codes"), [("flagship", 4), ("vae", 6), ("halted", 4)])
def test_models_load(store: Store, name: str, codes: int) -> None:
    model = engine.load(folder_of(store, name).path)
    assert (model.codes.continuous, model.image_shape) == (codes, (32, 32, 1))
    images = model.sample(3, seed=0)
    assert images.shape == (3, 1, 32, 32)
    assert model.encode(images).shape == (3, codes)


def test_a_stopped_run_goes_on_to_its_end(crtui, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    folder = folder_of(store, "halted")
    assert crtui("runs", "resume", "halted").code == 0
    until(lambda: look_at(folder).status.terminal, "the end")
    ended = look_at(folder)
    assert (ended.status, ended.step, ended.attempt) == ("finished", 400, 2)
    steps = [row["step"] for row in read_events(folder.events_path, kinds=["train"]).rows]
    assert steps == list(range(50, 401, 50))
    assert "resum" in folder.log_path.read_text() or "attempt 2" in folder.log_path.read_text()
