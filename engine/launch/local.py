"""Runs on this machine: start, stop, resume, remove."""

from __future__ import annotations

import contextlib
import math
import os
import resource
import signal
import time
from collections.abc import Callable, Sequence

from pydantic import BaseModel

from engine.errors import CrtuiError, InputError, WorkError
from engine.launch import slots
from engine.launch.spawning import WORKER, begin_attempt, spawn
from engine.launch.supervisor import GRACE_SECONDS
from engine.runs.catalogue import RunRecord, look_at
from engine.runs.folder import RunFolder, SpecSummary, create_run_folders, discard
from engine.runs.registry import Registry
from engine.runs.state import ProcessIdentity, RunState, Status
from engine.runs.store import Store

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
            spawn(*waiting.pop(0), worker)
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
        InputError: it does not run, on another machine, or for another user.
        WorkError: its processes cannot be ended, or the disk refused.
    """
    signalled: set[ProcessIdentity] = set()

    def press(present: RunRecord, waited: float) -> None:
        try:
            state = present.folder.state()
        except InputError:
            # It is damaged; whoever writes it next repairs it.
            return
        if (process := state.worker or state.supervisor) and process.elsewhere:
            raise InputError(f"run {present.id} runs on machine '{process.host}'; stop it there")
        _press(state, waited, grace_seconds, signalled)

    return stop_by(press, record.folder, grace_seconds, patience=2 * _MARGIN_SECONDS, poll=_POLL_SECONDS)


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
    require_resumable(folder)
    slots.plan(folder.summary().device, threads=1)
    begin_attempt(folder, worker, automatic=False)
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


def stop_by(
    press: Callable[[RunRecord, float], None], folder: RunFolder, grace_seconds: float, *, patience: float, poll: float
) -> RunRecord:
    """Stop a run, whatever the launcher: its state says how long its worker may take, and it is waited for.

    Where it cannot be stopped from here the state does not say so any longer: however the run ends then, it is not for
    this.

    Args:
        press: asks the run to end, or makes it, after so many seconds of waiting; called again and again.
        folder: the run.
        grace_seconds: how long the worker may take before it is killed.
        patience: seconds past those until nothing is hoped for any more.
        poll: seconds between two looks.

    Raises:
        InputError: it does not run, is another user's, no such time is possible, or ``press`` says that it is not for
            us to stop.
        WorkError: it does not end, or the disk refused.
    """
    if not (math.isfinite(grace_seconds) and grace_seconds >= 0):
        raise InputError(f"a grace period of {grace_seconds} seconds is not possible; give 0 or more")
    status = look_at(folder).status
    if status.terminal:
        raise InputError(f"run {folder.id} is {status} already; there is nothing to stop")
    _write_grace(folder, float(grace_seconds))
    began = time.monotonic()
    try:
        while not (present := look_at(folder)).status.terminal:
            waited = time.monotonic() - began
            if waited > grace_seconds + patience:
                rest = f"its Slurm job {present.job} does not end" if present.job else "something it started still runs"
                raise WorkError(f"run {folder.id} cannot be stopped: {rest}")
            press(present, waited)
            time.sleep(poll)
    except (InputError, PermissionError) as error:
        with contextlib.suppress(CrtuiError):
            _write_grace(folder, None)
        if isinstance(error, InputError):
            raise
        raise InputError(f"run {folder.id} belongs to another user; only that one can stop it") from error
    Registry(folder.store).update_runs([folder])
    return present


def _write_grace(folder: RunFolder, seconds: float | None) -> None:
    asked = {"stop_grace": seconds}
    folder.update_state(lambda state: state if state.status.terminal else state.model_copy(update=asked))


def require_resumable(folder: RunFolder) -> None:
    """Refuse to resume what is gone, goes on or has finished, whatever the launcher.

    Raises:
        InputError: it is, does or has.
    """
    folder.require()
    status = look_at(folder).status
    if not status.terminal:
        raise InputError(f"run {folder.id} is {status} already; there is nothing to resume")
    if status is Status.FINISHED:
        raise InputError(f"run {folder.id} has finished; there is nothing to resume")


def _press(state: RunState, waited: float, grace_seconds: float, signalled: set[ProcessIdentity]) -> None:
    """Ask whoever is in charge to end, once; kill what has outstayed its time."""
    supervisor, worker = state.supervisor, state.worker
    supervised = supervisor is not None and supervisor.alive()
    in_charge = supervisor if supervised else worker
    if in_charge is not None and in_charge not in signalled:
        in_charge.signal(signal.SIGTERM)
        # One that stands still hears nothing else.
        in_charge.signal(signal.SIGCONT)
        signalled.add(in_charge)
    # A supervisor sees to the time itself, unless it hangs.
    if waited > grace_seconds + (_MARGIN_SECONDS if supervised else 0.0):
        if supervisor is not None:
            supervisor.signal(signal.SIGKILL)
        if worker is not None:
            worker.kill_group()


def _allow_descriptors(runs: int) -> None:
    """Make sure that this process may hold the leases of so many new runs at once."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = runs + _SPARE_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and needed > soft:
        if hard != resource.RLIM_INFINITY and needed > hard:
            raise InputError(f"{runs} runs cannot be started at once; start at most {hard - _SPARE_DESCRIPTORS}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
