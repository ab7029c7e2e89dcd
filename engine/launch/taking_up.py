"""Starting runs, or taking up those that an earlier call made of the same specifications."""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import InputError, StoreError
from engine.launch import launchers
from engine.runs.catalogue import RunRecord, list_runs
from engine.runs.ownership import is_own
from engine.runs.specification.spec import RunSpec
from engine.runs.state import Status
from engine.storage.store import Store

WORTH = {
    Status.FINISHED: 3,
    Status.RUNNING: 2,
    Status.QUEUED: 2,
    Status.STOPPED: 1,
    Status.CRASHED: 1,
    Status.FAILED: 0,
}
"""How far a run got: of several that train the same, the one of the highest is gone on with."""


def earlier_runs(store: Store, specs: Sequence[RunSpec]) -> list[RunRecord | None]:
    """For each specification its run that got farthest, if there is one.

    Args:
        store: where to look.
        specs: with the name and group that the runs must have.

    Raises:
        InputError: the registry is damaged.
    """
    places: dict[tuple[str | None, str | None], list[int]] = {}
    for index, spec in enumerate(specs):
        places.setdefault((spec.name, spec.group), []).append(index)
    found: list[RunRecord | None] = [None] * len(specs)
    for record in list_runs(store):
        called_so = places.get((record.name, record.group), [])
        try:
            made_of = record.folder.spec() if called_so and _may_go_on(record) else None
        except (InputError, StoreError):
            continue
        for index in called_so:
            best = found[index]
            if made_of == specs[index] and (best is None or WORTH[record.status] > WORTH[best.status]):
                found[index] = record
    return found


def _may_go_on(record: RunRecord) -> bool:
    """Whether a run has finished, is on its way, or is this user's to resume."""
    return not record.status.terminal or record.status is Status.FINISHED or is_own(record.folder)


def take_up(store: Store, specs: Sequence[RunSpec], earlier: Sequence[RunRecord | None]) -> list[RunRecord]:
    """Have every specification trained: start what is new, resume what ended early, leave the rest as it is.

    Args:
        store: where.
        specs: the runs; earlier ones get a device first.
        earlier: what :func:`earlier_runs` found of them.

    Returns:
        One record per specification, in the same order.

    Raises:
        InputError: a run cannot be started or resumed, or the registry is damaged.
        WorkError: the disk refused.
    """
    missing = [spec for spec, record in zip(specs, earlier, strict=True) if record is None]
    started = iter(launchers.start(store, missing))
    pool = []
    for record in earlier:
        if record is None:
            pool.append(next(started))
        elif record.status.terminal and record.status is not Status.FINISHED:
            pool.append(launchers.resume(record))
        else:
            pool.append(record)
    return pool
