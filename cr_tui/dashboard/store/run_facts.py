"""Reads what a card says of one run: times, files, and the settings in which it differs from its preset."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from cr_tui.dashboard.model.data import RunFacts
from cr_tui.dashboard.store.disk_use import disk_use_of
from engine.errors import CrtuiError
from engine.runs.folder import RunFolder
from engine.runs.labels import read_labels
from engine.runs.specification.trees import leaves
from engine.runs.state import RunState
from engine.runs.values import values_of
from engine.training.step_folders import steps

_NOT_CHOSEN = frozenset({"name", "group", "preset", "seed", "threads"})
"""What differs between any two runs, or between two machines, without anybody having chosen another method."""


def read_facts(folder: RunFolder) -> RunFacts:
    """The facts of a run; what cannot be read is left out."""
    settings = values_of(folder)
    preset, changed = _changed(settings)
    labels = read_labels(folder)
    facts = RunFacts(
        folder.id,
        at=time.time(),
        preset=preset,
        changed=changed,
        settings=settings,
        tags=labels.tags,
        note=labels.note,
    )
    try:
        state = folder.state()
        checkpoints = tuple(steps(folder.checkpoints))
    except (CrtuiError, OSError):
        return facts
    return replace(
        facts,
        elapsed=elapsed(state, facts.at),
        attempt=state.attempt,
        precision=state.precision or "",
        traceback=state.traceback or "",
        checkpoints=checkpoints,
        size=disk_use_of([folder.path]).size,
    )


def elapsed(state: RunState, now: float) -> float | None:
    """Seconds that a run has computed, all attempts together; None if it never began."""
    spans = [(attempt.started, attempt.ended) for attempt in state.history]
    spans.append((state.started, state.ended if state.status.terminal else now))
    seconds = [max(ended - started, 0.0) for started, ended in spans if started is not None and ended is not None]
    return sum(seconds) if seconds else None


def _changed(settings: Mapping[str, Any]) -> tuple[str, dict[str, tuple[object, object]]]:
    """The preset of a specification, and the settings that differ from it; no preset where it cannot be known."""
    preset = str(settings.get("preset") or "")
    method, data = str(settings.get("method.name") or ""), settings.get("data.name")
    usual = _preset_values(method, preset, str(data) if data else None) if preset and method else None
    if usual is None:
        return "", {}
    keys = [key for key in (*settings, *(usual.keys() - settings.keys())) if key not in _NOT_CHOSEN]
    pairs = {key: (settings.get(key), usual.get(key)) for key in dict.fromkeys(keys)}
    return preset, {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


@lru_cache(maxsize=64)
def _preset_values(method: str, preset: str, data: str | None) -> Mapping[str, Any] | None:
    """The values of a preset for a dataset by dotted key; None if method, preset or dataset are not known here."""
    from engine.runs.specification.resolving import resolve

    try:
        spec = resolve(method, preset=preset, data=data, flags={"name": "preset"})[0]
    except CrtuiError:
        return None
    return dict(leaves(spec.model_dump(mode="json")))
