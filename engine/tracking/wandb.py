"""Weights & Biases: a run of the same id in the project ``$WANDB_PROJECT``, else ``crtui``.

Without a key, and where ``$WANDB_MODE`` says nothing, it logs offline into ``STORE/wandb``, and ``wandb sync`` uploads
that.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.runs.events import Row
from engine.storage.descriptors import make_folder
from engine.tracking.tracker import OpenRun, TrackedRun, numbers_of

PACKAGE = "wandb"
REWINDS = False


def place(run: TrackedRun) -> Path:
    """The folder above the one that it keeps its files in."""
    return run.store / "wandb"


def open_run(run: TrackedRun, place: Path | None) -> OpenRun:
    """Begin the run, or go on with it."""
    return _Run(run, place)


class _Run:
    def __init__(self, run: TrackedRun, folder: Path | None) -> None:
        # Its words would fill the log of the run.
        os.environ.setdefault("WANDB_SILENT", "true")
        import wandb

        assert folder is not None
        make_folder(folder, exist_ok=True)
        mode: Any = os.environ.get("WANDB_MODE") or ("online" if wandb.login(prompt=False) else "offline")
        # Nothing of the machine or the user's code is sent: only what the run has written.
        quiet = wandb.Settings(
            console="off", x_disable_stats=True, x_disable_meta=True, disable_git=True, disable_code=True
        )
        self._run: Any = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "crtui"),
            id=run.id,
            name=run.title,
            group=run.group,
            config=run.settings,
            dir=str(folder.parent),
            resume="allow",
            mode=mode,
            settings=quiet,
        )
        self._run.define_metric("*", step_metric="step")

    def rewind(self, step: int) -> None:
        raise NotImplementedError  # never called, because REWINDS is False

    def write(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self._run.log({"step": row["step"], **numbers_of(row)})

    def close(self) -> None:
        self._run.finish()
