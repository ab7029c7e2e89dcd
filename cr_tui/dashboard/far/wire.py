"""What the screens know, as JSON has it, and back: what came from the other machine is checked against its type."""

from __future__ import annotations

import functools
from collections.abc import Hashable
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from engine.errors import WorkError

_Type = TypeVar("_Type")


@functools.cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast("Any", kind))


def plain(kind: Hashable, value: Any) -> Any:
    """A value of a type as JSON has it."""
    return _adapter(kind).dump_python(value, mode="json")


def typed(kind: type[_Type], content: Any) -> _Type:
    """A value of a type, of what JSON had.

    Raises:
        WorkError: it is none.
    """
    try:
        return cast("_Type", _adapter(cast("Hashable", kind)).validate_python(content))
    except (ValidationError, RecursionError) as error:
        raise WorkError("the other machine answered in a way that cannot be used; are both crtui alike?") from error
