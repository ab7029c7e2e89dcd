"""Time one training iteration of the engine against the plain eager float32 one of the same mathematics.

    python benchmarks/train_step.py                                 # the paper's dSprites networks, all cores
    python benchmarks/train_step.py --networks celeba --precision float32 --threads 1 --json step.json
    python benchmarks/train_step.py --equality 200                  # no timing: do both compute the same losses?

``plain_infogan_cr.py`` and ``plain_factor_vae.py`` are the plain iterations: torch's layers, defaults and layout. Plain
and engine begin with the same weights and draw their own codes. Each computes in a process of its own: the engine's
starts as a run's does (:mod:`engine.machine.cores`), the plain one as any Python program. They take turns of some
iterations while the other waits for its standard input, in reversed order every second time, so that a change of the
machine's speed meets both alike.

Printed are medians over the turns, by the clock and in processor time, which other work on the machine moves less; the
median of plain / engine over pairs of turns with the lowest and the highest; and a floor. The floor is the time in
which the multiplications and additions that the iteration cannot do without would be done at the rate of one large
matrix product of the same number type, the best of several in the same process.

``--equality`` lets the engine train in float32 and compares losses by their relative difference. From the same state:
each iteration of the other begins with the weights, statistics and Adam moments that the engine's begins with. From
their own: each goes its own way from the same start. There any rounding grows, as a nudged plain twin shows, each of
whose weights began one step of its number type larger.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, cast

from engine.lazy import torch
from engine.machine.cores import prepare_to_compute, usable_cores, waiting_environment
from engine.methods.base import AnyMethod
from step_equality import TOLERANCE, print_differences
from step_operations import needed_gflop
from step_task import BASELINES, NETWORKS, PLAIN, Task, plain_twin, seen_by_plain, squares, weight_of

PRECISIONS = ("float32", "tf32", "bfloat16")
_PRODUCTS = 6
_CPUINFO = Path("/proc/cpuinfo")


class Taken(NamedTuple):
    """Seconds of one iteration, by the clock and of the processor."""

    wall: float
    processor: float


@dataclass(frozen=True)
class Comparison:
    """Plain and engine by one of the two kinds of time; milliseconds of an iteration.

    Attributes:
        ratio: median of plain / engine over pairs of turns; ``lowest`` and ``highest`` of them beside it.
        floor_ms: what the necessary operations take at the rate of a large matrix product.
        plain_turns_ms, engine_turns_ms: of each turn.
    """

    plain_ms: float
    engine_ms: float
    ratio: float
    lowest: float
    highest: float
    floor_ms: float
    plain_turns_ms: tuple[float, ...]
    engine_turns_ms: tuple[float, ...]

    @classmethod
    def of(cls, plain: Sequence[float], engine: Sequence[float], floor: float) -> Comparison:
        """Compare seconds of turns that belong together in pairs."""
        ratios = [a / b for a, b in zip(plain, engine, strict=True)]
        plain_ms, engine_ms = (tuple(1e3 * seconds for seconds in turns) for turns in (plain, engine))
        return cls(
            plain_ms=statistics.median(plain_ms),
            engine_ms=statistics.median(engine_ms),
            ratio=statistics.median(ratios),
            lowest=min(ratios),
            highest=max(ratios),
            floor_ms=1e3 * floor,
            plain_turns_ms=plain_ms,
            engine_turns_ms=engine_ms,
        )


@dataclass(frozen=True)
class Row:
    """One phase of training in one precision; ``gflop`` is what an iteration cannot do without."""

    networks: str
    lambda_cr: float | None
    batch: int
    precision: str
    gflop: float
    it_per_s: float
    wall: Comparison
    processor: Comparison


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table and write it down if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", choices=NETWORKS, default="dsprites")
    parser.add_argument("--baseline", choices=BASELINES, default="plain", help="which plain iteration of a GAN")
    parser.add_argument("--precision", type=_precisions, default=("float32", "bfloat16"), help="of the engine, a list")
    parser.add_argument("--iterations", type=int, default=20, help="timed ones of each (default: 20)")
    parser.add_argument("--turn", type=int, default=2, help="iterations before it is another's turn (default: 2)")
    parser.add_argument("--threads", type=int, default=usable_cores(), help="of each process (default: all cores)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, help="images of an iteration (default: the preset's)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--equality", type=int, metavar="STEPS", help="compare losses instead of times")
    parser.add_argument("--process", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.process:
        answer_turns(Task(**json.loads(given.process)))
        return
    tasks = [
        Task(given.networks, lambda_cr, given.batch, PLAIN, given.threads, given.device, given.baseline)
        for lambda_cr in NETWORKS[given.networks].lambdas
    ]
    facts = machine(given.threads)
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    if given.equality:
        differences = print_differences(tasks, given.precision, given.equality)
        figures: dict[str, Any] = {"machine": facts, "tolerance": TOLERANCE, "differences": differences}
    else:
        rows = print_times(tasks, given.precision, given.iterations, given.turn)
        facts["load_after"] = round(os.getloadavg()[0], 1)
        figures = {"machine": facts, "rows": [asdict(row) for row in rows]}
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")


def _precisions(text: str) -> tuple[str, ...]:
    chosen = tuple(text.split(","))
    if not set(chosen) <= set(PRECISIONS):
        raise argparse.ArgumentTypeError(f"a list of {', '.join(PRECISIONS)} with commas between")
    return chosen


def machine(threads: int) -> dict[str, Any]:
    """What figures depend on beside the code."""
    from engine.machine.processor import processor_flags

    lines = _CPUINFO.read_text(errors="replace").splitlines() if _CPUINFO.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    flags = processor_flags()
    return {
        "torch": torch.__version__,
        "processor": next(names, "?"),
        "amx": "amx_bf16" in flags,
        "avx512_bf16": "avx512_bf16" in flags,
        "cores": usable_cores(),
        "threads": threads,
        "load_before": round(os.getloadavg()[0], 1),
    }


def print_times(tasks: Sequence[Task], precisions: Sequence[str], iterations: int, turn: int) -> list[Row]:
    """Measure and print row after row."""
    heading = ("phase", "engine in", "time", "plain ms", "engine ms", "plain / engine", "it/s", "GFLOP", "floor ms", "")
    print(_line(heading))
    rows = []
    for task in tasks:
        for row in compare(task, precisions, max(1, iterations // turn), turn):
            rows.append(row)
            phase = task.networks if row.lambda_cr is None else f"lambda_cr = {row.lambda_cr:g}"
            rate, gflop = f"{row.it_per_s:.2f}", f"{row.gflop:.2f}"
            print(_line((phase, row.precision, "wall", *_cells(row.wall, rate, gflop))))
            print(_line(("", "", "processor", *_cells(row.processor, "", ""))), flush=True)
    return rows


def _cells(times: Comparison, rate: str, gflop: str) -> tuple[str, ...]:
    ratio = f"{times.ratio:.2f} ({times.lowest:.2f}..{times.highest:.2f})"
    above = f"{times.engine_ms / times.floor_ms:.1f} x floor"
    return f"{times.plain_ms:.1f}", f"{times.engine_ms:.1f}", ratio, rate, gflop, f"{times.floor_ms:.1f}", above


def _line(cells: Sequence[str]) -> str:
    widths = (-15, -10, -10, 10, 10, 20, 8, 8, 10, 13)
    return "".join(f"{cell:<{-w}}" if w < 0 else f"{cell:>{w}}" for cell, w in zip(cells, widths, strict=True)).rstrip()


def compare(task: Task, precisions: Sequence[str], turns: int, length: int) -> Iterator[Row]:
    """Let the plain process and one of the engine for each precision take turns."""
    names = (PLAIN, *precisions)
    processes = {name: Turns(replace(task, precision=name)) for name in names}
    with ExitStack() as stack:
        for process in processes.values():
            # On a GPU the engine's first ones are recorded.
            stack.enter_context(process).take(5 if task.device.startswith("cuda") else 2)
        taken: dict[str, list[Taken]] = {name: [] for name in names}
        for number in range(turns):
            for name in names if number % 2 == 0 else reversed(names):
                taken[name].append(processes[name].take(length))
        plain = taken[PLAIN]
        for name in precisions:
            process, engine = processes[name], taken[name]
            products = process.product_rates()
            wall, processor = (
                Comparison.of([t[kind] for t in plain], [t[kind] for t in engine], process.gflop / products[kind])
                for kind in range(2)
            )
            rate = 1e3 / wall.engine_ms
            yield Row(task.networks, task.lambda_cr, process.batch, name, process.gflop, rate, wall, processor)


class Turns:
    """A process that trains when it is told to, and waits otherwise.

    Args:
        task: what it trains.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        command = [sys.executable, str(Path(__file__)), "--process", json.dumps(asdict(task))]
        self._process = subprocess.Popen(
            command, env=environment_of(task), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def take(self, iterations: int) -> Taken:
        """Let it train, and wait for it."""
        return Taken(*self._ask(iterations))

    def product_rates(self) -> Taken:
        """GFLOP of a large matrix product in a second, by the clock and of the processor."""
        return Taken(*self._ask(0))

    def __enter__(self) -> Turns:
        self.batch, self.gflop = self._answer()
        return self

    def __exit__(self, *exception: object) -> None:
        # The end of its input ends it.
        self._process.communicate()

    def _ask(self, iterations: int) -> Any:
        assert self._process.stdin
        self._process.stdin.write(f"{iterations}\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the process for {self._task} has ended with {self._process.wait()}")
        return json.loads(line)


def environment_of(task: Task) -> dict[str, str]:
    """Of the process of a task: the engine's as the supervisor of a run gives it."""
    environment = dict(os.environ)
    if task.precision != PLAIN:
        environment |= waiting_environment(environment) | {"OMP_NUM_THREADS": str(task.threads)}
    return environment


# The process of one side


def answer_turns(task: Task) -> None:
    """Read numbers of iterations from standard input and answer each with what one of them took.

    Zero asks for the rate of a large matrix product. The first line of the answers says how many images an iteration
    takes, and how many GFLOP it needs.
    """
    if task.precision != PLAIN:
        prepare_to_compute()
    torch.set_num_threads(task.threads)
    method, batch = task.build()
    images = squares(batch, method.setup.image_shape, torch.Generator().manual_seed(0)).to(task.device)
    print(json.dumps([batch, needed_gflop(method, batch, task.lambda_cr)]), flush=True)
    iterate = plain_iterations(method, images, task) if task.precision == PLAIN else engine_iterations(method, images)
    with _computing(task):
        for line in sys.stdin:
            answer = timed(iterate, int(line), task.device) if int(line) else product_rates(task)
            print(json.dumps(answer), flush=True)


def _computing(task: Task) -> Any:
    from engine.models.precision import Precision, computing_in

    return nullcontext() if task.precision == PLAIN else computing_in(cast(Precision, task.precision))


def engine_iterations(method: AnyMethod, images: torch.Tensor) -> Callable[[], object]:
    """One iteration of the engine after the other; on a GPU they are recorded once and replayed."""
    from engine.training.captured import CapturedUpdate

    update, numbers = CapturedUpdate(method), count()
    return lambda: update(images, next(numbers))


def plain_iterations(method: AnyMethod, images: torch.Tensor, task: Task) -> Callable[[], object]:
    """One iteration of the method's plain twin after the other."""
    plain, seen, weight = plain_twin(method, task.baseline), seen_by_plain(method, images), weight_of(task)
    return lambda: plain.iterate(seen, *plain.draw(len(images), images.device), *weight)


def timed(iterate: Callable[[], object], iterations: int, device: str) -> Taken:
    """What one of some iterations takes."""
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(iterations):
        iterate()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return Taken((time.perf_counter() - wall) / iterations, (time.process_time() - processor) / iterations)


def product_rates(task: Task) -> Taken:
    """GFLOP of a large matrix product in a second, by the clock and of the processor; each the best of several."""
    side = 8192 if task.device.startswith("cuda") else 2048
    number_type = torch.bfloat16 if task.precision == "bfloat16" else torch.float32
    a, b = (torch.randn(side, side, device=task.device).to(number_type) for _ in range(2))
    taken = [timed(lambda: a @ b, 1, task.device) for _ in range(_PRODUCTS)]
    gflop = 2e-9 * side**3
    return Taken(gflop / min(t.wall for t in taken), gflop / min(t.processor for t in taken))


if __name__ == "__main__":
    main()
