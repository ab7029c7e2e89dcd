"""How long one waits for an answer: ``crtui --help``, ``runs list`` and the dashboard's first paint.

    python benchmarks/starting.py                       # stores of 1,000 and 10,000 runs, about 3 minutes
    python benchmarks/starting.py --runs 200 --starts 3

``crtui --help`` is held against ``python -c "import typer"``, the least that a program of this library does: the two
take turns, so that a change of the machine's speed meets both. A training process that makes two updates, and a
command that loads a model, are held against the same ones with PyTorch's compiler loaded, as optimisers would load it.
Every command is a process of its own, its output is read to the end and thrown away. The stores are those of
``benchmarks/dashboard.py``, with short event logs; first paint is from the start of the process until the table is in a
pseudo-terminal. Printed are the median of the seconds and of the processor time, which other work on the machine moves
less.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dashboard import build, first_paints
from engine.runs.run_folders import create_run_folders
from engine.runs.specification.resolving import resolve
from engine.storage.store import Store

POINTS = 200
HELP_BOUND = 2.5
"""Most that ``crtui --help`` may take of the time that importing Typer takes."""
STORE_BOUND = 1.5
"""Seconds that a list, and a first paint, may take, whatever the store holds."""
WORKER = "import sys; from engine.launch.worker import main; sys.exit(main(sys.argv[1:]))"
COMMAND = "import sys; from cr_tui.cli import main; sys.exit(main())"
LOAD_COMPILER = "import torch._dynamo\n"
CRTUI = (sys.executable, "-m", "cr_tui")
Array = NDArray[np.float64]


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, nargs="+", default=[1000, 10_000], help="runs of each store")
    parser.add_argument("--starts", type=int, default=7, help="how often each is started (default: 7)")
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} cores, load before {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}")
    print(f"{'':<44}{'seconds':>9}{'processor':>11}{'bound':>9}")
    compare_help(arguments.starts)
    compare_workers(arguments.starts)
    compare_loading(arguments.starts)
    for runs in arguments.runs:
        with tempfile.TemporaryDirectory() as name:
            store, _, _ = build(Path(name) / "store", runs, POINTS)
            measure(store, runs, Path(name) / "state", arguments.starts)


def compare_help(starts: int) -> None:
    """The help text beside the import of the library that makes it."""
    turns = taken([(sys.executable, "-c", "import typer"), (*CRTUI, "--help")], starts)
    say('python -c "import typer"', turns[:, 0])
    say("crtui --help", turns[:, 1])
    say("the one divided by the other", turns[:, 1] / turns[:, 0], f"{HELP_BOUND:.1f}")


def compare_workers(starts: int) -> None:
    """A training process of two updates, without PyTorch's compiler and with it."""
    settings = ["training.score_every=0", "device=cpu", "threads=1"]
    specs = resolve(
        "infogan", preset="quick", overrides=settings, flags={"training.steps": 2}, seeds=range(2 * starts + 2)
    )
    turns = []
    with tempfile.TemporaryDirectory() as name:
        created = create_run_folders(Store.open(Path(name) / "store"), specs)
        for _, lease in created:
            os.close(lease)
        folders = [str(folder.path) for folder, _ in created]
        for without, with_it in zip(folders[::2], folders[1::2], strict=True):
            turns.append(
                [
                    answered((sys.executable, "-c", code, path))
                    for code, path in ((WORKER, without), (LOAD_COMPILER + WORKER, with_it))
                ]
            )
    say_both("a training process of two updates", np.array(turns[1:]))


def compare_loading(starts: int) -> None:
    """A command that loads a model, without PyTorch's compiler and with it."""
    shown = ("traverse", "dsprites-pick")
    commands = [(sys.executable, "-c", code, *shown) for code in (COMMAND, LOAD_COMPILER + COMMAND)]
    say_both(" ".join(("crtui", *shown)), taken(commands, starts))


def measure(store: Store, runs: int, state: Path, starts: int) -> None:
    """Lists of a store, and the dashboard's first paint of it."""
    listing = (*CRTUI, "--store", str(store.root), "runs", "list")
    turns = taken([listing, (*listing, "--json")], starts)
    bound = f"{STORE_BOUND:.1f} s"
    say(f"crtui runs list, {runs:,} runs", turns[:, 0], bound)
    say(f"crtui runs list --json, {runs:,} runs", turns[:, 1], bound)
    say(f"first paint, {runs:,} runs", np.array(first_paints(store, state, starts)).T, bound)


def taken(commands: Sequence[Sequence[str]], starts: int) -> Array:
    """What :func:`answered` says of commands that take turns: ``[start, command, seconds or processor]``."""
    turns = [[answered(command) for command in commands] for _ in range(starts + 1)]
    # The first turn warms up: byte code is compiled and files are read into memory.
    return np.array(turns[1:])


def answered(command: Sequence[str]) -> tuple[float, float]:
    """Seconds until a command has ended, and seconds of the processor that it took."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, stdout=subprocess.PIPE, check=True)
    took, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def say_both(what: str, turns: Array) -> None:
    """What a process takes without PyTorch's compiler and with it, of ``[start, process, seconds or processor]``."""
    say(what, turns[:, 0])
    say("the same with PyTorch's compiler loaded", turns[:, 1])
    say("the one divided by the other", turns[:, 0] / turns[:, 1])


def say(what: str, turns: Array, bound: str = "") -> None:
    """A line of the table, of ``[start, seconds or processor]``."""
    seconds, processor = np.median(turns, axis=0)
    print(f"{what:<44}{seconds:>9.2f}{processor:>11.2f}{bound:>9}", flush=True)


if __name__ == "__main__":
    main()
