"""A run's whole life, cut by a power cut at every moment, and what is then left of what had been promised.

    python -m tests.faults.crash_order                 # every moment: minutes
    python -m tests.faults.crash_order --most 60 --seed 3

It needs Linux, and no rights. A run is started, trained, stopped, given a note, resumed, trained to its end and
deleted. At each moment the states that a power cut may leave are built (``recording.py``). In each of them the list,
the folders and ``reindex`` must agree, and nothing that a command had acknowledged may be lost. Exits with 1 if
anything was broken.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import pytest

from cr_tui.cli import main as crtui
from engine.launch import spawning, worker
from engine.runs.catalogue import list_runs, look_at
from engine.runs.folder import RunFolder
from engine.runs.labels import read_labels
from engine.runs.registry import Registry
from engine.runs.run_folders import run_folders, sweep
from engine.runs.state import Status
from engine.storage.store import Store
from engine.training.checkpoints import newest
from tests.stops_after import StopsAfter

from .recording import Recording, State, build, states

TINY = ("batch_size=4", "generator.dense=[16]", "discriminator.dense=[16]", "score_every=0", "checkpoint_every=1")


@dataclass(frozen=True)
class Facts:
    """What is known of the run.

    Attributes:
        status: ``begun`` while it waits or its process, which tests let end at once, is gone.
        attempt: which one.
        step: of its newest checkpoint.
        note: what a person wrote.
    """

    status: str
    attempt: int
    step: int
    note: str


@dataclass(frozen=True)
class Moment:
    """A state that a power cut may leave, and between which promises.

    Attributes:
        act: what went on.
        before: what had been promised; ``None``: that there is no run.
        after: what is promised in the end.
        state: the files.
    """

    act: str
    before: Facts | None
    after: Facts | None
    state: State


def main(arguments: Sequence[str] | None = None) -> int:
    """Record a run's life and cut it."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.crash_order")
    parser.add_argument("--most", type=int, help="at most so many states, drawn by chance")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="crtui-order-") as place, pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRTUI_SLOTS", f"{place}/slots")
        patch.setattr(spawning, "_SUPERVISOR", ("/bin/true",))
        root = Path(place) / "store"
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            moments = record(root)
        if given.most is not None and len(moments) > given.most:
            moments = random.Random(given.seed).sample(moments, given.most)
        broken = [_evidence(one, found) for one in moments if (found := broken_rules(root, one))]
    counts = Counter(one.act for one in moments)
    if given.json:
        print(json.dumps({"states": dict(counts), "broken": broken}))
    else:
        for one in broken:
            print(f"BROKEN {one}")
        print(", ".join(f"{act} {count}" for act, count in counts.items()))
        print(f"{len(moments)} states, {len(broken)} broke something; {time.monotonic() - began:.0f} seconds")
    return 1 if broken else 0


def _evidence(moment: Moment, broken: list[str]) -> dict[str, Any]:
    files = {name: "folder" if content is None else len(content) for name, (_, content) in moment.state.items()}
    return {"act": moment.act, "broken": broken, "files": files}


def record(root: Path) -> list[Moment]:
    """Let a run live, and return every state that a power cut may leave on the way, each once for each act."""
    Store.open(root)
    Registry(Store(root)).reindex()
    moments: list[Moment] = []
    found: dict[int, State] = {}

    def cut(recording: Recording) -> None:
        found.update((hash(tuple(state.items())), state) for state in states(recording))

    recording = Recording(root, cut)
    before = None
    try:
        for act, work in _acts(root).items():
            with recording.running():
                work()
            after = facts(Store(root))
            moments += [Moment(act, before, after, state) for state in found.values()]
            found.clear()
            # From here on the act has made its promise.
            recording.look()
            cut(recording)
            moments += [Moment(f"after {act}", after, after, state) for state in found.values()]
            found.clear()
            before = after
    finally:
        recording.close()
    return moments


def _acts(root: Path) -> dict[str, Callable[[], None]]:
    words = ("--preset", "quick", "--data", "minisprites", "--device", "cpu", "--name", "new", "--steps", "4")
    tiny = [word for override in TINY for word in ("--set", override)]
    return {
        "train": lambda: _do(root, "train", "infogan", *words, *tiny, "--threads", "1", "-d"),
        "stop": lambda: _work(root, 2),
        "note": lambda: _do(root, "runs", "note", "new", "--text", "keep this"),
        "resume": lambda: _do(root, "runs", "resume", "new"),
        "finish": lambda: _work(root, 100),
        "rm": lambda: _do(root, "runs", "rm", "new", "--yes"),
    }


def _do(root: Path, *words: str) -> None:
    code = crtui(["--store", str(root), *words])
    if code:
        raise RuntimeError(f"crtui {' '.join(words)} ended with {code}")


def _work(root: Path, updates: int) -> None:
    """What a worker does, and then its supervisor."""
    [folder] = run_folders(Store(root))
    stop: Any = StopsAfter(updates)
    outcome = worker.run(folder, stop)
    folder.write_outcome(outcome)
    folder.update_state(lambda state: state.completed_from(outcome))
    Registry(folder.store).update_runs([folder])


def facts(store: Store) -> Facts | None:
    """What the folders say of the run; ``None`` if there is none."""
    for folder in run_folders(store):
        record = look_at(folder)
        return Facts(_word(record.status), record.attempt, _step(folder), read_labels(folder).note)
    return None


def _step(folder: RunFolder) -> int:
    found = newest(folder.checkpoints, lambda text: None) if folder.checkpoints.is_dir() else None
    return found.step if found else 0


def _word(status: Status) -> str:
    return "begun" if status in (Status.QUEUED, Status.RUNNING, Status.CRASHED) else str(status)


def broken_rules(root: Path, moment: Moment) -> list[str]:
    """What does not hold after a power cut; nothing where all is well."""
    build(moment.state, root)
    store, broken = Store(root), []
    try:
        shown = facts(store)
        listed = [(_word(record.status), record.attempt) for record in list_runs(store)]
        Registry(store).reindex()
        again = [(_word(record.status), record.attempt) for record in list_runs(store)]
        sweep(store)
        swept = facts(store)
    except Exception as error:
        return [f"{type(error).__name__}: {error}"]
    expected = [] if shown is None else [(shown.status, shown.attempt)]
    if not listed == again == expected or swept != shown:
        broken.append(f"the folders say {expected}, the list {listed}, reindex {again}, and after sweeping {swept}")
    if not _kept(shown, moment.before, moment.after):
        broken.append(f"of {moment.before} there is {shown}")
    return broken


def _kept(shown: Facts | None, before: Facts | None, after: Facts | None) -> bool:
    """Whether what there is lies between two promises."""
    if shown is None or before is None or after is None:
        # A run that is being made has no promise yet; one that is being deleted is there as it was, or gone.
        return shown in (before, after) or (before is None and after is not None)
    return (
        shown.status in (before.status, after.status)
        and shown.note in (before.note, after.note)
        and before.attempt <= shown.attempt <= after.attempt
        and before.step <= shown.step <= after.step
    )


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
