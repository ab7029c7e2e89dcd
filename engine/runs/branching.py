"""Runs that start from a checkpoint of another run."""

from __future__ import annotations

from engine.errors import InputError
from engine.runs.catalogue import find_run
from engine.runs.specification.spec import BranchSettings, RunSpec
from engine.storage.store import Store
from engine.training.step_folders import steps


def find_trunk(store: Store, reference: str) -> tuple[RunSpec, BranchSettings]:
    """The run and the checkpoint that a person means by ``RUN`` or ``RUN@STEP``.

    Args:
        store: where to look.
        reference: a run as :func:`engine.runs.catalogue.find_run` takes it; without a step, its newest checkpoint.

    Returns:
        The specification of the run, and what a branch of it writes down.

    Raises:
        InputError: there is no such run, or it has no such checkpoint.
    """
    name, at, text = reference.rpartition("@")
    record = find_run(store, name if at else reference)
    present = steps(record.folder.checkpoints)
    if not present:
        raise InputError(f"run {record.id} has no checkpoint yet, so nothing can branch off it")
    if at and not text.isdecimal():
        raise InputError(f"'{reference}' is not RUN@STEP: '{text}' is no number of updates")
    step = int(text) if at else present[-1]
    if step not in present:
        there = ", ".join(map(str, present))
        raise InputError(f"run {record.id} has no checkpoint at step {step} (there: {there})")
    return record.folder.spec(), BranchSettings(run=record.id, step=step)
