"""The launcher of this machine: each run has a detached supervisor, which waits for a device slot."""

from __future__ import annotations

import contextlib
import resource
import signal
import time
from collections.abc import Sequence

from pydantic import BaseModel

from engine.errors import CrtuiError, InputError, StoreError, WorkError
from engine.launch import slots
from engine.launch.resuming import require_resumable
from engine.launch.slot_folder import slot_folder
from engine.launch.spawning import WORKER, begin_attempt, spawn
from engine.launch.stopping import GRACE_SECONDS, wait_until_stopped
from engine.machine.processes import ProcessIdentity
from engine.runs import data_record
from engine.runs.catalogue import RunRecord, look_at
from engine.runs.folder import RunFolder
from engine.runs.registry import Registry
from engine.runs.run_folders import create_run_folders, undo_creation
from engine.runs.sightings import Sighting, by_heartbeat
from engine.runs.specification.summary import SpecSummary
from engine.runs.state import RunState, Status
from engine.storage.descriptors import release
from engine.storage.store import Store

QUEUE: str | None = None
_SPARE_DESCRIPTORS = 64
_MARGIN_SECONDS = 10.0
"""How much later than a supervisor this process kills a worker itself."""
_POLL_SECONDS = 0.05
_LOOKS = 5


def start(store: Store, specs: Sequence[BaseModel], worker: Sequence[str] = WORKER) -> list[RunRecord]:
    """Start runs in the background. They outlive this process, its terminal and its session.

    Args:
        store: where.
        specs: one resolved specification per run; earlier ones get a device first.
        worker: the command that trains, without the run folder.

    Returns:
        One record per specification, in the same order.

    Raises:
        InputError: a device does not exist, the slot folder is not the user's alone, or the registry is damaged;
            nothing was started or left behind.
        WorkError: the disk refused, or ``nvidia-smi`` fails; likewise.
    """
    registry = Registry(store)
    registry.rows()
    slot_folder()
    for device in {SpecSummary.model_validate(spec.model_dump()).device for spec in specs}:
        slots.plan(device, threads=1)
    _allow_descriptors(len(specs))
    made = create_run_folders(store, specs)
    try:
        data_record.expect(folder for folder, _ in made)
        registry.add_runs(folder for folder, _ in made)
    except BaseException:
        undo_creation(made)
        raise
    waiting = list(made)
    try:
        while waiting:
            _begin(*waiting.pop(0), worker)
    finally:
        for _, lease in waiting:
            release(lease)
    return [_seen(folder) for folder, _ in made]


def stop(record: RunRecord, grace_seconds: float = GRACE_SECONDS) -> RunRecord:
    """Stop a run that is queued or running, and wait until it has stopped.

    Args:
        record: the run.
        grace_seconds: how long the worker may take before it is killed.

    Returns:
        The run as it is then.

    Raises:
        InputError: the run has ended already, runs on another machine, or belongs to another user.
        WorkError: its processes do not end, or the disk refused.
    """
    signalled: set[ProcessIdentity] = set()

    def urge(present: RunRecord, waited: float) -> None:
        try:
            state = present.folder.state()
        except (InputError, StoreError):
            # Damaged, which the supervisor's next heartbeat repairs; or not to be read for a moment.
            return
        if (process := state.worker or state.supervisor) and process.elsewhere:
            raise InputError(f"run {present.id} runs on machine '{process.host}'; stop it there")
        _urge(present.folder, state, waited, grace_seconds, signalled)

    return wait_until_stopped(record.folder, urge, grace_seconds, patience=2 * _MARGIN_SECONDS, poll=_POLL_SECONDS)


def resume(record: RunRecord, worker: Sequence[str] = WORKER) -> RunRecord:
    """Continue a run that stopped, failed or crashed, from its newest checkpoint.

    Args:
        record: the run.
        worker: the command that trains, without the run folder.

    Returns:
        The run as it is then.

    Raises:
        InputError: the run is missing, still active, or finished, or its specification is damaged.
        WorkError: the disk refused, or ``nvidia-smi`` fails.
    """
    folder = record.folder
    require_resumable(folder)
    slot_folder()
    slots.plan(folder.summary().device, threads=1)
    begin_attempt(folder, worker, automatic=False)
    return _seen(folder)


def look(folder: RunFolder, state: RunState) -> Sighting:
    """A run of this machine has ended when its processes are gone; of other machines, only the heartbeat is known."""
    return by_heartbeat(folder, state)


def _begin(folder: RunFolder, lease: int, worker: Sequence[str]) -> None:
    """Start the supervisor of a new run. If it cannot be started, the run has failed, and the others go on."""
    try:
        spawn(folder, lease, worker)
    except WorkError as error:
        reason = str(error)
        folder.update_state(lambda state: state.ended_as(Status.FAILED, reason))
        Registry(folder.store).update_runs([folder])


def _seen(folder: RunFolder) -> RunRecord:
    """A run that was begun. It has begun, so a look that fails is repeated before it is called an error."""
    for _ in range(_LOOKS - 1):
        with contextlib.suppress(CrtuiError, OSError):
            return look_at(folder)
        time.sleep(_POLL_SECONDS)
    return look_at(folder)


def _urge(
    folder: RunFolder, state: RunState, waited: float, grace_seconds: float, signalled: set[ProcessIdentity]
) -> None:
    """Ask the supervisor, or the worker if it has none, to end, once each; kill what takes too long.

    A state may name any process. Those that do not hold the run's lease are none of the run's.
    """
    supervisor, worker = (_holder(folder, process) for process in (state.supervisor, state.worker))
    supervised = supervisor is not None and supervisor.alive()
    in_charge = supervisor if supervised else worker
    if in_charge is not None and in_charge not in signalled:
        in_charge.signal(signal.SIGTERM)
        # A process that was halted would not see it.
        in_charge.signal(signal.SIGCONT)
        signalled.add(in_charge)
    # A supervisor kills its worker in time, unless it hangs.
    if waited > grace_seconds + (_MARGIN_SECONDS if supervised else 0.0):
        if supervisor is not None:
            supervisor.signal(signal.SIGKILL)
        if worker is not None:
            worker.kill_group()


def _holder(folder: RunFolder, process: ProcessIdentity | None) -> ProcessIdentity | None:
    """A process, if it holds the run's lease."""
    return process if process is not None and folder.lease_is_held_by(process) else None


def _allow_descriptors(runs: int) -> None:
    """Make sure that this process may hold the leases of all new runs at once."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = runs + _SPARE_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and needed > soft:
        if hard != resource.RLIM_INFINITY and needed > hard:
            raise InputError(f"{runs} runs cannot be started at once; start at most {hard - _SPARE_DESCRIPTORS}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
