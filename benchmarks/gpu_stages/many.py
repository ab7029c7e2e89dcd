"""Several models at once on one GPU: a process for each, or one process with a CUDA stream for each."""

from __future__ import annotations

import contextlib
import json
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from gpu_stages.stage import NO_GPU, NO_TIME, Stage

PROCESSES, ONE_PROCESS = "processes", "one_process"
_COUNTS, _TINY_COUNTS = (1, 2, 4, 8, 16), (1, 2)
_SECONDS, _TINY_SECONDS = 2.5, 0.2
_BUILD_SECONDS = 60.0
_LEAST_SECONDS = 12.0
_SHARE_OF_PROCESSES = 0.6
"""Of the stage's time that the processes may take: the other way must have its turn."""
_WORTH = 1.25
"""How much faster twice as many models must be together for the second half to pay."""


def measure(stage: Stage) -> None:
    """Measure both ways for each number of models, and compare."""
    precision = "bfloat16" if stage.on_gpu else "float32"
    counts = _TINY_COUNTS if stage.rehearses else _COUNTS
    seconds = _TINY_SECONDS if stage.rehearses else _SECONDS
    stage.keep(precision=precision, lambda_cr=0.0)
    rows: list[dict[str, Any]] = [{"models": count, PROCESSES: NO_TIME, ONE_PROCESS: NO_TIME} for count in counts]
    reserved = stage.remaining() * (1 - _SHARE_OF_PROCESSES)
    with stage.part(PROCESSES), contextlib.ExitStack() as alive:
        # All import at once, and take memory of the GPU only when they build.
        workers = [alive.enter_context(_Worker(stage, precision, seed)) for seed in range(max(counts))]
        for row in rows:
            if stage.remaining() < reserved + (0 if stage.rehearses else _LEAST_SECONDS):
                break
            row[PROCESSES] = _measured(stage, workers[: row["models"]], 1, seconds)
            stage.keep(rows=rows)
    with stage.part(ONE_PROCESS), _Worker(stage, precision, 0) as worker:
        for row in rows:
            if stage.remaining() < _LEAST_SECONDS:
                break
            row[ONE_PROCESS] = _measured(stage, [worker], row["models"], seconds)
            stage.keep(rows=rows)
    for row in rows:
        if isinstance(row[PROCESSES], dict) and isinstance(row[ONE_PROCESS], dict):
            row["ratio"] = row[ONE_PROCESS]["it_per_s"] / row[PROCESSES]["it_per_s"]
    stage.keep(rows=rows, processes_that_pay=_that_pay(rows), summary=_summary(rows))


class _Worker:
    """A :mod:`gpu_stages.model_worker` that is spoken to.

    Args:
        stage: who speaks.
        precision: of hidden layers.
        seed: of its first model.
    """

    def __init__(self, stage: Stage, precision: str, seed: int) -> None:
        arguments = [stage.request.device, precision, str(seed), "1" if stage.rehearses else "0"]
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "gpu_stages.model_worker", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )

    def __enter__(self) -> _Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, request: dict[str, Any]) -> None:
        """Send a request; the answer comes later."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")

    def answer(self, seconds: float) -> dict[str, Any]:
        """The answer to the oldest request that has none yet.

        Raises:
            RuntimeError: the process ended.
            TimeoutError: no answer in time.
        """
        assert self._process.stdout is not None
        ends, line = time.monotonic() + seconds, b""
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, ends - time.monotonic()))
            if not ready:
                raise TimeoutError(f"a process with models has not answered after {seconds:.0f} seconds")
            got = self._process.stdout.read(2**16)
            if not got:
                raise RuntimeError("a process with models has ended; the stage's output says why")
            line += got
        return dict(json.loads(line))


def _measured(stage: Stage, workers: Sequence[_Worker], models: int, seconds: float) -> dict[str, Any]:
    """What some processes with so many models each do together."""
    began = time.monotonic()
    patience = min(_BUILD_SECONDS, max(stage.remaining(), 1.0))
    for worker in workers:
        worker.ask({"build": models})
    for worker in workers:
        worker.answer(patience)
    built = time.monotonic() - began
    for worker in workers:
        worker.ask({"run": seconds})
    answers = [worker.answer(seconds + patience) for worker in workers]
    return {
        "it_per_s": sum(answer["updates"] / answer["seconds"] for answer in answers),
        "build_seconds": round(built, 2),
        "memory": _memory([answer["memory"] for answer in answers]) if stage.on_gpu else NO_GPU,
    }


def _memory(of_processes: Sequence[dict[str, float]]) -> dict[str, float]:
    """MiB that all processes take together. Each of them sees what is in use on the whole device."""
    together = {name: sum(one[name] for one in of_processes) for name in ("reserved_peak_mib", "tensor_peak_mib")}
    return {"device_used_mib": max(one["device_used_mib"] for one in of_processes), **together}


def _that_pay(rows: Sequence[dict[str, Any]]) -> int | None:
    """How many processes at once are worth it: doubled as long as that makes them together fast enough."""
    paying: dict[str, Any] | None = None
    for row in rows:
        if not isinstance(row[PROCESSES], dict):
            break
        if paying and row[PROCESSES]["it_per_s"] < _WORTH * paying[PROCESSES]["it_per_s"]:
            break
        paying = row
    return int(paying["models"]) if paying else None


def _summary(rows: Sequence[dict[str, Any]]) -> str:
    ratios = [f"{row['models']}: {row['ratio']:.2f}" for row in rows if "ratio" in row]
    return f"one process / a process each, by models: {', '.join(ratios) or 'not measured'}"
