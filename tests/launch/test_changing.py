"""What may change when a run is resumed, how it is kept, and what the run then does."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from engine.errors import ChangedDataError, InputError, WorkError
from engine.launch import launchers, local, queueing, worker
from engine.launch.changing import change, changed
from engine.runs import data_record
from engine.runs.catalogue import RunRecord, find_run
from engine.runs.events import read_events
from engine.runs.folder import RunFolder
from engine.runs.registry import Registry
from engine.runs.run_folders import create_run_folders
from engine.runs.specification.resolving import resolve
from engine.runs.state import Status
from engine.runs.values import values_of
from engine.storage.store import Store
from engine.training import checkpoints
from tests.stops_after import StopsAfter

SETTINGS = ("batch_size=8", "checkpoint_every=4", "score_every=0", "log_every=2")


def images(path: Path, side: int = 32, seed: int = 0) -> Path:
    np.savez(path, imgs=np.random.default_rng(seed).integers(0, 256, (40, side, side), dtype=np.uint8))
    return path


@pytest.fixture
def stopped(tmp_path: Path) -> RunRecord:
    """A run of 8 updates that stopped after a few, on images that have moved since."""
    store = Store.open(tmp_path / "store")
    flags = {"training.steps": 8, "threads": 1, "device": "cpu", "name": "mine"}
    specs = resolve("vae", preset="quick", data=str(images(tmp_path / "old.npz")), overrides=SETTINGS, flags=flags)
    [(folder, lease)] = create_run_folders(store, specs)
    os.close(lease)
    stop: Any = StopsAfter(2)
    outcome = worker.run(folder, stop)
    assert outcome.status is Status.STOPPED
    folder.update_state(lambda state: state.completed_from(outcome))
    Registry(store).add_runs([folder])
    (tmp_path / "old.npz").rename(tmp_path / "new.npz")
    return find_run(store, "mine")


def test_data_are_accepted_only_by_an_attempt_that_begins(stopped: RunRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = stopped.folder
    known = data_record.recorded(folder)
    assert known is not None

    def refuse(*_: object, **__: object) -> None:
        assert data_record.recorded(folder) is None
        raise WorkError("no process can be started")

    with monkeypatch.context() as patches:
        patches.setattr(local, "begin_attempt", refuse)
        for _ in range(2):
            with pytest.raises(WorkError, match="no process can be started"):
                launchers.resume(stopped, accept_data=True)
    assert data_record.recorded(folder) == known
    assert json.loads((folder.path / data_record.FILE).read_text())["earlier"] == []

    images(folder.store.root.parent / "old.npz", seed=1)
    with pytest.raises(ChangedDataError):
        launchers.resume(stopped)


def resume_here(folder: RunFolder) -> None:
    folder.update_state(lambda state: state.model_copy(update={"attempt": state.attempt + 1, "status": Status.RUNNING}))
    never: Any = SimpleNamespace(requested=False)
    assert worker.run(folder, never).status is Status.FINISHED


def test_a_run_goes_on_with_images_that_were_moved_bit_for_bit(stopped: RunRecord, tmp_path: Path) -> None:
    folder, written = stopped.folder, stopped.folder.spec_path.read_bytes()
    _, values = changed(stopped, ["training.log_every=1"], str(tmp_path / "new.npz"))
    with change(stopped, values):
        pass
    assert folder.spec_path.read_bytes() == written
    assert json.loads(folder.changes_path.read_text()) == [
        {"attempt": 2, "values": {"data.name": str(tmp_path / "new.npz"), "training.log_every": 1}}
    ]
    assert folder.spec().data.name == folder.summary().data.name == str(tmp_path / "new.npz")
    assert values_of(folder)["training.log_every"] == 1
    resume_here(folder)
    notes = [row["text"] for row in read_events(folder.events_path, kinds=["note"]).rows]
    assert any(note.startswith("changed for this attempt: data.name = ") for note in notes)

    [(whole, lease)] = create_run_folders(folder.store, [folder.spec()])
    os.close(lease)
    never: Any = SimpleNamespace(requested=False)
    worker.run(whole, never)
    ours, expected = (checkpoints.load(each.checkpoints / "step-00000008").weights() for each in (folder, whole))
    assert all(torch.equal(ours[name], expected[name]) for name in expected)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["codes=3"], "method.codes cannot change in the middle of a run; 'crtui train --branch-from RUN"),
        (["steps=9"], "training.steps cannot change in the middle of a run"),
        (["seed=1"], "seed cannot change"),
        (["batch_size=9"], "training.batch_size cannot change"),
        (["log_every=0"], "training.log_every = 0"),
        (["nonsense=0"], "no key 'nonsense'"),
        (["log_every=1", "training.log_every=2"], "training.log_every is given twice"),
        (["data=/nowhere/at/all"], "no dataset or file '/nowhere/at/all'"),
    ],
)
def test_what_changes_what_is_learned_is_refused(
    stopped: RunRecord, tmp_path: Path, overrides: list[str], message: str
) -> None:
    data = None if overrides[0].startswith("data") else str(tmp_path / "new.npz")
    with pytest.raises(InputError) as caught:
        changed(stopped, overrides, data)
    assert message in str(caught.value)
    assert not stopped.folder.changes_path.exists()


def test_other_images_are_refused_when_they_are_read(stopped: RunRecord, tmp_path: Path) -> None:
    with change(stopped, changed(stopped, [], str(images(tmp_path / "small.npz", side=16)))[1]):
        pass
    with pytest.raises(InputError, match="are not those that it was started with"):
        resume_here(stopped.folder)


def test_what_was_to_begin_and_did_not_leaves_no_change(stopped: RunRecord, tmp_path: Path) -> None:
    _, values = changed(stopped, ["training.log_every=1"], str(tmp_path / "new.npz"))
    for _ in range(2):
        with pytest.raises(InputError, match="is stopped; only queued runs"), change(stopped, values):
            queueing.pause(stopped)
        assert stopped.folder.changes() == []


def test_a_finished_run_does_not_change(stopped: RunRecord, tmp_path: Path) -> None:
    _, values = changed(stopped, [], str(tmp_path / "new.npz"))
    stopped.folder.update_state(lambda state: state.model_copy(update={"status": Status.FINISHED}))
    with pytest.raises(InputError, match="has finished"), change(stopped, values):
        pass


@pytest.mark.parametrize(
    "content", ["", "{", "[1]", '[{"attempt": 0, "values": {}}]', '[{"attempt": 2, "values": {"seed": -1}}]']
)
def test_damaged_changes_are_named(stopped: RunRecord, content: str) -> None:
    stopped.folder.changes_path.write_text(content)
    with pytest.raises(InputError, match=stopped.id):
        stopped.folder.spec()
