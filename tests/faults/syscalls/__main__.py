"""Every system call of every command failed once, in each of five ways.

    python -m tests.faults.syscalls                             # all: thousands of injections
    python -m tests.faults.syscalls --scene rm --scene resume
    python -m tests.faults.syscalls --most 40 --seed 3          # of each scene, forty drawn by chance

It needs ``strace`` and Linux, and no rights. After each injection the store is looked at: the list, the folders and
``reindex`` agree, a command that failed left what was there before, and one that succeeded what it said. Exits with 1
if anything was broken.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import pytest

from .scenes import SCENES, broken_rules, fresh, make_template, serve_data, settle_processes, view
from .tracing import FAULTS, Injection, calls_of, fail

from engine.storage.store import Store  # isort: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Strike the commands that the arguments name."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.syscalls")
    parser.add_argument("--scene", action="append", choices=list(SCENES), help="only this command")
    parser.add_argument("--fault", action="append", choices=list(FAULTS), help="only this fault")
    parser.add_argument("--most", type=int, help="at most so many injections of each scene, drawn by chance")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    told = []
    for name in given.scene or list(SCENES):
        told += strike(name, given.fault or list(FAULTS), given.most, random.Random(given.seed))
    trouble = [one for one in told if one["broken"]]
    if given.json:
        print(json.dumps({"injections": told}))
    else:
        for one in trouble:
            print(f"BROKEN {one}")
        counts = Counter(one["scene"] for one in told)
        print(", ".join(f"{name} {count}" for name, count in counts.items()))
        print(f"{len(told)} injections, {len(trouble)} broke something")
    return 1 if trouble else 0


def strike(name: str, faults: Sequence[str], most: int | None, dice: random.Random) -> list[dict[str, object]]:
    """Fail calls of one scene, and tell what each of them left."""
    scene, told = SCENES[name], []
    with tempfile.TemporaryDirectory(prefix="crtui-syscalls-") as place, pytest.MonkeyPatch.context() as patch:
        template, root = Path(place) / "template", Path(place) / "struck"
        settle_processes(patch, Path(place))
        serve_data(patch, name)
        make_template(template)
        fresh(template, root, scene)
        before = view(Store(root / "store"))
        # The first time, libraries are loaded.
        scene.act(root)
        done = view(Store(root / "store"))
        fresh(template, root, scene)
        counts = calls_of(lambda: scene.act(root))
        planned = [
            Injection(syscall, number, fault)
            for syscall, count in counts.items()
            for number in range(1, count + 1)
            for fault in faults
        ]
        if most is not None and len(planned) > most:
            planned = dice.sample(planned, most)
        for injection in planned:
            fresh(template, root, scene)
            ending = fail(lambda: scene.act(root), injection)
            broken = broken_rules(root, scene, before, done, ending.code, ending.said)
            told.append({"scene": name, **injection.__dict__, "code": ending.code, "broken": broken})
            if broken:
                print(f"{name}: {injection}: {broken} {ending.said[-300:]!r}", file=sys.stderr, flush=True)
        shutil.rmtree(root, ignore_errors=True)
    return told


if __name__ == "__main__":
    sys.exit(main())
