"""Selections of a store that are being computed, as the dashboard shows them: those it started and everybody else's."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from cr_tui.dashboard.data import CENTRALITY, Computation, RankedRuns, Selection
from cr_tui.text import short_duration
from engine.launch.selection_jobs import PartialMatrix, SelectionJob, list_jobs
from engine.runs.store import Store

_SILENT_SECONDS = 60.0
"""A process that computes says so every few seconds."""


class Computations:
    """Reads the jobs of a store; a matrix only when it has changed. Used by one thread at a time.

    Args:
        store: the store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._partial: dict[str, tuple[int, Selection | None]] = {}

    def newest_first(self) -> list[Computation]:
        """Every selection that is being computed, or ended early."""
        jobs = list_jobs(self._store)
        for job_id in self._partial.keys() - {job.id for job in jobs}:
            del self._partial[job_id]
        return [_computation(job, self._found(job)) for job in jobs]

    def _found(self, job: SelectionJob) -> Selection | None:
        try:
            version = (job.folder.path / "partial.json").stat().st_mtime_ns
        except OSError:
            return None
        before = self._partial.get(job.id)
        if before is None or before[0] != version:
            partial = job.folder.partial(len(job.request.runs))
            found = None if partial is None else provisional(job.id, job.request.runs, partial, version / 1e9)
            before = self._partial[job.id] = (version, found)
        return before[1]


def provisional(job_id: str, runs: tuple[str, ...], partial: PartialMatrix, at: float) -> Selection | None:
    """What would be said of the pairs known so far: centralities over what there is. None where nothing is known."""
    scores = _centralities(partial.matrix)
    ranked = [int(index) for index in np.argsort(-scores, kind="stable") if np.isfinite(scores[index])]
    if not np.isfinite(partial.matrix).any():
        return None
    found = RankedRuns(
        tuple(float(score) for score in scores), tuple(runs[index] for index in ranked), dict(partial.excluded)
    )
    return Selection(f"{job_id}-{at}", runs, {CENTRALITY: found}, partial.matrix, at, partial=True)


def _centralities(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the symmetric scores that are known with others; NaN where none is."""
    both = np.stack([matrix, matrix.T])
    there = np.isfinite(both)
    count = there.sum(axis=0)
    symmetric = np.where(count > 0, np.where(there, both, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)
    np.fill_diagonal(symmetric, np.nan)
    known = np.isfinite(symmetric)
    number = known.sum(axis=1)
    total = np.where(known, symmetric, 0.0).sum(axis=1)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def _computation(job: SelectionJob, partial: Selection | None) -> Computation:
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
