"""Trees of plain data, such as specifications, by dotted key. It imports little, because every command does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.errors import InputError


def leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of a tree, in its order. Values that are ``None`` are left out.

    Numbers, strings, booleans and lists are written alike in JSON and TOML, so ``key = json`` lines of a specification
    can be read back by ``crtui train --config``.
    """
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{key}.")
        elif value is not None:
            yield f"{prefix}{key}", value


def assign(tree: dict[str, Any], key: str, value: Any) -> None:
    """Put a value under a dotted key; tables on the way are made, also in place of a null.

    Raises:
        InputError: a part of the key names a value and not a table.
    """
    *parents, last = key.split(".")
    for parent in parents:
        branch = tree.get(parent)
        if branch is None:
            branch = tree[parent] = {}
        if not isinstance(branch, dict):
            raise InputError(f"'{parent}' must be a table, so '{key}' cannot be set in it")
        tree = branch
    tree[last] = value
