"""Listing and finding runs, with what is written about each held against the facts."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ConfigDict, Field

from engine.errors import CrtuiError, InputError
from engine.runs import slurm_jobs
from engine.runs.events import last_step
from engine.runs.folder import RunFolder, run_folders
from engine.runs.registry import Registry, RunRow, describe
from engine.runs.state import RunState, Status
from engine.runs.store import Store

_SILENCE_SECONDS = 15 * 60.0
"""After how long without a heartbeat a run of another machine counts as crashed: nothing else can be known of it."""
_CLOCKS_APART_SECONDS = 60.0
"""How far the clocks of two machines may be apart."""
_BY_SLURM = frozenset(("CANCELLED", "PREEMPTED", "TIMEOUT", "DEADLINE"))
"""States of a job that Slurm ended."""
_MAX_NAMED = 5


class RunRecord(RunRow):
    """One run as it truly is, with its folder.

    Attributes:
        stalled: whether it should have been heard of by now, or stands still; shown, but no proof of anything.
        folder: where its files are.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    stalled: bool = False
    folder: RunFolder = Field(exclude=True, repr=False)

    def to_json(self) -> dict[str, Any]:
        """The JSON object of ``crtui runs list``."""
        return self.model_dump(mode="json")


def list_runs(store: Store) -> list[RunRecord]:
    """All runs, oldest first.

    The registry answers for runs that have ended. Only those that have not are looked at, folder by folder; what is
    found to be otherwise than written is corrected on disk, where that can be written.

    Raises:
        InputError: the registry is damaged; the message says how to rebuild it.
    """
    registry = Registry(store)
    rows = {row.id: row for row in registry.rows()}
    folders = {folder.id: folder for folder in run_folders(store)}
    unknown = [folder for run_id, folder in folders.items() if run_id not in rows]
    records, outdated = [], []
    for run_id, folder in folders.items():
        row = rows.get(run_id)
        if row is not None and row.status.terminal:
            records.append(_record(row, folder))
            continue
        record = look_at(folder)
        records.append(record)
        if row is not None and record.status is not row.status:
            outdated.append(folder)
    if rows.keys() - folders.keys():
        # Asked again: a run that was just removed has left the registry after its folder.
        records += [_gone(store, row) for row in registry.rows() if row.id in rows and row.id not in folders]
    # The list is right without this: on a disk that is full or not ours, the next one finds out again.
    with contextlib.suppress(CrtuiError):
        if unknown:
            registry.add_runs(unknown)
        if outdated:
            registry.update_runs(outdated)
    return sorted(records, key=lambda record: record.id)


def find_run(store: Store, reference: str) -> RunRecord:
    """The run that a person means.

    Args:
        store: where to look.
        reference: its id, an unambiguous prefix of the id, or its exact name.

    Raises:
        InputError: no run or several match, or the registry is damaged.
    """
    return find_among(list_runs(store), reference)


def find_among(records: Sequence[RunRecord], reference: str) -> RunRecord:
    """The one of ``records`` that a person means; :func:`find_run` for several references at the price of one list.

    Raises:
        InputError: no run or several match.
    """
    shown = repr(reference[:80])
    exact = [record for record in records if record.id == reference]
    matches = exact or [
        record for record in records if reference and (record.name == reference or record.id.startswith(reference))
    ]
    if not matches:
        raise InputError(f"there is no run {shown}; 'crtui runs list' shows what there is")
    if len(matches) > 1:
        named = [f"{record.id} ({record.name})" for record in matches[:_MAX_NAMED]]
        more = [f"and {len(matches) - _MAX_NAMED} more"] if len(matches) > _MAX_NAMED else []
        raise InputError(f"{shown} means several runs; give more of the id: {', '.join(named + more)}")
    return matches[0]


def look_at(folder: RunFolder) -> RunRecord:
    """One run as it truly is; ``state.json`` is corrected if its processes are gone, the registry is left alone."""
    try:
        folder.require()
    except InputError as error:
        row = describe(folder)
        return _record(row.model_copy(update={"status": Status.CRASHED, "reason": str(error), "pid": None}), folder)
    try:
        state = _reconciled(folder)
    except InputError:
        return _record(describe(folder), folder)
    if state.status is Status.RUNNING:
        step = last_step(folder.events_path)
        state = state if step is None else state.model_copy(update={"step": step})
    # A worker that was halted leaves a supervisor that goes on beating.
    halted = state.status is Status.RUNNING and state.worker is not None and state.worker.suspended()
    return _record(describe(folder, state), folder, state.stalled or halted)


def add_scores(record: RunRecord, scores: Mapping[str, float]) -> RunRecord:
    """Keep scores with a run, replacing those of the same name.

    Raises:
        InputError: the run's state or the registry is damaged.
        WorkError: the disk refused.
    """
    kept = {name: float(score) for name, score in scores.items()}
    record.folder.update_state(
        lambda state: RunState.model_validate(state.model_dump() | {"scores": state.scores | kept})
    )
    Registry(record.folder.store).update_runs([record.folder])
    return look_at(record.folder)


def _reconciled(folder: RunFolder) -> RunState:
    """The state, corrected on disk if the processes that should keep it are gone."""
    state = folder.state()
    if state.status.terminal:
        return state
    if _lives(folder, state):
        return _as_scheduled(state)

    def settle(present: RunState) -> RunState:
        # Asked again under the lock: the last act of a supervisor may have come in between.
        return present if present.status.terminal or _lives(folder, present) else _settled(folder, present)

    try:
        return folder.update_state(settle)
    except CrtuiError:
        return settle(folder.state())


def _lives(folder: RunFolder, state: RunState) -> bool:
    """Whether the run has a process that will still write about it."""
    identities = [identity for identity in (state.supervisor, state.worker) if identity]
    if any(identity.alive() for identity in identities) or folder.lease_is_held():
        return True
    if state.job is not None:
        return _job_lives(state, state.job)
    if not any(identity.elsewhere for identity in identities):
        return False
    return time.time() - (state.next_beat or state.updated) < _SILENCE_SECONDS


def _job_lives(state: RunState, job_id: str) -> bool:
    """Whether the Slurm job of a run is still to come or goes on. Where Slurm cannot be asked, nobody is judged."""
    try:
        job = slurm_jobs.look_up(job_id)
    except CrtuiError:
        return True
    if job is not None:
        return not job.has_ended
    return state.next_beat is not None and time.time() < state.next_beat + _CLOCKS_APART_SECONDS


def _as_scheduled(state: RunState) -> RunState:
    """A run whose job was put back into Slurm's queue before it could say so waits again."""
    if state.status is Status.RUNNING and state.job and not (state.supervisor and state.supervisor.alive()):
        with contextlib.suppress(CrtuiError):
            job = slurm_jobs.look_up(state.job)
            if job is not None and job.waits:
                waits = {"status": Status.QUEUED, "supervisor": None, "worker": None, "next_beat": None}
                return state.model_copy(update=waits)
    return state


def _settled(folder: RunFolder, state: RunState) -> RunState:
    """How a run ended whose processes are all gone."""
    with contextlib.suppress(InputError):
        outcome = folder.outcome()
        if outcome is not None:
            return _in_slurms_words(state.completed_from(outcome))
    step = last_step(folder.events_path)
    if step is not None:
        state = state.model_copy(update={"step": step})
    if state.stop_grace is not None and not (state.job and state.preempted):
        return state.ended_as(Status.STOPPED, state.stop_reason)
    if state.job is not None:
        return state.ended_as(*_end_of_job(state.job))
    return state.ended_as(Status.CRASHED, _cause(state))


def _in_slurms_words(ended: RunState) -> RunState:
    """An ending by Slurm with its reason: the worker knows only that it was asked to stop."""
    if ended.status is Status.STOPPED and ended.job is not None and (ended.preempted or ended.stop_grace is None):
        with contextlib.suppress(CrtuiError):
            job = slurm_jobs.look_up(ended.job)
            if job is not None and job.state in _BY_SLURM:
                return ended.model_copy(update={"reason": job.ending()[1]})
    return ended


def _end_of_job(job_id: str) -> tuple[Status, str]:
    with contextlib.suppress(CrtuiError):
        job = slurm_jobs.look_up(job_id)
        if job is not None and job.has_ended:
            return job.ending()
    return Status.CRASHED, f"its Slurm job {job_id} is gone and Slurm has forgotten why; log.txt may know"


def _cause(state: RunState) -> str:
    identities = [identity for identity in (state.supervisor, state.worker) if identity]
    if any(identity.elsewhere for identity in identities):
        return f"nothing was heard of it for {_SILENCE_SECONDS / 60:.0f} minutes from machine '{identities[0].host}'"
    if any(identity.before_reboot for identity in identities):
        return "the machine was rebooted"
    if state.status is Status.QUEUED:
        return "its supervisor vanished before training began; log.txt may say why"
    return "its processes vanished (killed, or out of memory)"


def _gone(store: Store, row: RunRow) -> RunRecord:
    changes = {"status": Status.CRASHED, "reason": "run folder is gone", "pid": None}
    return _record(row.model_copy(update=changes), RunFolder(store.runs / row.id))


def _record(row: RunRow, folder: RunFolder, stalled: bool = False) -> RunRecord:
    return RunRecord.model_construct(**row.__dict__, stalled=stalled, folder=folder)
