"""Which files of a store the near side may have: named by kind, run and step, never by path."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.errors import InputError
from engine.runs.folder import RunFolder
from engine.runs.state import ID_PATTERN, MAX_INTEGER
from engine.storage.store import Store
from engine.training.step_folders import MANIFEST, WEIGHTS, step_folder

LOG_GLANCE_BYTES = 64 * 1024
LOG_BYTES = 4 * 2**20

_OF_A_RUN: dict[str, Callable[[RunFolder], Path]] = {
    "events": lambda folder: folder.events_path,
    "log": lambda folder: folder.log_path,
    "whole-log": lambda folder: folder.log_path,
}
_OF_A_CHECKPOINT = {"manifest": MANIFEST, "weights": WEIGHTS}
FIRST_BYTES = {"log": LOG_GLANCE_BYTES, "whole-log": LOG_BYTES}
"""Of these kinds only the end is copied."""


def require_id(word: Any) -> str:
    """A run's or selection's id that came from the other machine.

    Raises:
        InputError: it is none, and might be a path that leads elsewhere.
    """
    if not isinstance(word, str) or not re.fullmatch(ID_PATTERN, word):
        raise InputError(f"{str(word)[:80]!r} is no id of a run")
    return word


def require_step(word: Any) -> int:
    """The step of a checkpoint that came from the other machine.

    Raises:
        InputError: it is none.
    """
    if type(word) is not int or not 0 <= word <= MAX_INTEGER:
        raise InputError(f"{str(word)[:80]!r} is no step of a checkpoint")
    return word


def file_of(store: Store, kind: Any, run_id: Any, step: Any = None) -> Path:
    """The path of a file of a run.

    Args:
        store: the store here, or the folder of copies.
        kind: ``events``, ``log``, ``whole-log``; of a checkpoint ``manifest`` and ``weights``; ``selection``.
        run_id: the run, or the selection.
        step: of a checkpoint.

    Raises:
        InputError: there is no such kind, or an id or a step is none.
    """
    kind = str(kind)
    if kind == "selection":
        return store.selections / require_id(run_id) / "ranking.json"
    folder = RunFolder(store.runs / require_id(run_id))
    if kind in _OF_A_RUN:
        return _OF_A_RUN[kind](folder)
    if kind in _OF_A_CHECKPOINT:
        return step_folder(folder.checkpoints, require_step(step)) / _OF_A_CHECKPOINT[kind]
    raise InputError(f"a far store has no files of the kind {kind[:40]!r}")


def copy_of(copies: Store, kind: str, run_id: str, step: int | None = None) -> Path:
    """Where the copy of such a file lies. One log may be copied twice: for a glance, and to search in.

    Raises:
        InputError: as of :func:`file_of`.
    """
    path = file_of(copies, kind, run_id, step)
    return path.with_name("whole-log.txt") if kind == "whole-log" else path
