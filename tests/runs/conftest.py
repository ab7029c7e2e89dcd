"""Runs on disk without any process: what the tests of this room share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from engine.runs.folder import RunFolder, create_run_folders
from engine.runs.registry import Registry
from engine.runs.state import Status
from engine.runs.store import Store

MakeRun = Callable[..., RunFolder]


class _Named(BaseModel):
    name: str


class _Training(BaseModel):
    steps: int = 100


class ToySpec(BaseModel):
    """The fields that every specification has."""

    name: str | None = "toy"
    group: str | None = None
    seed: int = 0
    device: str = "cpu"
    threads: int = 1
    method: _Named = _Named(name="infogan-cr")
    data: _Named = _Named(name="minisprites")
    training: _Training = _Training()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


@pytest.fixture
def make_run(store: Store) -> MakeRun:
    """Makes a registered run whose processes are gone."""

    def make(status: Status = Status.FINISHED, name: str = "toy", **changes: Any) -> RunFolder:
        [(folder, lease)] = create_run_folders(store, [ToySpec(name=name)])
        folder.update_state(lambda state: state.model_copy(update={"status": status, **changes}))
        Registry(store).add_runs([folder])
        os.close(lease)
        return folder

    return make
