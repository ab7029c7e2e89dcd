"""Power cuts of real file systems, and what is then left of what had been acknowledged.

    python -m tests.faults.power_cuts                        # 200 cuts of each file system: some minutes, as root
    python -m tests.faults.power_cuts --cuts 20 --only xfs

A writer adds runs to a store on a small disk (a file behind a loop device), changes their states, logs events, saves
checkpoints, writes notes and deletes runs. It says of each update when that is done. At a random moment the disk is
cut. ext4 and XFS are shut down by their own request, which drops all that was not written yet. Btrfs knows no such
request; there the writer is killed, and the disk goes on with a copy of what had reached the device. The disk is
mounted again, and all that was acknowledged must be there, in the folders and in the registry. Exits with 1 if
something was lost.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import random
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import orjson
import torch

from engine.launch.launchers import remove
from engine.runs.catalogue import list_runs, look_at
from engine.runs.event_log import EventLog
from engine.runs.events import last_step
from engine.runs.folder import RunFolder
from engine.runs.labels import change_labels, read_labels
from engine.runs.registry import Registry
from engine.runs.run_folders import create_run_folders, run_folders
from engine.runs.state import Status
from engine.storage.store import Store
from engine.training import checkpoints
from tests.faults.campaign.limits import may_mount
from tests.toys import toy, until

_SHUTDOWN, _WITHOUT_THE_LOG = 0x8004587D, 2
"""The request ``EXT4_IOC_SHUTDOWN``, which is ``XFS_IOC_GOINGDOWN`` too, and its way that writes nothing more."""
MOST_RUNS = 4
MOST_UPDATES = 12
_MIB = 2**20


@dataclass(frozen=True)
class FileSystem:
    """How one is made and mounted.

    Attributes:
        name: as the kernel knows it.
        size: of its disk, in MiB.
        options: of ``mount``.
        make: the command that makes it.
        shuts_down: whether it has a request for that.
    """

    name: str
    size: int
    options: str
    make: tuple[str, ...]
    shuts_down: bool = True


_MAKE_EXT4 = ("mkfs.ext4", "-q", "-F")
FILE_SYSTEMS = {
    "ext4-ordered": FileSystem("ext4", 64, "data=ordered", _MAKE_EXT4),
    "ext4-journal": FileSystem("ext4", 64, "data=journal", _MAKE_EXT4),
    "ext4-writeback": FileSystem("ext4", 64, "data=writeback", _MAKE_EXT4),
    "xfs": FileSystem("xfs", 320, "nouuid", ("mkfs.xfs", "-q", "-f")),
    "btrfs": FileSystem("btrfs", 128, "rw", ("mkfs.btrfs", "-q", "-f"), shuts_down=False),
}


class Disk:
    """A file system on a file, mounted, whose power can be cut.

    Args:
        system: which one.
        place: a folder for the file and the mount.
    """

    def __init__(self, system: FileSystem, place: Path) -> None:
        self._system = system
        self._image = place / "image"
        self.mount = place / "disk"
        self.mount.mkdir()
        with self._image.open("wb") as file:
            file.truncate(system.size * _MIB)
        _run(*system.make, str(self._image))
        self._attach()

    def cut(self, kill: Callable[[], None]) -> None:
        """Cut the power under a writer, and mount what is left."""
        if self._system.shuts_down:
            descriptor = os.open(self.mount, os.O_RDONLY)
            fcntl.ioctl(descriptor, _SHUTDOWN, struct.pack("I", _WITHOUT_THE_LOG))
            os.close(descriptor)
            kill()
            self.detach()
        else:
            kill()
            left = self._copied()
            self.detach()
            left.replace(self._image)
        self._attach()

    def detach(self) -> None:
        _run("umount", str(self.mount))

    def _attach(self) -> None:
        _run("mount", "-t", self._system.name, "-o", f"loop,{self._system.options}", str(self._image), str(self.mount))

    def _copied(self) -> Path:
        """What has reached the device, once nothing is on its way there."""
        device = _run("losetup", "-n", "-O", "NAME", "-j", str(self._image)).strip()
        on_the_way = Path("/sys/block") / Path(device).name / "inflight"
        until(lambda: set(on_the_way.read_text().split()) == {"0"}, "the end of what is on its way")
        left = self._image.with_name("left")
        _run("cp", "--sparse=always", str(self._image), str(left))
        return left


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
    return done.stdout


@dataclass
class Promised:
    """The least that must be there of a run, each a number that grows."""

    state: int = 0
    event: int = 0
    checkpoint: int = 0
    note: int = 0

    @classmethod
    def found(cls, folder: RunFolder) -> Promised:
        """What is there."""
        note = read_labels(folder).note
        kept = checkpoints.newest(folder.checkpoints, warn=_refuse)
        return cls(folder.state().step, last_step(folder.events_path) or 0, kept.step if kept else 0, int(note or 0))


def _refuse(text: str) -> None:
    raise AssertionError(text)


def write(store: Store, say: Callable[[str, str, int], None], dice: random.Random) -> None:
    """Change a store without end; say after each update which run it was of, what it was, and the number written."""
    registry = Registry(store)
    folders = run_folders(store)
    while True:
        if not folders or (len(folders) < MOST_RUNS and dice.random() < 0.2):
            ((folder, lease),) = create_run_folders(store, [toy()])
            registry.add_runs([folder])
            os.close(lease)
            folder.update_state(lambda state: state.ended_as(Status.FINISHED))
            folders.append(folder)
            say(folder.id, "made", 0)
        folder = dice.choice(folders)
        what = dice.choice(["state", "state", "event", "event", "checkpoint", "note", "deleted"])
        if what == "deleted":
            if len(folders) == MOST_RUNS:
                folders.remove(folder)
                remove(store, look_at(folder))
                say(folder.id, what, 0)
            continue
        number = getattr(Promised.found(folder), what) + 1
        _ACTS[what](folder, number)
        if what == "state":
            registry.update_runs([folder])
        say(folder.id, what, number)


def _log(folder: RunFolder, number: int) -> None:
    with EventLog(folder.events_path) as log:
        log.write(number, "train", loss=1.0)


def _save(folder: RunFolder, number: int) -> None:
    checkpoints.save(folder.checkpoints, number, {"a": torch.full((64,), float(number))}, {}, {}, milestone=False)
    checkpoints.prune(folder.checkpoints, keep=2)


_ACTS: dict[str, Callable[[RunFolder, int], object]] = {
    "state": lambda folder, number: folder.update_state(lambda state: state.model_copy(update={"step": number})),
    "event": _log,
    "checkpoint": _save,
    "note": lambda folder, number: change_labels(folder, note=str(number)),
}


def lost(store: Store, promised: dict[str, Promised], deleted: set[str]) -> list[str]:
    """What is not there of what had been acknowledged, or is not told alike everywhere."""
    found: list[str] = []
    listed = {record.id for record in list_runs(store)}
    rows = {row.id for row in Registry(store).rows()}
    Registry(store).reindex()
    anew = {row.id for row in Registry(store).rows()}
    if not listed == rows == anew:
        found.append(f"list, registry and reindex differ: {listed}, {rows}, {anew}")
    found += [f"{run} is there again" for run in deleted & listed]
    for run, least in promised.items():
        if run not in listed:
            found.append(f"{run} is gone")
            continue
        there = Promised.found(RunFolder(store.runs / run))
        found += [
            f"{name} of {run} is {getattr(there, name)} instead of {number}"
            for name, number in vars(least).items()
            if getattr(there, name) < number
        ]
    return found


def cut_once(disk: Disk, dice: random.Random) -> tuple[int, list[str]]:
    """Let a writer work on a disk and cut it; how many updates it had acknowledged, and what is lost of all so far."""
    store = Store(disk.mount / "store")
    promised = {folder.id: Promised.found(folder) for folder in run_folders(store)}
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            write(store, lambda *update: os.write(writing, orjson.dumps(update) + b"\n"), random.Random(dice.random()))
        os._exit(1)
    os.close(writing)

    def kill() -> None:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

    with os.fdopen(reading, "rb", buffering=0) as answers:
        said = b""
        wanted = dice.randrange(1, MOST_UPDATES)
        while said.count(b"\n") < wanted:
            assert select.select([answers], [], [], 60)[0], "the writer stands still"
            piece = answers.read(4096)
            assert piece, "the writer has ended"
            said += piece
        time.sleep(dice.random() * 0.02)
        # What was said before the cut was promised before it.
        while select.select([answers], [], [], 0)[0]:
            said += answers.read(4096)
        disk.cut(kill)
    updates = [orjson.loads(line) for line in said.splitlines()]
    deleted = {run for run, what, _ in updates if what == "deleted"}
    for run, what, number in updates:
        if what == "made":
            promised[run] = Promised()
        elif what != "deleted":
            setattr(promised[run], what, number)
    for run in deleted:
        promised.pop(run)
    # One run may be gone without having been called deleted: the writer was at it.
    gone = set(promised) - {folder.id for folder in run_folders(store)}
    if len(gone) == 1:
        promised.pop(gone.pop())
    return len(updates), lost(store, promised, deleted)


def sweep(names: Sequence[str], cuts: int, seed: int, place: Path) -> Iterator[tuple[str, int, int, list[str]]]:
    """Cut each file system so many times: its name, cuts, acknowledged updates, and what was lost."""
    for name in names:
        folder = place / name
        folder.mkdir()
        dice = random.Random(f"{seed} {name}")
        disk = Disk(FILE_SYSTEMS[name], folder)
        updates, found = 0, []
        try:
            Store.open(disk.mount / "store")
            os.sync()
            for number in range(cuts):
                acknowledged, now = cut_once(disk, dice)
                updates += acknowledged
                found += [f"cut {number}: {what}" for what in now]
        finally:
            disk.detach()
        yield name, cuts, updates, found


def main(arguments: Sequence[str] | None = None) -> int:
    """Cut what the arguments name."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.power_cuts")
    parser.add_argument("--cuts", type=int, default=200, help="of each file system")
    parser.add_argument("--only", action="append", choices=FILE_SYSTEMS, help="a file system; repeatable")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    names = given.only or [name for name, system in FILE_SYSTEMS.items() if shutil.which(system.make[0])]
    if os.geteuid() != 0 or not may_mount():
        print("mounting needs root, and a system that lets root mount", file=sys.stderr)
        return 2
    began = time.monotonic()
    lost_at_all = 0
    with tempfile.TemporaryDirectory(prefix="crtui-cuts-") as place:
        for name, cuts, updates, found in sweep(names, given.cuts, given.seed, Path(place)):
            for what in found:
                print(f"LOST {name}: {what}", flush=True)
            lost_at_all += len(found)
            print(f"{name}: {cuts} cuts, {updates} acknowledged updates, {len(found)} lost", flush=True)
    print(f"{time.monotonic() - began:.0f} seconds")
    return 1 if lost_at_all else 0


if __name__ == "__main__":
    sys.exit(main())
