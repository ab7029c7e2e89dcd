"""How a run's supervisor is started: cut off from the terminal, the session and the life of whoever starts it."""

from __future__ import annotations

import os
import site
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import engine
from engine.errors import InputError
from engine.runs.folder import RunFolder
from engine.runs.rebuilding import rebuilt_state
from engine.runs.registry import Registry
from engine.runs.state import RunState, Status
from engine.storage import open_file

WORKER = (sys.executable, "-P", "-m", "engine.launch.worker")
"""The command that trains, to which the run folder is added. -P: a folder ``engine`` where the user is is not ours."""
_SUPERVISOR: Sequence[str] = (sys.executable, "-P", "-m", "engine.launch.supervisor")


def spawn(folder: RunFolder, lease: int, worker: Sequence[str]) -> None:
    """Start the supervisor of a queued run.

    Args:
        folder: the run.
        lease: descriptor of the run's lease, which is taken over, also where this fails.
        worker: the command that trains, without the run folder.

    Raises:
        WorkError: the supervisor cannot be started, and the disk refused to hold that.
    """
    command = [*_SUPERVISOR, "--lease", str(lease), str(folder.path), "--", *worker]
    try:
        start_detached(command, open_file(folder.log_path, os.O_WRONLY | os.O_APPEND), lease)
    except OSError as error:
        reason = f"its supervisor cannot be started: {error.strerror}"
        folder.update_state(lambda state: state.ended_as(Status.FAILED, reason))
        Registry(folder.store).update_runs([folder])
    finally:
        os.close(lease)


def start_detached(command: Sequence[str], log: int, inherited: int) -> None:
    """Start a process that outlives this one, its terminal and its session.

    Args:
        command: what to run.
        log: descriptor of what it prints to; closed here.
        inherited: descriptor that it gets a copy of.

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
            env=environment(),
        )
    finally:
        os.close(log)
    # A program that lives longer than the process must not collect zombies.
    threading.Thread(target=process.wait, name=f"reap {process.pid}", daemon=True).start()


def begin_attempt(folder: RunFolder, worker: Sequence[str], *, automatic: bool) -> None:
    """Put a run that has ended back into the queue, with a supervisor of its own.

    Args:
        folder: the run.
        worker: the command that trains, without the run folder.
        automatic: whether nobody asked for it.

    Raises:
        InputError: it still has a live process, has finished meanwhile, or its specification is damaged.
        WorkError: the disk refused.
    """
    folder.summary()
    # Before the lease is ours, which would speak for a live process.
    lost = rebuilt_state(folder, "its state is lost")
    lease = folder.take_lease()
    try:
        folder.repair_spec()
        folder.fill_reserve()
        now = time.time()

        def queue(state: RunState) -> RunState:
            # Asked under the lease: somebody else may have continued it, to its end, since the caller looked.
            if state.status is Status.FINISHED:
                raise InputError(f"run {folder.id} has finished; there is nothing to resume")
            # Before the state: should this process die in between, the old ending stands.
            folder.outcome_path.unlink(missing_ok=True)
            return state.next_attempt(now, automatic=automatic)

        folder.update_state(queue, fallback=lost)
        Registry(folder.store).update_runs([folder])
    except BaseException:
        os.close(lease)
        raise
    spawn(folder, lease, worker)


def environment() -> dict[str, str]:
    """This environment, in which a package that is used from its source tree is found as well."""
    root = str(Path(str(engine.__file__)).resolve().parents[1])
    installed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), site.getusersitepackages()}
    if root in installed:
        return dict(os.environ)
    path = os.environ.get("PYTHONPATH")
    return os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{path}" if path else root}
