"""The specifications of runs as values by dotted key, read without knowing their methods, and how they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.errors import InputError
from engine.runs.folder import RunFolder
from engine.runs.specification.trees import leaves

_NAMES = frozenset({"name", "group"})
"""What a run is called says nothing of what it does."""


def values_of(folder: RunFolder) -> dict[str, Any]:
    """The values of a run's specification by dotted key, without those that are null; none where it is damaged."""
    try:
        return dict(leaves(folder.spec_tree()))
    except (InputError, OSError):
        return {}


def differences(specifications: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The keys in which specifications differ, but for names, each with its value in every one.

    Args:
        specifications: values by dotted key; ``None`` stands for a key that one does not have.
    """
    keys = dict.fromkeys(key for values in specifications for key in values)
    found = {key: [values.get(key) for values in specifications] for key in keys if key not in _NAMES}
    return {key: values for key, values in found.items() if any(value != values[0] for value in values[1:])}
