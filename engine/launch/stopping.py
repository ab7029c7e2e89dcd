"""How a run is stopped, whatever launcher started it."""

from __future__ import annotations

import contextlib
import math
import time
from typing import Protocol

from engine.errors import CrtuiError, InputError, StoreError, WorkError
from engine.runs.catalogue import RunRecord, look_at
from engine.runs.folder import RunFolder
from engine.runs.registry import Registry

GRACE_SECONDS = 30.0
"""How long a worker may take to stop, if nothing else is asked for."""


class Urge(Protocol):
    """Makes a run end: asks first, uses force once the grace period is over."""

    def __call__(self, present: RunRecord, waited: float) -> None:
        """Do what is due after so many seconds of waiting; called again and again.

        Raises:
            InputError: the run cannot be stopped from here.
            PermissionError: it belongs to another user.
        """


def wait_until_stopped(
    folder: RunFolder, urge: Urge, grace_seconds: float, *, patience: float, poll: float
) -> RunRecord:
    """Write the grace period into the run's state, then urge the run to end until it has.

    If the run cannot be stopped from here, the grace period is taken back: however the run ends later, it was not
    because of this call.

    Args:
        folder: the run.
        urge: asks the run to end, or kills it.
        grace_seconds: how long the worker may take before it is killed.
        patience: seconds after the grace period until this call gives up.
        poll: seconds between two looks.

    Returns:
        The run as it is then.

    Raises:
        InputError: the run has ended already, belongs to another user or cannot be stopped from here, or the grace
            period is not a number of seconds.
        WorkError: the run does not end.
        StoreError: the store cannot be read or written all the while, so it is not known whether the run has ended.
    """
    if not (math.isfinite(grace_seconds) and grace_seconds >= 0):
        raise InputError(f"a grace period of {grace_seconds} seconds is not possible; give 0 or more")
    status = look_at(folder).status
    if status.terminal:
        raise InputError(f"run {folder.id} is {status} already; there is nothing to stop")
    _write_grace(folder, float(grace_seconds))
    began = time.monotonic()
    try:
        while not (present := _seen_before(began + grace_seconds + patience, folder, poll)).status.terminal:
            waited = time.monotonic() - began
            if waited > grace_seconds + patience:
                rest = f"its Slurm job {present.job} does not end" if present.job else "something it started still runs"
                raise WorkError(f"run {folder.id} cannot be stopped: {rest}")
            urge(present, waited)
            time.sleep(poll)
    except (InputError, PermissionError) as error:
        with contextlib.suppress(CrtuiError):
            _write_grace(folder, None)
        if isinstance(error, InputError):
            raise
        raise InputError(f"run {folder.id} belongs to another user; only that one can stop it") from error
    Registry(folder.store).update_runs([folder])
    return present


def _seen_before(deadline: float, folder: RunFolder, poll: float) -> RunRecord:
    """The run as it is. A store that refuses for a moment is asked again: it does not say that the run has ended."""
    while True:
        try:
            return look_at(folder)
        except StoreError:
            if time.monotonic() > deadline:
                raise
        time.sleep(poll)


def _write_grace(folder: RunFolder, seconds: float | None) -> None:
    asked = {"stop_grace": seconds}
    folder.update_state(lambda state: state if state.status.terminal else state.model_copy(update=asked))
