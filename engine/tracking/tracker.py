"""What a tool must offer to be given the numbers of runs."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from engine.errors import InputError
from engine.runs.events import Row
from engine.runs.tracker_names import TRACKERS


@dataclass(frozen=True)
class TrackedRun:
    """A run as other tools see it.

    Attributes:
        id: of the run.
        title: its name, and the end of its id, so that it is unique.
        group: runs that belong together.
        settings: its specification as plain data; empty if that cannot be read here.
        store: the folder of the store.
    """

    id: str
    title: str
    group: str | None
    settings: dict[str, Any]
    store: Path


class OpenRun(Protocol):
    """A run that is open in a tool."""

    def rewind(self, step: int) -> None:
        """Forget everything from this step on. Only called where ``REWINDS``."""

    def write(self, rows: Sequence[Row]) -> None:
        """Take rows of the event log, and let them be seen."""

    def close(self) -> None:
        """End the connection. The run may be opened again."""


class Tracker(Protocol):
    """The module of a tool.

    Attributes:
        PACKAGE: what must be installed.
        REWINDS: whether it can forget steps that a resumed run computes again. Of others, only steps beyond the highest
            one so far are taken.
    """

    PACKAGE: str
    REWINDS: bool

    def place(self, run: TrackedRun) -> Path | None:
        """Where it keeps the run's numbers; ``None`` if that is its own affair."""

    def open_run(self, run: TrackedRun, place: Path | None) -> OpenRun:
        """Open a run, which may be there already."""


def tracker(name: str) -> Tracker:
    """The tool called ``name``.

    Raises:
        InputError: there is no such tool, or it is not installed.
    """
    known: dict[str, str] = {str(name): module for name, module in TRACKERS.items()}
    if name not in known:
        raise InputError(f"there is no tool '{name[:80]}' to hand runs over to; use one of {', '.join(known)}")
    found = cast(Tracker, importlib.import_module(known[name]))
    spec = importlib.util.find_spec(found.PACKAGE)
    # A folder of that name, such as one that the tool itself made, looks like a package without an origin.
    if spec is None or spec.origin is None:
        raise InputError(f"{name} is not installed in this environment; install it with 'pip install {found.PACKAGE}'")
    return found


def require_trackers(names: Iterable[str]) -> None:
    """Check that tools are installed.

    Raises:
        InputError: one is not.
    """
    for name in names:
        tracker(name)


def numbers_of(row: Row) -> dict[str, float]:
    """The numbers of a row by the names that tools show: ``train/loss_generator``, ``score/factor_vae``."""
    return {
        f"{row['kind']}/{name}": float(value)
        for name, value in row.items()
        if name not in ("step", "time", "kind", "attempt")
        and isinstance(value, int | float)
        and not isinstance(value, bool)
    }
