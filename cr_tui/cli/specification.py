"""Specifications, and other trees of plain data, as lines ``dotted.key = value``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


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
