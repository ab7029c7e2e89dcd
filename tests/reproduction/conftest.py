"""A store with runs that were never trained, as a table plans them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.runs.catalogue import RunRecord, find_run
from engine.runs.registry import Registry
from engine.runs.run_folders import create_run_folders
from engine.runs.specification.spec import RunSpec
from engine.runs.state import RunState, Status
from engine.storage.store import Store
from engine.training.step_folders import step_folder

RunAdder = Callable[..., RunRecord]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


@pytest.fixture
def add(store: Store) -> RunAdder:
    """Put a run into the store, with empty folders in place of checkpoints."""

    def make(spec: RunSpec, status: Status = Status.FINISHED, checkpoints: tuple[int, ...] = ()) -> RunRecord:
        ((folder, lease),) = create_run_folders(store, [spec])
        os.close(lease)
        steps = spec.training.steps
        step = steps if status is Status.FINISHED else 1
        for at in (*checkpoints, step):
            step_folder(folder.checkpoints, at).mkdir(parents=True, exist_ok=True)
        now = time.time()
        folder.write_state(RunState(status=status, step=step, total_steps=steps, created=now, ended=now))
        Registry(store).add_runs([folder])
        return find_run(store, folder.id)

    return make
