"""Runs that are asked for again: which of them a store has already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from engine.errors import InputError, StoreError
from engine.runs.catalogue import RunRecord, list_runs
from engine.runs.state import Status
from engine.storage.store import Store

if TYPE_CHECKING:
    from engine.runs.specification.spec import RunSpec

_DECIDING = frozenset({"seed", "method", "data", "training", "branch"})
"""What decides how a run comes out. Names, places in a queue and the number of threads do not."""


def existing_runs(store: Store, specs: Sequence[RunSpec]) -> list[RunRecord | None]:
    """For each specification the newest run that trains the same, or ``None``.

    Two runs train the same if seed, method, data, training and branch are the same. Runs that failed do not count.

    Args:
        store: where to look.
        specs: what is asked for.

    Raises:
        InputError: the registry is damaged.
    """
    wanted = [spec.model_dump(mode="json", include=set(_DECIDING)) for spec in specs]
    found: list[RunRecord | None] = [None] * len(specs)
    asked = {(spec.method.name, spec.data.name, spec.seed) for spec in specs}
    for record in list_runs(store):
        if record.status is Status.FAILED or (record.method, record.data, record.seed) not in asked:
            continue
        tree = _deciding(record)
        for place, other in enumerate(wanted):
            if tree == other:
                found[place] = record
    return found


def _deciding(record: RunRecord) -> dict[str, Any] | None:
    try:
        return record.folder.spec().model_dump(mode="json", include=set(_DECIDING))
    except (InputError, StoreError):
        return None
