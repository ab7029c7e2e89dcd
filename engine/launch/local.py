"""Runs on this machine: start, stop, resume, remove."""

from __future__ import annotations

import contextlib
import math
import os
import resource
import signal
import site
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

import engine
from engine.errors import InputError, WorkError
from engine.launch import slots
from engine.launch.supervisor import GRACE_SECONDS, WORKER
from engine.runs.catalogue import RunRecord, look_at
from engine.runs.folder import RunFolder, SpecSummary, create_run_folders, discard
from engine.runs.registry import Registry
from engine.runs.state import ProcessIdentity, RunState, Status
from engine.runs.store import FILE_MODE, Store

_SUPERVISOR = (sys.executable, "-P", "-m", "engine.launch.supervisor")
_SPARE_DESCRIPTORS = 64
_MARGIN_SECONDS = 10.0
_POLL_SECONDS = 0.05


def start(store: Store, specs: Sequence[BaseModel], worker: Sequence[str] = WORKER) -> list[RunRecord]:
    """Start runs in the background. They outlive this process, its terminal and its session.

    Args:
        store: where.
        specs: one resolved specification per run; those that have to wait for a device get it in this order.
        worker: the command that trains, without the run folder.

    Returns:
        One record per specification, in the same order.

    Raises:
        InputError: a device is not there, or the registry is damaged; nothing was started and nothing is left behind.
        WorkError: the disk refused; likewise.
    """
    registry = Registry(store)
    registry.rows()
    for device in {SpecSummary.model_validate(spec.model_dump()).device for spec in specs}:
        slots.plan(device, threads=1)
    _allow_descriptors(len(specs))
    made = create_run_folders(store, specs)
    try:
        registry.add_runs(folder for folder, _ in made)
    except BaseException:
        discard(made)
        raise
    waiting = list(made)
    try:
        while waiting:
            _spawn(*waiting.pop(0), worker)
    finally:
        for _, lease in waiting:
            os.close(lease)
    return [look_at(folder) for folder, _ in made]


def stop(record: RunRecord, grace_seconds: float = GRACE_SECONDS) -> RunRecord:
    """Stop a run that is queued or running, and wait until it has.

    The worker is asked first, and stops after the update in progress, with a checkpoint.

    Args:
        record: the run.
        grace_seconds: how long the worker may take before it is killed.

    Returns:
        The run as it is then.

    Raises:
        InputError: it does not run, or on another machine.
        WorkError: its processes cannot be ended, or the disk refused.
    """
    if not (math.isfinite(grace_seconds) and grace_seconds >= 0):
        raise InputError(f"a grace period of {grace_seconds} seconds is not possible; give 0 or more")
    folder = record.folder
    _require_alive(look_at(folder))
    asked = {"stop_grace": float(grace_seconds)}
    state = folder.update_state(lambda state: state if state.status.terminal else state.model_copy(update=asked))
    if (process := state.worker or state.supervisor) and process.elsewhere:
        raise InputError(f"run {folder.id} runs on machine '{process.host}'; stop it there")
    began = time.monotonic()
    signalled: set[ProcessIdentity] = set()
    while not (present := look_at(folder)).status.terminal:
        waited = time.monotonic() - began
        if waited > grace_seconds + 2 * _MARGIN_SECONDS:
            raise WorkError(f"run {folder.id} cannot be stopped: something that it started still runs")
        with contextlib.suppress(InputError):
            _press(folder.state(), waited, grace_seconds, signalled)
        time.sleep(_POLL_SECONDS)
    Registry(folder.store).update_runs([folder])
    return present


def resume(record: RunRecord, worker: Sequence[str] = WORKER) -> RunRecord:
    """Continue a run that stopped, failed or crashed, from its newest checkpoint.

    Args:
        record: the run.
        worker: the command that trains, without the run folder.

    Raises:
        InputError: it is queued, running, finished or gone, or its specification is damaged.
        WorkError: the disk refused.
    """
    folder = record.folder
    folder.require()
    status = look_at(folder).status
    if not status.terminal:
        raise InputError(f"run {folder.id} is {status} already; there is nothing to resume")
    if status is Status.FINISHED:
        raise InputError(f"run {folder.id} has finished; there is nothing to resume")
    summary = folder.summary()
    slots.plan(summary.device, threads=1)
    lease = folder.take_lease()
    try:
        folder.outcome_path.unlink(missing_ok=True)
        now = time.time()
        blank = RunState(status=Status.CRASHED, total_steps=summary.training.steps, created=now)
        folder.update_state(lambda state: _next_attempt(state, now), fallback=blank)
        Registry(folder.store).update_runs([folder])
    except BaseException:
        os.close(lease)
        raise
    _spawn(folder, lease, worker)
    return look_at(folder)


def remove(store: Store, record: RunRecord, *, force: bool = False) -> None:
    """Delete a run with everything it has.

    Args:
        store: the store that it is in.
        record: the run; one whose folder is gone already leaves the registry.
        force: kill it first if it still runs.

    Raises:
        InputError: it still runs.
        WorkError: it cannot be stopped, or the disk refused.
    """
    folder = record.folder
    if folder.path.is_dir() and not folder.path.is_symlink():
        status = look_at(folder).status
        if not status.terminal and not force:
            raise InputError(f"run {folder.id} is {status}; stop it first, or remove it by force")
        if not status.terminal:
            stop(record, grace_seconds=0.0)
        # Held while the folder goes, so that nobody resumes it meanwhile.
        lease = folder.take_lease()
        try:
            folder.delete()
        finally:
            os.close(lease)
    else:
        folder.delete()
    Registry(store).remove_run(folder.id)


def _require_alive(record: RunRecord) -> None:
    if record.status.terminal:
        raise InputError(f"run {record.id} is {record.status} already; there is nothing to stop")


def _press(state: RunState, waited: float, grace_seconds: float, signalled: set[ProcessIdentity]) -> None:
    """Ask whoever is in charge to end, once; kill what has outstayed its time."""
    supervisor, worker = state.supervisor, state.worker
    supervised = supervisor is not None and supervisor.alive()
    in_charge = supervisor if supervised else worker
    if in_charge is not None and in_charge not in signalled:
        in_charge.signal(signal.SIGTERM)
        signalled.add(in_charge)
    # A supervisor sees to the time itself, unless it hangs.
    if waited > grace_seconds + (_MARGIN_SECONDS if supervised else 0.0):
        if supervisor is not None:
            supervisor.signal(signal.SIGKILL)
        if worker is not None:
            worker.kill_group()


def _next_attempt(state: RunState, now: float) -> RunState:
    return RunState(
        status=Status.QUEUED,
        step=state.step,
        total_steps=state.total_steps,
        attempt=state.attempt + 1,
        created=state.created,
        queued=now,
        scores=state.scores,
    )


def _spawn(folder: RunFolder, lease: int, worker: Sequence[str]) -> None:
    """Start the supervisor, cut off from this terminal and session. Takes over the descriptor ``lease``."""
    command = [*_SUPERVISOR, "--lease", str(lease), str(folder.path), "--", *worker]
    try:
        log = os.open(folder.log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(lease,),
                env=_environment(),
            )
        finally:
            os.close(log)
    except OSError as error:
        reason = f"its supervisor cannot be started: {error.strerror}"
        folder.update_state(lambda state: state.ended_as(Status.FAILED, reason))
        Registry(folder.store).update_runs([folder])
    else:
        # A program that lives longer than the run must not collect zombies.
        threading.Thread(target=process.wait, name=f"reap {folder.id}", daemon=True).start()
    finally:
        os.close(lease)


def _environment() -> dict[str, str]:
    """This environment, in which a package that is used from its source tree is found as well."""
    root = str(Path(str(engine.__file__)).resolve().parents[1])
    installed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), site.getusersitepackages()}
    if root in installed:
        return dict(os.environ)
    path = os.environ.get("PYTHONPATH")
    return os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{path}" if path else root}


def _allow_descriptors(runs: int) -> None:
    """Make sure that this process may hold the leases of so many new runs at once."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = runs + _SPARE_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and needed > soft:
        if hard != resource.RLIM_INFINITY and needed > hard:
            raise InputError(f"{runs} runs cannot be started at once; start at most {hard - _SPARE_DESCRIPTORS}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
