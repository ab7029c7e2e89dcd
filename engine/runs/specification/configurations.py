"""Runs by configuration: which differ in their seed alone, and by what the others differ."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.runs.specification.trees import leaves

_NO_CONFIGURATION = frozenset(
    {"name", "group", "preset", "seed", "device", "threads", "launcher", "priority", "retries", "per_gpu", "branch.run"}
)
"""Keys that say which run it is, or where it runs, and not what is trained."""
_METHOD = "method.name"
_LONGEST_VALUE = 24


@dataclass(frozen=True)
class Configuration:
    """Runs that differ in their seed alone.

    Attributes:
        label: what sets it apart from the other configurations, in a few words.
        members: which runs, by their place among those that were given.
        values: the value of every key by which configurations differ, None where it has no such key.
    """

    label: str
    members: tuple[int, ...]
    values: Mapping[str, Any] = field(default_factory=dict)


def configurations(specs: Sequence[Mapping[str, Any]]) -> list[Configuration]:
    """Sort runs by configuration, in the order in which the first run of each is given.

    Args:
        specs: specifications as trees of plain data, one a run.
    """
    flat = [_trained(spec) for spec in specs]
    members: dict[str, list[int]] = {}
    for place, values in enumerate(flat):
        members.setdefault(json.dumps(values, sort_keys=True), []).append(place)
    firsts = [flat[places[0]] for places in members.values()]
    differing = _differing(firsts)
    labels = _distinct([_label(values, firsts) for values in firsts])
    return [
        Configuration(label, tuple(places), {key: values.get(key) for key in differing})
        for label, values, places in zip(labels, firsts, members.values(), strict=True)
    ]


def _trained(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The values by dotted key that say what is trained."""
    return {key: value for key, value in leaves(spec) if key not in _NO_CONFIGURATION and not key.startswith("slurm")}


def _differing(trees: Sequence[Mapping[str, Any]]) -> list[str]:
    keys = dict.fromkeys(key for values in trees for key in values)
    return [key for key in keys if any(values.get(key) != trees[0].get(key) for values in trees)]


def _label(values: Mapping[str, Any], everyone: Sequence[Mapping[str, Any]]) -> str:
    """The method, where there are several, and what differs among the configurations of this method."""
    method = values.get(_METHOD)
    alike = [other for other in everyone if other.get(_METHOD) == method]
    keys = [key for key in _differing(alike) if key != _METHOD]
    parts = [str(method)] if len(alike) < len(everyone) or not keys else []
    short = [key.rpartition(".")[2] for key in keys]
    for key, name in zip(keys, short, strict=True):
        shown = name if short.count(name) == 1 else key
        parts.append(f"{shown}={_value(values.get(key))}")
    return ", ".join(parts)


def _value(value: object) -> str:
    text = "–" if value is None else value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"


def _distinct(labels: Sequence[str]) -> list[str]:
    """Labels of which no two are alike: a long value may have lost what sets it apart."""
    return [
        label if labels.count(label) == 1 else f"{label} #{labels[: place + 1].count(label)}"
        for place, label in enumerate(labels)
    ]
