"""The queue of a store: hold runs back, let them go, and put back those that lost their supervisor.

There is no queue file and no daemon: a queued run is a run folder whose supervisor waits. So the queue lasts as long as
the folders. A process that dies takes at most one run with it, and another supervisor puts that run back.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import Any

from engine.errors import CrtuiError, InputError, StoreError
from engine.launch.launchers import launcher
from engine.launch.spawning import begin_attempt
from engine.launch.waits import Wait, waits
from engine.machine.processes import boot_id
from engine.runs.catalogue import RunRecord, look_at
from engine.runs.folder import RunFolder
from engine.runs.ownership import is_own
from engine.runs.registry import Registry
from engine.runs.run_folders import run_folders
from engine.runs.state import RunState, Status
from engine.storage.descriptors import cause, is_there, unlink
from engine.storage.files import replace_file
from engine.storage.store import Store


def pause(record: RunRecord) -> RunRecord:
    """Hold a queued run back. It keeps its place, but does not start until :func:`unpause`.

    Raises:
        InputError: the run is not queued, or its launcher has a queue of its own. A run that has its device can only
            be stopped.
        WorkError: the disk refused.
    """
    return _set_paused(record, paused=True)


def unpause(record: RunRecord) -> RunRecord:
    """Let a run that was held back start when its turn comes.

    Raises:
        InputError: the run is not queued, or its launcher has a queue of its own.
        WorkError: the disk refused.
    """
    return _set_paused(record, paused=False)


def pause_queue(store: Store) -> None:
    """Start no queued run of this store until :func:`unpause_queue`. Running ones go on.

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
        unlink(store.pause_path, missing_ok=True)
    except OSError as error:
        raise StoreError(f"{store.pause_path} cannot be deleted: {cause(error)}") from error


def queue_is_paused(store: Store) -> bool:
    """Whether queued runs of this store may not start.

    Raises:
        StoreError: that cannot be found out just now.
    """
    return is_there(store.pause_path)


def waits_of(records: Sequence[RunRecord]) -> dict[str, Wait]:
    """What those of these runs wait for that wait for a device of this machine, by id.

    Each kind of device has its own line. Runs that are held back are in no line.
    """
    queued = {record.id for record in records if record.status is Status.QUEUED}
    return {run: wait for run, wait in waits().items() if run in queued} if queued else {}


def listing(records: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """The JSON objects of ``crtui runs list``: each record, with its ``queue_position`` and who has what it waits for.

    The latter is ``held_by``: for each holder ``run``, ``name``, ``store`` and how many ``slots`` it has. Both are
    ``None`` for a run that is in no line of this machine.
    """
    found = waits_of(records)
    return [record.to_json() | _wait_json(found.get(record.id)) for record in records]


def _wait_json(wait: Wait | None) -> dict[str, Any]:
    if wait is None:
        return {"queue_position": None, "held_by": None}
    return {"queue_position": wait.place, "held_by": [holder.to_json() for holder in wait.holders]}


def adopt_orphans(store: Store, since: float, worker: Sequence[str]) -> list[RunFolder]:
    """Put runs back into the queue that have lost their supervisor and have no other process.

    These are runs that were waiting, and runs that crashed and may be retried. Each supervisor calls this now and then.

    Args:
        store: where.
        since: only runs that were last heard of after this time, in seconds since the boot of this machine, which
            setting its clock does not change. Older ones stay as they are: people have had time to see them, and may
            have left them alone on purpose.
        worker: the command that trains, without the run folder.

    Returns:
        The runs that were put back. Those of other users are left to them.

    Raises:
        StoreError: the runs cannot be listed just now.
    """
    adopted = []
    for folder in run_folders(store):
        with contextlib.suppress(CrtuiError):
            if _is_orphan(folder, since) and is_own(folder, unattended=True):
                begin_attempt(folder, worker, automatic=True)
                adopted.append(folder)
    return adopted


def may_retry(state: RunState, retries: int) -> bool:
    """Whether a run that has ended is tried again without a person asking."""
    return state.status is Status.CRASHED and state.stop_grace is None and state.retried < retries


def _set_paused(record: RunRecord, *, paused: bool) -> RunRecord:
    folder = record.folder
    present = look_at(folder)
    if present.status is not Status.QUEUED:
        raise InputError(f"run {folder.id} is {present.status}; only queued runs can be held back and let go")
    if (queue := launcher(folder.summary().launcher).QUEUE) is not None:
        raise InputError(f"run {folder.id} waits in {queue.format(job=present.job)}")

    def change(state: RunState) -> RunState:
        # A supervisor writes the device before it starts the worker.
        if state.status is not Status.QUEUED or state.device is not None:
            raise InputError(f"run {folder.id} is starting; it can only be stopped")
        return state.model_copy(update={"paused": paused})

    folder.update_state(change)
    Registry(folder.store).update_runs([folder])
    return look_at(folder)


def _is_orphan(folder: RunFolder, since: float) -> bool:
    """Whether a run has lost its supervisor on this machine since it was booted, and must be put back."""
    state = folder.state()
    if state.status in (Status.FINISHED, Status.STOPPED, Status.FAILED):
        return False
    supervisor = state.supervisor
    if supervisor is None or supervisor.boot_id != boot_id():
        return False
    # With each heartbeat a supervisor says by when it will be heard of again: later than it was.
    if (state.next_beat_uptime or 0.0) < since:
        return False
    look_at(folder)
    state = folder.state()
    if state.status is not Status.CRASHED or state.stop_grace is not None:
        return False
    summary = folder.summary()
    if launcher(summary.launcher).QUEUE is not None:
        return False
    return state.started is None or may_retry(state, summary.retries)
