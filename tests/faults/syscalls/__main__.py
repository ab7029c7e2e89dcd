"""Every system call of every command failed once, in each of five ways.

    python -m tests.faults.syscalls                             # all: some 9,000 injections, an hour and a half
    python -m tests.faults.syscalls --keep FOLDER               # the same; called again, it goes on where it was
    python -m tests.faults.syscalls --scene rm --scene resume
    python -m tests.faults.syscalls --most 40 --seed 3          # of each scene, forty drawn by chance
    python -m tests.faults.syscalls --count                     # how many there are, without doing one of them

It needs ``strace`` and Linux, and no rights. After each injection the store is looked at: the list, the folders and
``reindex`` agree, a command that failed left what was there before, and one that succeeded what it said. Most commands
that failed are called once more, and must then do what they were to do. ``planning.py`` says which calls are left out.
Exits with 1 if anything was broken.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import gc
import io
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import pytest

from .planning import LEFT_OUT, REPEATED, plan
from .scenes import SAMPLED, SCENES, broken_rules, fresh, look, make_template, serve_data, settle_processes
from .tracing import FAULTS, Call, Injection, calls_of, fail, untraced

Told = dict[str, Any]
"""What became of an injection."""


class Stage:
    """A scene whose command can be struck again and again.

    Args:
        name: of the scene.
        place: an empty folder.
    """

    def __init__(self, name: str, place: Path) -> None:
        self.name = name
        self._scene = SCENES[name]
        self._template, self._root = place / "template", place / "struck"
        make_template(self._template)
        fresh(self._template, self._root, self._scene)
        self._before = look(self._root, self._scene)
        # The first time, libraries are loaded.
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            work = functools.partial(self._scene.act, self._root)
            untraced(work) if self._scene.replaces else work()
        self._done = look(self._root, self._scene)
        # The copies of this process need not look through, and so copy, what there is by now.
        gc.collect()
        gc.freeze()

    def calls(self) -> list[Call]:
        """The calls that the command makes."""
        fresh(self._template, self._root, self._scene)
        return calls_of(lambda: self._scene.act(self._root))

    def strike(self, injection: Injection) -> Told:
        """Fail one call, and tell what that left."""
        fresh(self._template, self._root, self._scene)
        ending = fail(lambda: self._scene.act(self._root), injection)
        broken = broken_rules(self._root, self._scene, self._before, self._done, ending)
        if broken:
            print(f"{self.name}: {injection}: {broken} {ending.said[-300:]!r}", file=sys.stderr, flush=True)
        return {"scene": self.name, **injection.__dict__, "code": ending.code, "broken": broken}

    def close(self) -> None:
        """End what the last injection has left."""
        gc.unfreeze()
        shutil.rmtree(self._root, ignore_errors=True)


@contextlib.contextmanager
def staged(name: str) -> Iterator[Stage]:
    """Make a scene ready, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="crtui-syscalls-") as place, pytest.MonkeyPatch.context() as patch:
        settle_processes(patch, Path(place))
        serve_data(patch, name)
        stage = Stage(name, Path(place))
        try:
            yield stage
        finally:
            stage.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Strike the commands that the arguments name."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.syscalls")
    parser.add_argument("--scene", action="append", choices=list(SCENES), help="only this command")
    parser.add_argument("--fault", action="append", choices=list(FAULTS), help="only this fault")
    parser.add_argument("--most", type=int, help="at most so many injections of each scene, drawn by chance")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="write results there, and do none of them again")
    parser.add_argument("--count", action="store_true", help="only count the injections")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    told: list[Told] = []
    made = failed = 0
    for name in given.scene or list(SCENES):
        with staged(name) as stage:
            calls = stage.calls()
            most = min(given.most or sys.maxsize, SAMPLED.get(name, sys.maxsize))
            planned = plan(calls, given.fault or list(FAULTS), most, given.seed)
            made += len(calls)
            failed += len({(injection.syscall, injection.number) for injection in planned})
            if given.count:
                print(f"{name:12} {len(planned):6}", flush=True)
            else:
                told += strike_all(stage, planned, given.keep)
    trouble = [one for one in told if one["broken"]]
    if given.json:
        print(json.dumps({"injections": told}))
    elif not given.count:
        for one in trouble:
            print(f"BROKEN {one}")
        print(f"{table(told)}\n\n{len(told)} injections, {len(trouble)} broke something")
    if not given.json:
        print(f"of {made} calls {failed} are failed; the others {REPEATED}, or were not drawn\n{LEFT_OUT}")
    return 1 if trouble else 0


def strike_all(stage: Stage, planned: Sequence[Injection], keep: Path | None) -> list[Told]:
    """Do injections one after the other.

    Args:
        stage: what they strike.
        planned: the injections.
        keep: where earlier results are, which are not found once more, and where new ones are put.

    Returns:
        What became of them, and what is kept of this scene.
    """
    if keep is None:
        return [stage.strike(injection) for injection in planned]
    keep.mkdir(parents=True, exist_ok=True)
    path = keep / f"{stage.name}.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    told: list[Told] = [json.loads(line) for line in lines]
    done = {Injection(one["syscall"], one["number"], one["fault"]) for one in told}
    with path.open("a") as file:
        for injection in planned:
            if injection not in done:
                told.append(stage.strike(injection))
                print(json.dumps(told[-1]), file=file, flush=True)
    return told


def table(told: Sequence[Told]) -> str:
    """How many there were of each scene and fault."""
    lines = [f"| command | {' | '.join(FAULTS)} |", f"| --- |{' --: |' * len(FAULTS)}"]
    counts = Counter((one["scene"], one["fault"]) for one in told)
    struck = [name for name in SCENES if any(scene == name for scene, _ in counts)]
    lines += [f"| {name} | {' | '.join(str(counts[name, fault]) for fault in FAULTS)} |" for name in struck]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
