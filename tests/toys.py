"""Runs that train nothing: the least of a specification, the worker that goes with it, and waiting for what they do."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from engine.errors import WorkError
from engine.machine.processes import ProcessIdentity
from engine.runs.folder import RunFolder
from engine.storage.locks import exclusive_lock

PATIENCE_SECONDS = 60.0
"""How long a test waits for what takes a moment before it gives up."""
TOY_WORKER = (sys.executable, "-P", str(Path(__file__).parent / "faults" / "toy_worker.py"))
TWO_GPUS = "GPU 0: NVIDIA A100 (UUID: GPU-aaaa)\nGPU 1: NVIDIA A100 (UUID: GPU-bbbb)\n"
"""What ``nvidia-smi -L`` prints where there are two."""


class _Named(BaseModel):
    name: str


class Training(BaseModel):
    steps: int


class ToySpec(BaseModel):
    """What launchers and run folders read of a specification."""

    name: str = "toy"
    group: str | None = None
    seed: int = 0
    device: str = "cpu"
    threads: int = 1
    priority: int = 0
    retries: int = 0
    per_gpu: int | None = None
    method: _Named = _Named(name="infogan")
    data: _Named = _Named(name="minisprites")
    training: Training = Training(steps=40)


def toy(steps: int = 40, **changes: Any) -> ToySpec:
    return ToySpec(training=Training(steps=steps), **changes)


def until(
    condition: Callable[[], Any], what: str = "it", *, patience: float = PATIENCE_SECONDS, pause: float = 0.02
) -> None:
    """Wait for something, and fail where it does not happen within ``patience`` seconds."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"{what} never happened"
        time.sleep(pause)


def halt(folder: RunFolder, process: str) -> None:
    """Make the ``worker`` or ``supervisor`` of a run stand still, at a moment at which it holds no lock.

    Everybody else would wait for such a lock.
    """
    identity: ProcessIdentity = getattr(folder.state(), process)
    while True:
        identity.signal(signal.SIGSTOP)
        try:
            for path in (folder.path / ".state.lock", folder.path.parent.parent / "registry.lock"):
                with exclusive_lock(path, patience=1.0):
                    pass
            return
        except WorkError:
            identity.signal(signal.SIGCONT)
            time.sleep(0.05)
