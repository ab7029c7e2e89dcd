"""Faults injected at random moments while runs train, wait and are chosen from, and what is left after each of them.

    python -m tests.faults.campaign                        # 200 injections, 10 to 15 minutes on two idle cores
    python -m tests.faults.campaign --injections 20 --kind SIGKILL --seed 7
    python -m tests.faults.campaign --pairs --injections 400   # two faults at once

After each injection, once nothing moves any more, the store is looked at by other eyes than those of the engine that
was struck (``checks.py``): no run has lost more than one checkpoint interval, every run says truthfully how it
ended and why, ``runs list``, ``show`` and ``reindex`` work and agree, and no process is left over. Every few injections
what was struck is resumed to its end, and its weights must be bit for bit those of a run that nothing happened to.
Exits with 1 if anything was broken. What was broken stays on the disk to be looked at. Ctrl-C ends it early.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

# Before PyTorch is imported: copies of this process compute, and a copy has none of the threads that OpenMP counts on.
os.environ["OMP_NUM_THREADS"] = "1"

from .injections import FAULTS, SCENES, Injection, plan, table, tell
from .kinds import KINDS
from .limits import may_mount
from .pairs import PAIRS
from .selecting import Selecting
from .stories import Training, reference_weights


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign that the arguments ask for."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.campaign", description=__doc__.splitlines()[0])
    parser.add_argument("--injections", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="stories that go on at a time")
    parser.add_argument("--kind", action="append", choices=list(FAULTS), metavar="FAULT", help="only these faults")
    parser.add_argument("--pairs", action="store_true", help="pairs of faults in place of single ones")
    parser.add_argument("--scene", action="append", choices=list(SCENES), help="only while this goes on")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    began = time.monotonic()
    may_mount()
    faults = given.kind or list(PAIRS if given.pairs else KINDS)
    scenes = given.scene or [scene for scene in SCENES if any(scene in FAULTS[kind] for kind in faults)]
    root = Path(tempfile.mkdtemp(prefix="crtui-faults-"))
    if "training" in scenes:
        Training.reference = reference_weights(root / "training")
    if "selecting" in scenes:
        Selecting.reference = Selecting(root / "selecting", random.Random(0)).matrix()
    shutil.rmtree(root)
    told: list[Injection] = []
    with multiprocessing.get_context("fork").Pool(given.jobs) as pool:
        stories = plan(given.injections, given.seed, faults, scenes)
        # Who has seen enough is told what was found until then.
        with contextlib.suppress(KeyboardInterrupt):
            for injections in pool.imap_unordered(tell, stories):
                told += injections
                for one in injections:
                    print(f"{len(told):4} {one.scene}: {one.kind} ({one.detail}) {one.broken or ''}", file=sys.stderr)
    seconds = time.monotonic() - began
    if given.json:
        print(json.dumps({"seconds": round(seconds), "injections": [asdict(one) for one in told]}, indent=1))
    else:
        print(f"{table(told)}\n\n{seconds / 60:.1f} minutes, seed {given.seed}")
    return 1 if any(one.broken for one in told) else 0


if __name__ == "__main__":
    sys.exit(main())
