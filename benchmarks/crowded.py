"""How a run with several threads fares beside other work, and what waiting threads cost it.

    python benchmarks/crowded.py [--seconds 8] [--rounds 3] [--precision float32] [--spins N ...] [--json FILE]

Makes the load itself: nothing, a busy loop on each core, or another run with as many threads. Beside each, the
engine's InfoGAN-CR iteration at the paper's dSprites settings is timed with one thread and with one a core; the latter
also waits in other ways than the engine's processes do (engine.machine.cores): as OpenMP does by itself, asleep at
once, and after each number of turns that --spins gives.
The configurations take turns, so that a change of the machine's speed meets all. Prints updates a second (median of the
rounds) and processor seconds an update.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from engine.machine.cores import usable_cores, waiting_environment

OURS = waiting_environment({})
SPINNING: dict[str, str] = {}
ASLEEP = {"OMP_WAIT_POLICY": "PASSIVE"}
LOADS = ("nothing", "a busy loop a core", "another run")
_OPENMP = ("OMP_", "GOMP_", "KMP_")


class Runner:
    """A process that trains when it is told to, and waits without using a core in between."""

    def __init__(self, threads: int, waiting: dict[str, str], precision: str) -> None:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(_OPENMP)}
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--child", "--precision", precision],
            env=inherited | waiting | {"OMP_NUM_THREADS": str(threads)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.run(0)

    def start(self, seconds: float) -> None:
        """Let it train for some seconds."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()

    def result(self) -> tuple[float, float]:
        """Updates a second and processor seconds an update of what :meth:`start` began."""
        assert self._process.stdout is not None
        rate, cost = map(float, self._process.stdout.readline().split())
        return rate, cost

    def run(self, seconds: float) -> tuple[float, float]:
        """Train for some seconds."""
        self.start(seconds)
        return self.result()

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--spins", type=int, nargs="*", default=[])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        _train_on_request(arguments.precision)
        return
    cores = usable_cores()
    configurations = {
        "1 thread": (1, OURS),
        f"{cores} threads": (cores, OURS),
        f"{cores} threads, spinning": (cores, SPINNING),
        f"{cores} threads, asleep": (cores, ASLEEP),
        **{f"{cores} threads, {n} spins": (cores, {"GOMP_SPINCOUNT": str(n)}) for n in arguments.spins},
    }
    with ExitStack() as stack:
        runners = {}
        for name, (threads, waiting) in configurations.items():
            runners[name] = Runner(threads, waiting, arguments.precision)
            stack.callback(runners[name].close)
        other = Runner(cores, OURS, arguments.precision)
        stack.callback(other.close)
        table = {load: _beside(load, runners, other, arguments.seconds, arguments.rounds) for load in LOADS}
    if arguments.json:
        arguments.json.write_text(
            json.dumps({"cores": cores, "precision": arguments.precision, "rows": table}, indent=1)
        )
    _print(table, cores, arguments.precision)


def _beside(
    load: str, runners: dict[str, Runner], other: Runner, seconds: float, rounds: int
) -> dict[str, tuple[float, float]]:
    """Updates a second and processor seconds an update of each configuration beside a load."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in runners}
    for _ in range(rounds):
        for name, runner in runners.items():
            with _busy(load, other, seconds):
                found[name].append(runner.run(seconds))
    return {
        name: (statistics.median(rate for rate, _ in rows), statistics.median(cost for _, cost in rows))
        for name, rows in found.items()
    }


@contextmanager
def _busy(load: str, other: Runner, seconds: float) -> Iterator[None]:
    if load == LOADS[0]:
        yield
    elif load == LOADS[1]:
        loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(usable_cores())]
        try:
            yield
        finally:
            for loop in loops:
                loop.kill()
                loop.wait()
    else:
        # Longer than what it stands beside, whose last update may outlast its time.
        other.start(seconds + 3)
        yield
        other.result()


def _print(table: dict[str, dict[str, tuple[float, float]]], cores: int, precision: str) -> None:
    import torch

    print(f"torch {torch.__version__}, {cores} cores, {precision}, lambda_cr = 0; ours: {OURS}")
    print(f"{'beside':<22}{'configuration':<22}{'updates/s':>11}{'of 1 thread':>13}{'cpu s/update':>14}")
    for load, rows in table.items():
        base = rows["1 thread"][0]
        for name, (rate, cost) in rows.items():
            print(f"{load:<22}{name:<22}{rate:>11.2f}{rate / base:>13.2f}{cost:>14.3f}")


def _train_on_request(precision: Any) -> None:
    from engine.machine.cores import prepare_to_compute

    prepare_to_compute()
    import torch

    from engine.methods.base import Setup
    from engine.methods.infogan_cr import InfoGANCR, InfoGANCRSettings
    from engine.models.precision import computing_in

    setup = Setup((64, 64, 1), images=737_280, seed=0, total_steps=10**6, device=torch.device("cpu"))
    method = InfoGANCR(InfoGANCRSettings.model_validate({"lambda_cr": 0.0}), setup)
    images = (torch.rand(64, 1, 64, 64) > 0.95).float()
    done = 0
    for line in sys.stdin:
        start, used, before = time.perf_counter(), time.process_time(), done
        with computing_in(precision):
            while done == before or time.perf_counter() - start < float(line):
                method.update(images, done)
                done += 1
        updates = done - before
        rate, cost = updates / (time.perf_counter() - start), (time.process_time() - used) / updates
        print(rate, cost, flush=True)


if __name__ == "__main__":
    main()
