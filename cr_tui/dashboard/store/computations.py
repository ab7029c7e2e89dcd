"""Selections of a store that are being computed, by this dashboard or by others."""

from __future__ import annotations

import time

from cr_tui.dashboard.model.selections import Computation
from cr_tui.text import short_duration
from engine.choosing.jobs import SelectionJob, list_jobs
from engine.choosing.result import SelectionResult, provisional_result
from engine.errors import StoreError
from engine.storage.descriptors import status
from engine.storage.store import Store

_SILENT_SECONDS = 60.0
"""A process that computes writes a sign of life every few seconds."""


class Computations:
    """Reads the jobs of a store; a matrix only when it has changed. Used by one thread at a time.

    Args:
        store: the store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._partial: dict[str, tuple[int, SelectionResult | None]] = {}

    def newest_first(self) -> list[Computation]:
        """Every selection that is being computed, or ended early."""
        jobs = list_jobs(self._store)
        for job_id in self._partial.keys() - {job.id for job in jobs}:
            del self._partial[job_id]
        return [_computation(job, self._found(job)) for job in jobs]

    def _found(self, job: SelectionJob) -> SelectionResult | None:
        try:
            found_file = status(job.folder.path / "partial.json")
        except StoreError:
            return None
        if found_file is None:
            return None
        version = found_file.st_mtime_ns
        before = self._partial.get(job.id)
        if before is None or before[0] != version:
            partial = job.folder.partial(len(job.request.runs))
            at, found = version / 1e9, None
            if partial is not None:
                found = provisional_result(f"{job.id}-{at}", job.request.runs, partial, at)
            before = self._partial[job.id] = (version, found)
        return before[1]


def _computation(job: SelectionJob, partial: SelectionResult | None) -> Computation:
    state, now = job.state, time.time()
    return Computation(
        running=job.live,
        message=_message(job, now),
        id=job.id,
        runs=job.request.runs,
        done=state.done,
        total=state.total,
        eta=job.seconds_left(now),
        begun=state.begun,
        terminal=state.origin == "terminal",
        partial=partial,
        request=job.request,
    )


def _message(job: SelectionJob, now: float) -> str:
    state = job.state
    if job.status == "cancelling":
        return "cancelling …"
    if job.status == "running":
        silent = now - state.updated
        return f"no sign of life for {short_duration(silent)}" if silent > _SILENT_SECONDS else state.phase
    if job.status == "killed":
        return f"the process vanished (killed, or out of memory) while {state.phase}"
    return state.message
