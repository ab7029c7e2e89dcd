"""Listing and finding runs. What is written about a run is checked against its processes, and corrected."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field

from engine.errors import CrtuiError, InputError, StoreError, did_you_mean
from engine.machine.processes import Sight
from engine.runs.events import last_step, newest_scores
from engine.runs.folder import RunFolder
from engine.runs.launcher_names import DEFAULT_LAUNCHER, launcher_module
from engine.runs.registry import Registry, RunRow, row_of
from engine.runs.run_folders import removed_ids, run_folders
from engine.runs.sightings import Sighting, is_elsewhere, said_of_silence
from engine.runs.state import RunState, Status
from engine.storage.descriptors import is_there, kind, status
from engine.storage.store import Store

_MAX_NAMED = 5


class RunRecord(RunRow):
    """One run as it really is, with its folder.

    Attributes:
        stalled: whether its heartbeat is overdue or its worker is halted. Worth showing, but it proves nothing.
        folder: where its files are.
        exported: whether it is the folder of an exported model (:mod:`engine.runs.exported`), outside of any store.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    stalled: bool = False
    folder: RunFolder = Field(exclude=True, repr=False)
    exported: bool = Field(default=False, exclude=True)

    def __repr__(self) -> str:
        return (
            f"<run {self.id} '{self.name}': {self.method} on {self.data}, {self.status} at step {self.step} of "
            f"{self.total_steps}>"
        )

    __str__ = __repr__

    def to_json(self) -> dict[str, Any]:
        """The JSON object of ``crtui runs list``."""
        return self.model_dump(mode="json")


def list_runs(store: Store) -> list[RunRecord]:
    """All runs, oldest first.

    For runs that have ended, the registry's rows are used. The folders of all other runs are looked at. A state that
    turns out to be wrong is corrected on disk, if the disk can be written. Of a run that cannot be read just now, what
    was known last is given, and why it is no more.

    Raises:
        InputError: the registry is damaged; the message says how to rebuild it.
        StoreError: the registry, or the list of folders, cannot be read just now.
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
        try:
            record = look_at(folder)
        except StoreError as error:
            records.append(_unread(folder, row, error))
            continue
        records.append(record)
        if row is not None and record.status is not row.status:
            outdated.append(folder)
    removed: set[str] = set()
    if rows.keys() - folders.keys():
        removed = removed_ids(store) - folders.keys()
        # Read again: a run that is being removed leaves the registry a moment after its folder is deleted.
        gone = [row for row in registry.rows() if row.id in rows and row.id not in folders]
        records += [_gone(store, row) for row in gone if row.id not in removed]
        removed &= {row.id for row in gone}
    # Errors are ignored: the list is right without this, and the next one tries again.
    with contextlib.suppress(CrtuiError):
        if unknown:
            registry.add_runs(unknown)
        if outdated:
            registry.update_runs(outdated)
        for run_id in removed:
            registry.remove_run(run_id)
    return sorted(records, key=lambda record: record.id)


def find_run(store: Store, reference: str) -> RunRecord:
    """The run that a reference means.

    Args:
        store: where to look.
        reference: its id, an unambiguous prefix of the id, or its exact name.

    Raises:
        InputError: no run or several match, or the registry is damaged.
    """
    return find_among(list_runs(store), reference)


def find_among(records: Sequence[RunRecord], reference: str, also: Sequence[str] = ()) -> RunRecord:
    """The one of ``records`` that a reference means. With several references, list the runs once and use this.

    Args:
        records: the runs that can be meant.
        reference: an id, an unambiguous beginning of one, or a name.
        also: other names that could have been given in this place; they are looked through for one that is like it.

    Raises:
        InputError: no run or several match.
    """
    shown = repr(reference[:80])
    matches = all_meant(records, reference)
    if not matches:
        names = {*also, *(record.name for record in records if record.name)}
        hint = did_you_mean(reference, sorted(names))
        raise InputError(f"there is no run {shown}{hint or ';'} 'crtui runs list' shows what there is")
    if len(matches) > 1:
        named = [f"{record.id} ({record.name})" for record in matches[:_MAX_NAMED]]
        more = [f"and {len(matches) - _MAX_NAMED} more"] if len(matches) > _MAX_NAMED else []
        raise InputError(f"{shown} means several runs; give more of the id: {', '.join(named + more)}")
    return matches[0]


def all_meant(records: Sequence[RunRecord], reference: str) -> list[RunRecord]:
    """All of ``records`` that a reference can mean: that of this id, else those of this name or beginning of an id."""
    exact = [record for record in records if record.id == reference]
    return exact or [
        record for record in records if reference and (record.name == reference or record.id.startswith(reference))
    ]


def of_groups(records: Sequence[RunRecord], groups: Sequence[str]) -> list[RunRecord]:
    """Those of ``records`` that belong to one of several groups, in their order.

    Raises:
        InputError: a group has none.
    """
    there = sorted({record.group for record in records if record.group})
    for group in groups:
        if group not in there:
            hint = did_you_mean(group, there)
            shown = ", ".join(repr(name[:80]) for name in there[:_MAX_NAMED]) or "none"
            more = f" and {len(there) - _MAX_NAMED} more" if len(there) > _MAX_NAMED else ""
            raise InputError(f"there is no group {group[:80]!r}{hint} (groups: {shown}{more})")
    return [record for record in records if record.group in groups]


def look_again(record: RunRecord) -> RunRecord:
    """A run as it really is now; as it was, with the reason, while its folder cannot be read."""
    try:
        return look_at(record.folder)
    except StoreError as error:
        return record.model_copy(update={"reason": str(error)})


def with_newest_scores(record: RunRecord) -> RunRecord:
    """A run with the scores that it wrote last, while it runs. The registry learns them when it ends."""
    if record.status is not Status.RUNNING:
        return record
    return record.model_copy(update={"scores": record.scores | newest_scores(record.folder.events_path)})


def look_at(folder: RunFolder) -> RunRecord:
    """One run as it really is. If its processes are gone, ``state.json`` is corrected; the registry is not.

    Raises:
        StoreError: the folder cannot be read just now, so nothing is known of the run.
    """
    try:
        folder.require()
    except CrtuiError as error:
        row = row_of(folder)
        return _record(row.model_copy(update={"status": Status.CRASHED, "reason": str(error), "pid": None}), folder)
    try:
        state = _reconciled(folder)
    except InputError:
        return _record(row_of(folder), folder)
    if state.status is Status.RUNNING:
        step = last_step(folder.events_path)
        state = state if step is None else state.model_copy(update={"step": step})
    # The supervisor of a halted worker goes on beating.
    halted = state.status is Status.RUNNING and state.worker is not None and state.worker.suspended()
    row = row_of(folder, state)
    if not is_elsewhere(state):
        return _record(row, folder, state.stalled or halted)
    silence = said_of_silence(folder, state)
    return _record(row.model_copy(update={"reason": silence or row.reason}), folder, silence is not None or halted)


def add_scores(record: RunRecord, scores: Mapping[str, float]) -> RunRecord:
    """Add scores to a run's state. Scores of the same name are replaced.

    Raises:
        InputError: the run's state or the registry is damaged.
        WorkError: the disk refused.
    """
    kept = {name: float(score) for name, score in scores.items()}
    registry = Registry(record.folder.store)
    registry.distrust([record.folder])
    record.folder.update_state(
        lambda state: RunState.model_validate(state.model_dump() | {"scores": state.scores | kept})
    )
    # The scores are kept by now. Lists look for them until the registry has them too.
    with contextlib.suppress(CrtuiError):
        registry.update_runs([record.folder])
    return look_at(record.folder)


def launcher_of(folder: RunFolder) -> str:
    """The launcher that a run's specification names.

    If the specification is damaged, only the state can tell: a run with a job is Slurm's, any other counts as local.
    """
    with contextlib.suppress(InputError):
        return folder.summary().launcher
    with contextlib.suppress(InputError):
        if folder.state().job is not None:
            return "slurm"
    return DEFAULT_LAUNCHER


def _reconciled(folder: RunFolder) -> RunState:
    """The state, corrected on disk if the processes that should keep it are gone."""
    state = folder.state()
    if state.status.terminal:
        return state
    sighting = _look(folder, state)
    if sighting.alive:
        return _requeued(state) if sighting.waits and state.status is Status.RUNNING else state

    def settle(present: RunState) -> RunState:
        # Look again under the lock: the supervisor's last write may have come in between.
        if present.status.terminal or (sighting := _look(folder, present)).alive:
            return present
        return _settled(folder, present, sighting)

    try:
        return folder.update_state(settle)
    except CrtuiError:
        return settle(folder.state())


def _look(folder: RunFolder, state: RunState) -> Sighting:
    """Whether a run has a process that will still write about it. Its launcher is asked only if that is in doubt."""
    supervisor, worker = (process and process.sight() for process in (state.supervisor, state.worker))
    if supervisor is Sight.ALIVE:
        return Sighting(alive=True)
    visible = worker is Sight.ALIVE or folder.lease_is_held()
    # Of what is hidden, only the lease and the heartbeat can tell. A lease may have been lost.
    hidden = Sight.HIDDEN in (supervisor, worker)
    visible = visible or (hidden and state.next_beat is not None and not state.stalled)
    if visible and state.status is Status.QUEUED:
        return Sighting(alive=True)
    sighting: Sighting = launcher_module(launcher_of(folder)).look(folder, state)
    return replace(sighting, alive=sighting.alive or visible)


def _requeued(state: RunState) -> RunState:
    """A run whose job went back into the queue before its supervisor could write that."""
    return state.model_copy(update={"status": Status.QUEUED, "supervisor": None, "worker": None, "next_beat": None})


def _settled(folder: RunFolder, state: RunState, sighting: Sighting) -> RunState:
    """How a run ended whose processes are all gone."""
    with contextlib.suppress(InputError):
        outcome = folder.outcome()
        if outcome is not None:
            ended = state.completed_from(outcome)
            asked_by_us = ended.stop_grace is not None and not ended.preempted
            if ended.status is Status.STOPPED and sighting.by_scheduler and not asked_by_us:
                return ended.model_copy(update={"reason": sighting.reason})
            return ended
    step = last_step(folder.events_path)
    if step is not None:
        state = state.model_copy(update={"step": step})
    # Of a job that was preempted, the scheduler knows more.
    if state.stop_grace is not None and not (state.job and state.preempted):
        return state.ended_as(Status.STOPPED, state.stop_reason)
    if sighting.status is Status.CRASHED and _was_moved(folder, state):
        return state.ended_as(Status.CRASHED, f"its store was moved from {state.place} while it was {state.status}")
    return state.ended_as(sighting.status, sighting.reason)


def _was_moved(folder: RunFolder, state: RunState) -> bool:
    """Whether a run's folder was somewhere else when its supervisor began, and is not there any more."""
    if state.place is None or state.place == str(folder.path):
        return False
    try:
        return not is_there(Path(state.place))
    except StoreError:
        return False


def _gone(store: Store, row: RunRow) -> RunRecord:
    folder = RunFolder(store.runs / row.id)
    try:
        found = status(folder.path)
    except StoreError as error:
        return _unread(folder, row, error)
    if found is None:
        reason = "run folder is gone"
    else:
        reason = f"run folder is {kind(found)}, which is not followed; move the folder itself there"
    return _record(row.model_copy(update={"status": Status.CRASHED, "reason": reason, "pid": None}), folder)


def _unread(folder: RunFolder, row: RunRow | None, error: StoreError) -> RunRecord:
    """What is known of a run whose folder cannot be read just now. That says nothing of how it is."""
    known = row or RunRow(id=folder.id, status=Status.QUEUED)
    return _record(known.model_copy(update={"reason": str(error)}), folder)


def _record(row: RunRow, folder: RunFolder, stalled: bool = False) -> RunRecord:
    return RunRecord.model_construct(**row.__dict__, stalled=stalled, folder=folder)
