"""What a stage is told, and where it keeps what it finds. Standard library only: nothing else may be there yet."""

from __future__ import annotations

import contextlib
import json
import math
import os
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

NO_GPU = "skipped: no GPU"
"""Stands where a figure would, in a rehearsal on a machine without a GPU."""
NO_TIME = "skipped: no time left"
ENGINE, RECORDED = "engine", "engine recorded"
"""The engine's updates as they are, and recorded as a CUDA graph."""
CLOSING_SECONDS = 5.0
"""Left at the end of a stage for what it has begun."""
_LONGEST_ERROR = 500


@dataclass(frozen=True)
class Request:
    """What a stage is told.

    Attributes:
        stage: its name.
        out: folder of what is kept.
        work: folder of the store and of everything that is thrown away.
        device: ``cuda`` or ``cpu``.
        rehearse: whether tiny sizes are meant.
        seconds: after so many it is killed.
        crtui: the command line of the product, without arguments.
        earlier: results of the stages before, by name.
    """

    stage: str
    out: str
    work: str
    device: str
    rehearse: bool
    seconds: float
    crtui: Sequence[str]
    earlier: dict[str, dict[str, Any]] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write it where the stage's process reads it."""
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> Request:
        """What :meth:`write` wrote."""
        return cls(**json.loads(path.read_text()))


class Stage:
    """One stage at work. Times are seconds.

    Args:
        request: what is wanted.

    Attributes:
        result: what has been kept.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self.result: dict[str, Any] = {}
        self._ends = time.monotonic() + request.seconds - CLOSING_SECONDS
        self._lock = threading.RLock()

    @property
    def on_gpu(self) -> bool:
        """Whether there is a GPU to measure."""
        return self.request.device == "cuda"

    @property
    def rehearses(self) -> bool:
        """Whether tiny sizes are meant."""
        return self.request.rehearse

    @property
    def failed(self) -> bool:
        """Whether one of its parts has failed."""
        return any("error" in part for part in self.result.get("parts", {}).values())

    def remaining(self) -> float:
        """Seconds until the stage should be done; negative when it is late."""
        return self._ends - time.monotonic()

    def keep(self, **figures: Any) -> None:
        """Add to the result, on the disk at once: a stage that is killed has measured what it has measured."""
        with self._lock:
            self.result |= figures
            write_json(result_path(self.request), self.result)

    def add(self, name: str, entry: dict[str, Any]) -> None:
        """Add an entry to a list of the result; from any thread."""
        with self._lock:
            self.keep(**{name: [*self.result.get(name, []), entry]})

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """One of the things that the stage does, with its seconds. A failure is kept and does not end the stage."""
        began = time.monotonic()
        outcome: dict[str, Any] = {}
        try:
            yield
        except Exception as error:
            traceback.print_exc()
            outcome["error"] = f"{type(error).__name__}: {error}"[:_LONGEST_ERROR]
        outcome["seconds"] = round(time.monotonic() - began, 2)
        self.keep(parts=self.result.get("parts", {}) | {name: outcome})


def result_path(request: Request) -> Path:
    """Where a stage keeps its result while it works."""
    return Path(request.work) / f"{request.stage}.json"


def write_json(path: Path, document: Any) -> None:
    """Replace a file by a JSON document, whole or not at all. Numbers that JSON lacks become words."""
    temporary = path.with_name(f"{path.name}.new")
    with temporary.open("w") as file:
        json.dump(_spelled(document), file, indent=1, allow_nan=False)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _spelled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _spelled(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_spelled(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
