"""The state of a run whose ``state.json`` is lost, from the rest of its folder."""

from __future__ import annotations

import contextlib
from pathlib import Path

from engine.errors import InputError
from engine.runs.events import last_row
from engine.runs.folder import RunFolder
from engine.runs.state import RunState, Status
from engine.storage.descriptors import status


def rebuilt_state(folder: RunFolder, reason: str) -> RunState:
    """The state as far as the outcome, the event log, the specification and the lease tell it.

    How earlier attempts ended, and who asked the run to stop, is not known any more.

    Args:
        folder: the run.
        reason: why the state is lost; given as the reason of a crash if the run has neither a process nor an outcome.

    Raises:
        StoreError: the folder cannot be read just now.
    """
    created = _modified(folder.spec_path) or _modified(folder.path)
    state = RunState(status=Status.CRASHED, reason=reason, created=created)
    if row := last_row(folder.events_path):
        state = state.model_copy(update={"step": row["step"], "attempt": max(1, row["attempt"])})
    with contextlib.suppress(InputError):
        summary = folder.summary()
        state = state.model_copy(update={"total_steps": summary.training.steps, "priority": summary.priority})
    if folder.lease_is_held():
        return state.model_copy(update={"status": Status.RUNNING})
    with contextlib.suppress(InputError):
        if outcome := folder.outcome():
            # The file's date is that of the end. A worker that stopped was asked to: it does not stop by itself.
            known = {"heartbeat": _modified(folder.outcome_path), "stop_grace": 0.0}
            return state.model_copy(update=known).completed_from(outcome)
    return state


def _modified(path: Path) -> float:
    found = status(path)
    return found.st_mtime if found else 0.0
