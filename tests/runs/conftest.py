"""Runs on disk without any process: what the tests of this room share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.runs.folder import RunFolder
from engine.runs.registry import Registry
from engine.runs.run_folders import create_run_folders
from engine.runs.state import Status
from engine.storage.store import Store
from tests.toys import toy

MakeRun = Callable[..., RunFolder]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


@pytest.fixture
def make_run(store: Store) -> MakeRun:
    """Makes a registered run whose processes are gone."""

    def make(status: Status = Status.FINISHED, name: str = "toy", **changes: Any) -> RunFolder:
        [(folder, lease)] = create_run_folders(store, [toy(100, name=name)])
        folder.update_state(lambda state: state.model_copy(update={"status": status, **changes}))
        Registry(store).add_runs([folder])
        os.close(lease)
        return folder

    return make
