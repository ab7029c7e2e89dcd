"""Selections that a store already has."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from engine.choosing.result import RESULT_FILE, SelectionResult, read_result
from engine.errors import InputError, StoreError
from engine.runs.registry import Registry
from engine.storage.descriptors import is_file
from engine.training.step_folders import steps

if TYPE_CHECKING:
    from engine.runs.catalogue import RunRecord
    from engine.storage.store import Store


def newest_selection(store: Store, records: Sequence[RunRecord], methods: Collection[str]) -> SelectionResult | None:
    """The newest selection of exactly these runs, by these methods and perhaps others, that still holds.

    It no longer holds once a run has a newer checkpoint. One of other codes than the runs' own is none of theirs.

    Args:
        store: where.
        records: the pool. Exported models are none of the store's runs, so a pool with one has no selection.
        methods: at least these.
    """
    pool = {record.id: record for record in records}
    if any(record.exported for record in records):
        return None
    rows = [row for row in Registry(store).selections() if set(row.runs) == set(pool)]
    for row in sorted(rows, key=lambda row: row.created, reverse=True):
        folder = store.selections / row.id
        with contextlib.suppress(InputError, StoreError):
            if not is_file(folder / RESULT_FILE):
                continue
            result = read_result(folder)
            if result.codes == "own" and set(methods) <= result.methods.keys() and _still_holds(result, pool):
                return result
    return None


def _still_holds(result: SelectionResult, pool: dict[str, RunRecord]) -> bool:
    present = [max(steps(pool[run_id].folder.checkpoints), default=None) for run_id in result.runs]
    return list(result.steps) == present
