"""Changing what may change of a run before it is resumed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from engine.errors import InputError
from engine.launch.planning import require_startable
from engine.launch.resuming import require_resumable
from engine.runs.catalogue import RunRecord
from engine.runs.specification.changes import SpecChange, require_changeable
from engine.runs.specification.keys import complete, known_keys, parse, split
from engine.runs.specification.layers import DATA, foundation_key
from engine.runs.specification.resolving import validate
from engine.runs.specification.spec import RunSpec
from engine.runs.specification.trees import assign
from engine.runs.undoing import undone_on_failure
from engine.storage.descriptors import release, unlink


def changed(record: RunRecord, overrides: Sequence[str], data: str | None = None) -> tuple[RunSpec, dict[str, Any]]:
    """The specification of a run with changes, and the values that change.

    Args:
        record: the run.
        overrides: ``dotted.key=value`` strings.
        data: where its dataset is now.

    Raises:
        InputError: a key may not change in the middle of a run, or a value cannot be; or the dataset cannot be used.
    """
    folder = record.folder
    before = folder.spec()
    known = known_keys(before.method.name)
    values: dict[str, Any] = {} if data is None else {DATA: data}
    for text in overrides:
        key, value = split(text, "--set")
        whole = complete(foundation_key(key), known)
        if whole in values:
            raise InputError(f"{whole} is given twice; give it once")
        values[whole] = parse(value)
    tree = before.model_dump(mode="json")
    for key, value in values.items():
        require_changeable(key)
        assign(tree, key, value)
    after = validate(tree)
    require_startable([after], folder.store.data)
    whole_tree = after.model_dump(mode="json")
    return after, {key: _value(whole_tree, key) for key in values}


@contextlib.contextmanager
def change(record: RunRecord, values: dict[str, Any]) -> Iterator[None]:
    """Write down what changes from a run's next attempt on, which is begun within the context.

    If that fails, the run is as it was.

    Args:
        record: a run that has ended and can be resumed.
        values: checked by :func:`changed`.

    Raises:
        InputError: the run is still active or has finished.
        WorkError: the disk refused.
    """
    folder = record.folder
    require_resumable(folder)
    lease = folder.take_lease()
    try:
        attempt = folder.state().attempt + 1
        before = folder.changes()
        folder.write_changes([*before, SpecChange(attempt=attempt, values=values)])
    finally:
        release(lease)

    def undo() -> None:
        if before:
            folder.write_changes(before)
        else:
            unlink(folder.changes_path, missing_ok=True)

    with undone_on_failure(folder, undo):
        yield


def _value(tree: dict[str, Any], key: str) -> Any:
    found: Any = tree
    for part in key.split("."):
        found = found[part]
    return found
