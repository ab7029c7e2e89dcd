"""Trackio: a run in the project ``$TRACKIO_PROJECT``, else ``crtui``, in Trackio's own folder (``$TRACKIO_DIR``)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.runs.events import Row
from engine.tracking.tracker import OpenRun, TrackedRun, numbers_of

PACKAGE = "trackio"
REWINDS = False


def place(run: TrackedRun) -> Path | None:
    """Its own affair."""
    return None


def open_run(run: TrackedRun, place: Path | None) -> OpenRun:
    """Begin the run, or go on with it."""
    return _Run(run)


class _Run:
    def __init__(self, run: TrackedRun) -> None:
        import trackio

        self._run: Any = trackio.init(
            project=os.environ.get("TRACKIO_PROJECT", "crtui"),
            name=run.title,
            group=run.group,
            config=run.settings,
            resume="allow",
            embed=False,
            auto_log_gpu=False,
            auto_log_cpu=False,
        )

    def rewind(self, step: int) -> None:
        raise NotImplementedError  # never called, because REWINDS is False

    def write(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self._run.log(numbers_of(row), step=row["step"])

    def close(self) -> None:
        self._run.finish()
