"""How processes are started that outlive this one, its terminal and its session."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from engine.errors import CrtuiError, WorkError
from engine.launch.resuming import reopen
from engine.machine.programs import environment, program
from engine.runs.folder import RunFolder
from engine.runs.registry import Registry
from engine.runs.state import RunState
from engine.storage.descriptors import cause, open_file, release

WORKER = program("engine.launch.worker")
"""The command that trains, without the run folder."""
_SUPERVISOR: Sequence[str] = program("engine.launch.supervisor")


def spawn(folder: RunFolder, lease: int, worker: Sequence[str]) -> None:
    """Start the supervisor of a queued run.

    Args:
        folder: the run.
        lease: descriptor of the run's lease; closed here in any case.
        worker: the command that trains, without the run folder.

    Raises:
        WorkError: it cannot be started. The run is still queued then, and the caller sees to that.
    """
    command = [*_SUPERVISOR, "--lease", str(lease), str(folder.path), "--", *worker]
    try:
        start_detached(command, open_file(folder.log_path, os.O_WRONLY | os.O_APPEND), lease, folder.store.root)
    except OSError as error:
        raise WorkError(f"its supervisor cannot be started: {cause(error)}") from error
    finally:
        release(lease)


def start_detached(command: Sequence[str], log: int, inherited: int, place: Path) -> None:
    """Start a process that outlives this one, its terminal and its session.

    Args:
        command: what to run.
        log: descriptor of the file that it prints to; closed here.
        inherited: descriptor that it gets a copy of.
        place: the folder that it is started in, which outlives the caller's current one.

    Raises:
        OSError: it cannot be started.
    """
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=(inherited,),
            cwd=place,
            env=environment(),
        )
    finally:
        release(log)
    # Without this, a program that lives longer than the process would collect zombies.
    threading.Thread(target=process.wait, name=f"reap {process.pid}", daemon=True).start()


def begin_attempt(folder: RunFolder, worker: Sequence[str], *, automatic: bool) -> None:
    """Put a run that has ended back into the queue of this machine, with a new supervisor.

    Args:
        folder: the run.
        worker: the command that trains, without the run folder.
        automatic: whether crtui does this by itself, without a person asking.

    Raises:
        InputError: the run still has a live process or has finished meanwhile, or its specification is damaged.
        WorkError: the disk refused, or no process can be started; the run is as it was.
    """
    before: list[RunState] = []

    def next_state(state: RunState) -> RunState:
        before.append(state)
        # Deleted before the state is written: if this process dies in between, the old ending still stands.
        folder.forget_outcome()
        return state.next_attempt(time.time(), automatic=automatic)

    registry = Registry(folder.store)
    registry.distrust([folder])
    lease = reopen(folder, next_state)
    # The run is queued by now. Lists look into its folder, and its supervisor writes its row again.
    with contextlib.suppress(CrtuiError):
        registry.update_runs([folder])
    try:
        spawn(folder, lease, worker)
    except WorkError as error:
        with contextlib.suppress(CrtuiError):
            folder.write_state(before[-1])
        raise WorkError(f"run {folder.id} cannot go on: {error}") from error
