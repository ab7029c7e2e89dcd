"""Starting the runs of a table, and continuing those that stopped."""

from __future__ import annotations

from collections.abc import Sequence

from engine.launch import launchers
from engine.launch.planning import require_startable
from engine.reproduction.planning import PlannedRun
from engine.runs.catalogue import RunRecord
from engine.storage.store import Store


def begin(store: Store, runs: Sequence[PlannedRun]) -> list[RunRecord]:
    """Start what is missing and resume what ended early. What runs or waits in a queue goes on; finished runs stay.

    Args:
        store: where.
        runs: none that waits for another.

    Returns:
        The runs that have not finished, in the same order.

    Raises:
        InputError: a dataset cannot be read, or the launcher refuses.
        WorkError: the disk refused, or a scheduler does not answer.
    """
    specs = [run.spec for run in runs if run.record is None]
    require_startable(specs, store.data)
    started = iter(launchers.start(store, specs))
    records = []
    for run in runs:
        if run.record is None:
            records.append(next(started))
        elif not run.record.status.terminal:
            records.append(run.record)
        elif run.status != "finished":
            records.append(launchers.resume(run.record))
    return records
