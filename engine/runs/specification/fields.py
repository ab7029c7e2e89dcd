"""The keys of a specification described: what a form, or a help page, needs to know of each."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from engine.data import DATASETS
from engine.methods import method_class
from engine.runs.launcher_names import LAUNCHERS
from engine.runs.specification.keys import tables
from engine.runs.specification.resolving import resolve
from engine.runs.specification.spec import RunSpec
from engine.settings import Moment, Schedule, Settings

_NAMES = {
    bool: "yes or no",
    int: "whole number",
    float: "number",
    str: "text",
    Moment: 'whole number or share such as "30%"',
    Schedule: 'number or steps such as [[0, 0], ["90%", 2]]',
}
_BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
_UNBOUNDED = 10**9
"""Limits from here on are the machine's, and no help to people."""
_TOLD_ELSEWHERE = frozenset({"preset", "method.name", "branch"})


@dataclass(frozen=True)
class SpecField:
    """One key of a specification.

    Attributes:
        key: dotted.
        help: what it means.
        accepts: which values it takes, in words: ``number ≥ 0``.
        choices: every value that it takes, where these can be listed, as text.
        open_choices: whether other values than the choices are taken as well.
        own: whether it belongs to this method, or to what presets of the method set, and is no part of a network.
    """

    key: str
    help: str
    accepts: str
    choices: tuple[str, ...] = ()
    open_choices: bool = False
    own: bool = False


def spec_fields(method: str) -> list[SpecField]:
    """Every key of a specification with this method, but for the method's and the preset's name.

    Raises:
        InputError: there is no such method.
    """
    chosen = method_class(method)
    in_presets = {key for preset in chosen.presets.values() for key in preset.method}
    declared = set(chosen.settings_type.__annotations__)
    fields = []
    for key, info in _leaves(RunSpec, method):
        if key in _TOLD_ELSEWHERE:
            continue
        table, _, name = key.partition(".")
        registered = _registered(key)
        is_open = key == "data.name"
        fields.append(
            SpecField(
                key,
                info.description or "",
                _one_of(registered) if registered and not is_open else _accepts(info.annotation, info),
                registered or _choices(info.annotation),
                open_choices=is_open,
                own=table == "method" and name in in_presets | declared,
            )
        )
    return fields


def default_values(method: str, preset: str | None = None) -> dict[str, Any]:
    """What a run of a method has under each key unless told otherwise.

    Args:
        method: name of the method.
        preset: the preset that decides; default: ``paper``, or the first of a method that has none of that name.

    Raises:
        InputError: there is no such method or preset.
    """
    presets = method_class(method).presets
    name = preset or ("paper" if "paper" in presets else next(iter(presets)))
    own = name in presets and presets[name].data is None
    tree = resolve(method, preset=name, data="-" if own else None)[0].model_dump(mode="json")
    found: dict[str, Any] = {}
    for field in spec_fields(method):
        value: Any = tree
        for part in field.key.split("."):
            value = None if value is None else value[part]
        found[field.key] = None if field.key == "name" or (own and field.key == "data.name") else value
    return found


def _registered(key: str) -> tuple[str, ...]:
    """The names that are registered for a key. A dataset may also be a path; a launcher must be one of these."""
    if key == "data.name":
        return tuple(DATASETS)
    return tuple(LAUNCHERS) if key == "launcher" else ()


def _leaves(settings: type[Settings], method: str, prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    known = tables(method) if settings is RunSpec else {}
    for name, info in settings.model_fields.items():
        nested = known.get(name) or (info.annotation if isinstance(info.annotation, type) else None)
        if nested is not None and issubclass(nested, Settings):
            yield from _leaves(nested, method, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", info


def _plain(annotation: Any) -> tuple[Any, bool]:
    """A type without ``Annotated`` and ``None``, and whether it may be left out."""
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        parts = [part for part in get_args(annotation) if part is not type(None)]
        return _plain(parts[0])[0], True
    return annotation, False


def _choices(annotation: Any) -> tuple[str, ...]:
    plain, _ = _plain(annotation)
    if plain is bool:
        return ("true", "false")
    return tuple(map(str, get_args(plain))) if get_origin(plain) is Literal else ()


def _one_of(choices: tuple[str, ...]) -> str:
    return f"one of {', '.join(choices)}"


def _accepts(annotation: Any, info: FieldInfo | None = None) -> str:
    """Values in words, with their bounds."""
    plain, _ = _plain(annotation)
    if get_origin(plain) is Literal:
        return _one_of(tuple(map(str, get_args(plain))))
    if get_origin(plain) is tuple:
        of_each = _accepts(get_args(plain)[0])
        return f"list of values, each {of_each}" if of_each.startswith("one of") else f"list of {of_each}s"
    bounds = [
        f"{sign} {limit:,}"
        for constraint in (info.metadata if info else ())
        for bound, sign in _BOUNDS.items()
        if isinstance(limit := getattr(constraint, bound, None), int | float) and abs(limit) < _UNBOUNDED
    ]
    return " ".join([_NAMES.get(plain, "text"), *([" and ".join(bounds)] if bounds else [])])
