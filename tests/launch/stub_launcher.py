"""A launcher for tests, in one file: its runs are files in a folder, ``$STUB_JOBS``, and compute nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from engine.launch.resuming import reopen, require_resumable
from engine.launch.stopping import GRACE_SECONDS, wait_until_stopped
from engine.runs.catalogue import RunRecord, look_at
from engine.runs.folder import RunFolder
from engine.runs.registry import Registry
from engine.runs.run_folders import create_run_folders
from engine.runs.sightings import Sighting
from engine.runs.state import RunState, Status
from engine.storage.store import Store

QUEUE: str | None = "the queue of the stub; ask it"


def start(store: Store, specs: Sequence[BaseModel]) -> list[RunRecord]:
    folders = []
    for folder, lease in create_run_folders(store, specs):
        os.close(lease)
        _run(folder)
        folders.append(folder)
    Registry(store).add_runs(folders)
    return [look_at(folder) for folder in folders]


def stop(record: RunRecord, grace_seconds: float = GRACE_SECONDS) -> RunRecord:
    def urge(present: RunRecord, waited: float) -> None:
        _job(present.folder).unlink(missing_ok=True)

    return wait_until_stopped(record.folder, urge, grace_seconds, patience=10.0, poll=0.01)


def resume(record: RunRecord) -> RunRecord:
    require_resumable(record.folder)
    os.close(reopen(record.folder, lambda state: state.next_attempt(time.time(), automatic=False)))
    _run(record.folder)
    return look_at(record.folder)


def look(folder: RunFolder, state: RunState) -> Sighting:
    if _job(folder).exists():
        return Sighting(alive=True)
    return Sighting(alive=False, status=Status.CRASHED, reason="the stub lost it")


def _run(folder: RunFolder) -> None:
    running = {"status": Status.RUNNING, "device": "stub"}
    _job(folder).touch()
    folder.update_state(lambda state: state.model_copy(update=running))


def _job(folder: RunFolder) -> Path:
    return Path(os.environ["STUB_JOBS"]) / folder.id
