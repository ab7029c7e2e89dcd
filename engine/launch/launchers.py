"""Where runs are started, by the launcher that their specification names: this machine, or Slurm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.errors import InputError
from engine.launch import local, slurm
from engine.launch.supervisor import GRACE_SECONDS
from engine.runs.catalogue import RunRecord, look_at
from engine.runs.store import Store

if TYPE_CHECKING:
    from engine.runs.spec import RunSpec


def start(store: Store, specs: Sequence[RunSpec]) -> list[RunRecord]:
    """Start runs; see :func:`engine.launch.local.start` and :func:`engine.launch.slurm.start`.

    Raises:
        InputError: the specifications name both launchers, or the one they name refuses.
        WorkError: the disk refused, or Slurm does not answer.
    """
    launchers = {spec.launcher for spec in specs}
    if len(launchers) > 1:
        raise InputError("a sweep runs on this machine or in Slurm, not both; leave 'launcher' out of the sweep")
    return slurm.start(store, specs) if "slurm" in launchers else local.start(store, specs)


def stop(record: RunRecord, grace_seconds: float = GRACE_SECONDS) -> RunRecord:
    """Stop a run; see :func:`engine.launch.local.stop` and :func:`engine.launch.slurm.stop`.

    Raises:
        InputError: it does not run, or cannot be stopped from here.
        WorkError: it cannot be ended, or the disk refused.
    """
    return slurm.stop(record, grace_seconds) if _in_slurm(record) else local.stop(record, grace_seconds)


def resume(record: RunRecord) -> RunRecord:
    """Continue a run; see :func:`engine.launch.local.resume` and :func:`engine.launch.slurm.resume`.

    Raises:
        InputError: there is nothing to resume, or the launcher refuses.
        WorkError: the disk refused, or Slurm does not answer.
    """
    return slurm.resume(record) if _in_slurm(record) else local.resume(record)


def remove(store: Store, record: RunRecord, *, force: bool = False) -> None:
    """Delete a run with everything it has; see :func:`engine.launch.local.remove`.

    Raises:
        InputError: it still runs and there is no force.
        WorkError: it cannot be stopped, or the disk refused.
    """
    if force and record.folder.path.is_dir() and _in_slurm(record) and not look_at(record.folder).status.terminal:
        slurm.stop(record, grace_seconds=0.0)
    local.remove(store, record, force=force)


def _in_slurm(record: RunRecord) -> bool:
    """Whether a run is Slurm's. One whose specification is damaged is taken for local, where errors name the damage."""
    try:
        return record.folder.summary().launcher == "slurm"
    except InputError:
        return False
