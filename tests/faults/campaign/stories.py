"""What goes on while faults strike: runs that train, and runs that wait for a device."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from engine.launch import spawning
from engine.launch.local import resume, start
from engine.machine.processes import ProcessIdentity
from engine.runs.catalogue import look_at
from engine.runs.events import read_events
from engine.runs.folder import RunFolder
from engine.runs.specification.resolving import resolve
from engine.runs.specification.spec import RunSpec
from engine.runs.state import Status
from engine.storage.store import Store

from .checks import (
    BrokenError,
    Expected,
    check_ending,
    check_list,
    check_readable,
    last_event,
    processes_of,
    raw_state,
    require,
    until,
    whole_checkpoints,
)
from .limits import mount_small_disk

_FAULTS = Path(__file__).parents[1]
STEPS, CHECKPOINT_EVERY = 120, 10
_START_SECONDS = 3.0
_DISK_BYTES = 16 * 2**20
TINY = (
    "batch_size=4",
    "generator.dense=[16]",
    "discriminator.dense=[16]",
    "score_every=0",
    "log_every=1",
    f"checkpoint_every={CHECKPOINT_EVERY}",
)
_SYSTEM = """import errno, os, time
_true, _sync = time.time, os.fsync
def _time():
    try:
        with open({clock!r}) as file:
            return _true() + float(file.read())
    except (OSError, ValueError):
        return _true()
def _fsync(file):
    if os.path.exists({syncs!r}):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    _sync(file)
time.time, os.fsync = _time, _fsync
"""
Weights = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Strike:
    """What was done.

    Attributes:
        runs: the runs that were hit.
        detail: in words.
        expected: what may come of it.
    """

    runs: tuple[RunFolder, ...]
    detail: str
    expected: Expected


@dataclass(frozen=True)
class Before:
    """What was known before a fault: the last step, the newest whole checkpoint and the attempt of each run, by id."""

    steps: Mapping[str, int]
    safe: Mapping[str, int]
    attempts: Mapping[str, int]


class Story(ABC):
    """A store in which something goes on.

    Args:
        root: an empty folder for all of it.
        dice: where randomness comes from.
        small_disk: whether the store is to be on a small file system of its own, where that is permitted.

    Attributes:
        scene: its name in the table.
        interval: steps between two checkpoints.
        steps: length of a run.
        clock: a file that says how many seconds the clock of all processes is ahead.
        syncs_fail: a file that makes every sync fail in supervisors and workers while it is there.
        disk: the small file system, if there is one.
        undo: what takes faults away again that stay otherwise.
    """

    scene: str
    interval: int
    steps: int

    def __init__(self, root: Path, dice: random.Random, *, small_disk: bool = False) -> None:
        self.root = root
        self.dice = dice
        self.clock = root / "system" / "seconds-ahead"
        self.syncs_fail = root / "system" / "syncs-fail"
        self.clock.parent.mkdir(parents=True)
        system = _SYSTEM.format(clock=str(self.clock), syncs=str(self.syncs_fail))
        (self.clock.parent / "sitecustomize.py").write_text(system)
        environment = {
            "CRTUI_SLOTS": str(root / "slots"),
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join([str(self.clock.parent), str(_FAULTS.parents[1])]),
        }
        os.environ.update(environment)
        os.environ.pop("CUDA_VISIBLE_DEVICES", None)
        spawning._SUPERVISOR = (sys.executable, "-P", str(_FAULTS / "impatient_supervisor.py"))
        (root / "store").mkdir()
        mounted = small_disk and mount_small_disk(root / "store", _DISK_BYTES)
        self.disk = root / "store" if mounted else None
        self.store = Store.open(root / "store")
        self.events_are_whole = True
        self.folders: list[RunFolder] = []
        self.undo = contextlib.ExitStack()

    @abstractmethod
    def begin(self) -> None:
        """Start what goes on, from its beginning."""

    @abstractmethod
    def moment(self) -> bool:
        """Wait for a random moment; ``False`` where all was over before it came."""

    @abstractmethod
    def check_results(self) -> None:
        """Everything that has finished is what it would be had nothing happened.

        Raises:
            BrokenError: it is not.
        """

    @property
    def devices_are_shared(self) -> bool:
        """Whether two runs have been on one device."""
        return False

    @property
    def worker(self) -> Sequence[str]:
        """The command that trains."""
        return spawning.WORKER

    def victim(self) -> RunFolder:
        """The run to strike: one that runs, where there is one."""
        alive = [folder for folder in self.folders if raw_state(folder.path).get("status") in ("queued", "running")]
        running = [folder for folder in alive if raw_state(folder.path)["status"] == "running"]
        return self.dice.choice(running or alive or self.folders)

    def settle(self) -> None:
        """Wait until nothing moves any more.

        Raises:
            BrokenError: something goes on for ever, or is left over.
        """
        until(self._is_over, "the end of all runs")
        until(lambda: not processes_of(self.root), "the end of all processes")

    def all_ended(self) -> bool:
        """Whether every run has ended for now."""
        return all(look_at(folder).status.terminal for folder in self.folders)

    def _is_over(self) -> bool:
        # A supervisor that lives may still start something.
        return self.all_ended() and not any(identity(folder, "supervisor") for folder in self.folders)

    def check(self, strike: Strike, before: Before) -> None:
        """What must hold after a fault, once all is still.

        Args:
            strike: what was done.
            before: what was known just before.

        Raises:
            BrokenError: it does not hold.
        """
        require(not self.devices_are_shared, "two runs were on one device")
        # First as it is, a full disk for one; then with the fault taken away.
        check_list(self.store.root)
        self.undo.close()
        rows = {row["id"]: row for row in check_readable(self.store.root)}
        if strike.expected.gone:
            for folder in strike.runs:
                require(not folder.path.exists(), "the run's folder came back")
                self.folders.remove(folder)
        self.events_are_whole &= not strike.expected.events
        for folder in self.folders:
            require(folder.id in rows, f"run {folder.id} is not in the list")
            expected = strike.expected if folder in strike.runs else Expected({"finished": ""}, attempts=False)
            check_ending(rows[folder.id], expected)
            done = before.steps.get(folder.id, 0)
            lost = done - max(whole_checkpoints(folder.path), default=0)
            # An earlier fault's damage is not this one's, as long as no new checkpoint has been written.
            allowed = max(self.interval * expected.lost, done - before.safe.get(folder.id, 0))
            require(lost <= allowed, f"run {folder.id} lost {lost} steps")
            present = rows[folder.id]["attempt"]
            if not expected.attempts and folder.id in before.attempts:
                was = before.attempts[folder.id]
                require(present == was, f"attempt {was} became {present}, though nothing had ended it")

    def known(self) -> Before:
        """What is known now, to be held against what is known later."""
        return Before(
            {folder.id: last_event(folder.path) for folder in self.folders},
            {folder.id: max(whole_checkpoints(folder.path), default=0) for folder in self.folders},
            {folder.id: int(raw_state(folder.path).get("attempt", 1)) for folder in self.folders},
        )

    def go_on(self) -> None:
        """Let everything continue that has ended before its time."""
        for folder in self.folders:
            record = look_at(folder)
            if record.status.terminal and record.status is not Status.FINISHED:
                resume(record, self.worker)

    def finish(self) -> None:
        """Let everything end, and check what came of it.

        Raises:
            BrokenError: something is not as it would be had nothing happened.
        """
        self.go_on()
        self.settle()
        rows = check_readable(self.store.root)
        for row in rows:
            require(row["status"] == "finished", f"run {row['id']} is {row['status']} at the end: {row['reason']}")
        self.check_results()
        for folder in self.folders:
            steps = [row["step"] for row in read_events(folder.events_path, kinds=["train"]).rows]
            require(steps == sorted(set(steps)), f"run {folder.id} has steps twice in its event log")
            if self.events_are_whole:
                require(steps == list(range(1, self.steps + 1)), f"run {folder.id} lacks steps in its event log")

    def end(self) -> None:
        """End whatever still lives of a story that broke."""
        self.undo.close()
        for pid in processes_of(self.root):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def identity(folder: RunFolder, process: str) -> ProcessIdentity | None:
    """The ``worker`` or ``supervisor`` of a run, if it lives."""
    found = raw_state(folder.path).get(process)
    if found is None:
        return None
    candidate = ProcessIdentity.model_validate(found)
    return candidate if candidate.alive() else None


def random_jump(story: Story) -> str:
    """Let the wall clock of all processes of a story jump, by up to ten years; how far, in words."""
    days = story.dice.choice([-3650, -1, 1, 3650]) * story.dice.random()
    story.clock.write_text(str(days * 86_400))
    return f"by {days:+.1f} days"


class Training(Story):
    """One real run on the CPU, of networks so small that it takes seconds.

    Attributes:
        reference: final weights of a run that nothing happened to.
    """

    scene = "training"
    interval = CHECKPOINT_EVERY
    steps = STEPS
    reference: ClassVar[Weights] = {}

    @staticmethod
    def spec() -> RunSpec:
        """The one specification of these runs."""
        flags = {"training.steps": STEPS, "threads": 1, "device": "cpu"}
        [spec] = resolve("infogan", preset="quick", overrides=TINY, flags=flags)
        return spec

    def begin(self) -> None:
        [record] = start(self.store, [self.spec()], self.worker)
        self.folders.append(record.folder)

    def moment(self) -> bool:
        if not self.folders or look_at(self.folders[-1]).status.terminal:
            return False
        folder = self.folders[-1]
        if self.dice.random() < 0.2:
            # Also while it starts.
            time.sleep(self.dice.uniform(0.0, _START_SECONDS))
        else:
            step = self.dice.randrange(min(last_event(folder.path) + 1, STEPS - 1), STEPS)
            until(lambda: last_event(folder.path) >= step or look_at(folder).status.terminal, f"step {step}")
        return not look_at(folder).status.terminal

    def check_results(self) -> None:
        for folder in self.folders:
            weights = final_weights(folder)
            different = [name for name, tensor in self.reference.items() if not np.array_equal(tensor, weights[name])]
            require(not different, f"run {folder.id} ends with other weights: {', '.join(different[:3])}")


def final_weights(folder: RunFolder) -> Weights:
    """The weights at the last step."""
    weights: Weights = load_file(folder.checkpoints / f"step-{STEPS:08d}" / "weights.safetensors")
    return weights


def reference_weights(root: Path) -> Weights:
    """The weights of a run that nothing happens to.

    Raises:
        BrokenError: not even that works.
    """
    story = Training(root, random.Random(0))
    story.begin()
    story.settle()
    record = look_at(story.folders[0])
    if record.status is not Status.FINISHED:
        raise BrokenError(f"the run that nothing happens to is {record.status}: {record.reason}")
    return final_weights(record.folder)
