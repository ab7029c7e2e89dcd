"""What of a run's time is not training: batches, events, checkpoints, scores, and the start.

    python benchmarks/run_overhead.py                 # both runs below, about 5 minutes on one core
    python benchmarks/run_overhead.py --run minisprites

Two real runs, each in a worker process as a supervisor starts it, on one core: InfoGAN-CR on minisprites with the quick
preset, and on dSprites (64x64) with the paper's, while lambda_CR is 0: then updates are quickest, and all else weighs
most. They are short and write checkpoints and scores more often than the presets say, so that each is measured. In the
worker the calls of the training loop are timed: of ``Batches.at``, of the update, and of what the loop tells its
observer.

The shares of this run are measured. Those at the preset's intervals are extrapolated: the median cost of a call divided
by the updates between two, beside the median update. A score is that of training, FactorVAE of the paper's protocol.
Seconds are of the clock, which waiting for the disk and other work on the machine count in; shares of the processor
time stand beside them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import engine.data
from engine.runs.run_folders import create_run_folders
from engine.runs.specification.resolving import resolve
from engine.runs.specification.spec import RunSpec
from engine.storage.store import Store

Array = NDArray[np.float64]
BATCH_BOUND, REST_BOUND = 0.02, 0.05
"""Most of an update that a batch, and most of a run that events, checkpoints and scores together, should take."""


@dataclass(frozen=True)
class Shortened:
    """A preset's run, and what it is shortened to."""

    data: str
    preset: str
    overrides: tuple[str, ...]


RUNS = {
    "minisprites": Shortened(
        "minisprites", "quick", ("steps=600", "checkpoint_every=100", "score_every=200", "log_every=10")
    ),
    "dsprites": Shortened("dsprites", "paper", ("steps=60", "checkpoint_every=12", "score_every=60", "log_every=5")),
}


def main() -> None:
    """Train and print a table for each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", choices=RUNS, action="append", help="repeatable; default: both")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--began", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--report", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child, arguments.began, arguments.report)
        return
    for name in arguments.run or RUNS:
        with tempfile.TemporaryDirectory() as scratch:
            measure(RUNS[name], Path(scratch))


def measure(run: Shortened, scratch: Path) -> None:
    """Train one run and print where its time went."""
    store = Store.open(scratch / "store")
    # Made ready once a store, not once a run.
    images = len(engine.data.load(run.data, root=store.data))
    [published] = resolve("infogan-cr", data=run.data, preset=run.preset, overrides=("threads=1", "device=cpu"))
    [spec] = resolve(
        "infogan-cr", data=run.data, preset=run.preset, overrides=("threads=1", "device=cpu", *run.overrides)
    )
    [(folder, lease)] = create_run_folders(store, [spec])
    report = scratch / "report.json"
    command = [sys.executable, __file__, "--child", str(folder.path), "--report", str(report)]
    load = os.getloadavg()[0]
    with folder.log_path.open("wb") as log:
        subprocess.run([*command, "--began", str(time.monotonic())], stdout=log, stderr=log, check=True)
    os.close(lease)
    found = json.loads(report.read_text())
    calls = {part: np.array(times) for part, times in found["calls"].items()}
    show(run, spec, published, images, {name: np.array(found[name]) for name in ("start", "whole")}, calls, load)


def child(run: Path, began: float, report: Path) -> None:
    """The worker, its training loop's calls timed: seconds and seconds of the processor of each."""
    from engine.launch import worker

    calls: dict[str, list[list[float]]] = {}
    started: list[float] = []

    def timed(part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        times = calls.setdefault(part, [])

        def timing(*arguments: Any) -> Any:
            clock, processor = time.perf_counter(), time.process_time()
            result = call(*arguments)
            times.append([time.perf_counter() - clock, time.process_time() - processor])
            return result

        return timing

    def train(method: Any, batches: Any, settings: Any, start: int, observer: Any, *others: Any) -> Any:
        started.extend([time.monotonic() - began, time.process_time()])
        method.update = timed("update", method.update)
        batches = SimpleNamespace(at=timed("batch", batches.at))
        told = SimpleNamespace(
            record=timed("events", observer.record),
            note=observer.note,
            save=timed("checkpoints", observer.save),
            evaluate=timed("scores", observer.evaluate),
            stop_requested=observer.stop_requested,
        )
        return loop(method, batches, settings, start, told, *others)

    patched: Any = worker
    loop, patched.train = patched.train, train
    if worker.main([str(run)]):
        raise SystemExit("the run failed")
    whole = [time.monotonic() - began, time.process_time()]
    report.write_text(json.dumps({"start": started, "whole": whole, "calls": calls}))


def show(
    run: Shortened,
    spec: RunSpec,
    published: RunSpec,
    images: int,
    totals: Mapping[str, Array],
    calls: Mapping[str, Array],
    load: float,
) -> None:
    """The table of a run."""
    whole, plan = totals["whole"], published.training
    print(
        f"{run.data}, preset {run.preset}: {spec.training.steps} updates in {whole[0]:.1f} s "
        f"({whole[1]:.1f} s of the processor), load before {load:.1f}"
    )
    header = f"{'':<14}{'calls':>7}{'ms a call':>11}{'share here':>12}{'once in':>10}"
    print(f"{header}{'extrapolated':>14}{'of processor':>14}")
    every = {"update": 1, "batch": 1, "events": plan.log_every}
    every |= {"checkpoints": plan.checkpoint_every, "scores": plan.score_every}
    cost = {part: np.median(calls[part], axis=0) for part in every}
    per_update = {part: cost[part] / every[part] for part in every}
    # The first batch of an epoch draws its order.
    per_update["batch"] = cost["batch"] + np.maximum(calls["batch"][0] - cost["batch"], 0) / (images // plan.batch_size)
    step = np.sum(list(per_update.values()), axis=0)
    for part, interval in every.items():
        here, share = calls[part].sum(axis=0) / whole, per_update[part] / step
        line = f"{part:<14}{len(calls[part]):>7}{1e3 * cost[part][0]:>11.2f}{here[0]:>12.2%}{interval:>10,}"
        print(f"{line}{share[0]:>14.2%}{share[1]:>14.2%}")
    start = totals["start"]
    begin = start / (start + plan.steps * step)
    line = f"{'start':<14}{1:>7}{1e3 * start[0]:>11.2f}{start[0] / whole[0]:>12.2%}{'run':>10}"
    print(f"{line}{begin[0]:>14.2%}{begin[1]:>14.2%}")
    batch = per_update["batch"] / per_update["update"]
    rest = sum(per_update[part] for part in ("events", "checkpoints", "scores")) / step
    print(f"a batch of an update: {batch[0]:.2%} (of the processor {batch[1]:.2%}), bound {BATCH_BOUND:.0%}")
    what = "events, checkpoints and scores together, extrapolated"
    print(f"{what}: {rest[0]:.2%} (of the processor {rest[1]:.2%}), bound {REST_BOUND:.0%}\n", flush=True)


if __name__ == "__main__":
    main()
