"""The queue of a store: hold runs back, let them go, and take care of those that lost their supervisor.

There is no queue file and no daemon: a queued run is a run folder, and its supervisor waits for it. So the queue is as
durable as the folders, and whatever dies takes at most one run with it, which another supervisor puts back.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import Any

from engine.errors import CrtuiError, InputError, WorkError
from engine.launch import slots
from engine.launch.spawning import begin_attempt
from engine.runs.catalogue import RunRecord, look_at
from engine.runs.folder import RunFolder, run_folders
from engine.runs.registry import Registry
from engine.runs.state import ProcessIdentity, RunState, Status
from engine.runs.store import Store, replace_file


def pause(record: RunRecord) -> RunRecord:
    """Hold a queued run back: it keeps its place, but does not start until :func:`unpause` lets it.

    Raises:
        InputError: it is not queued: a run that has its device cannot be held, only stopped.
        WorkError: the disk refused.
    """
    return _set_paused(record, paused=True)


def unpause(record: RunRecord) -> RunRecord:
    """Let a run that was held back take its turn.

    Raises:
        InputError: it is not queued.
        WorkError: the disk refused.
    """
    return _set_paused(record, paused=False)


def pause_queue(store: Store) -> None:
    """Start no queued run of this store until :func:`unpause_queue`; those that run go on.

    Raises:
        WorkError: the disk refused.
    """
    replace_file(store.pause_path, f"paused {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}\n".encode())


def unpause_queue(store: Store) -> None:
    """Let queued runs start again.

    Raises:
        WorkError: the disk refused.
    """
    try:
        store.pause_path.unlink(missing_ok=True)
    except OSError as error:
        raise WorkError(f"{store.pause_path} cannot be deleted: {error.strerror}") from error


def queue_is_paused(store: Store) -> bool:
    """Whether queued runs of this store may not start."""
    return store.pause_path.exists()


def queue_positions() -> dict[str, int]:
    """The place in line, from 1, of each run that waits for a device of this machine, by id.

    Each kind of device has a line of its own. Runs that are held back stand in none.
    """
    with contextlib.suppress(InputError):
        return slots.positions()
    return {}


def listing(records: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """The JSON objects of ``crtui runs list``: what is known of each run, and its ``queue_position``, else ``None``."""
    waiting = any(record.status is Status.QUEUED for record in records)
    positions = queue_positions() if waiting else {}
    return [record.to_json() | {"queue_position": positions.get(record.id)} for record in records]


def adopt_orphans(store: Store, since: float, worker: Sequence[str]) -> list[RunFolder]:
    """Put runs back into the queue that lost their supervisor, and have no other process, since a time.

    These are runs that waited, and runs that crashed and may be tried again. Whoever supervises a run calls this now
    and then for the runs beside it.

    Args:
        store: where.
        since: only runs last heard of after this, in seconds since 1970: what a person has had time to see and to leave
            alone stays as it is.
        worker: the command that trains, without the run folder.

    Returns:
        The runs that were put back.
    """
    adopted = []
    for folder in run_folders(store):
        with contextlib.suppress(CrtuiError):
            if _is_orphan(folder, since):
                begin_attempt(folder, worker, automatic=True)
                adopted.append(folder)
    return adopted


def may_retry(state: RunState, retries: int) -> bool:
    """Whether a run that has ended goes on by itself."""
    return state.status is Status.CRASHED and state.stop_grace is None and state.retried < retries


def _set_paused(record: RunRecord, *, paused: bool) -> RunRecord:
    folder = record.folder
    present = look_at(folder)
    if present.status is not Status.QUEUED:
        raise InputError(f"run {folder.id} is {present.status}; only queued runs can be held back and let go")
    if folder.summary().launcher == "slurm":
        raise InputError(f"run {folder.id} waits in Slurm's queue; use 'scontrol hold {present.job}' and 'release'")

    def change(state: RunState) -> RunState:
        # The supervisor writes the device under the same lock before it starts the worker.
        if state.status is not Status.QUEUED or state.device is not None:
            raise InputError(f"run {folder.id} is starting; it can only be stopped")
        return state.model_copy(update={"paused": paused})

    folder.update_state(change)
    Registry(folder.store).update_runs([folder])
    return look_at(folder)


def _is_orphan(folder: RunFolder, since: float) -> bool:
    state = folder.state()
    if state.status in (Status.FINISHED, Status.STOPPED, Status.FAILED) or state.updated < since:
        return False
    supervisor = state.supervisor
    if supervisor is None or supervisor.boot_id != ProcessIdentity.own().boot_id:
        return False
    look_at(folder)
    state = folder.state()
    if state.status is not Status.CRASHED or state.stop_grace is not None:
        return False
    summary = folder.summary()
    if summary.launcher == "slurm":
        return False
    return state.started is None or may_retry(state, summary.retries)
