"""The faults: what each does to a story, and what may come of it."""

from __future__ import annotations

import hashlib
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.runs.folder import RunFolder

from .checks import Expected, until
from .stories import Story, identity

SURVIVED = {"finished": ""}
KILLED = SURVIVED | {"crashed": "^killed by SIGKILL$"}
VANISHED = SURVIVED | {"crashed": "^its (processes|supervisor) vanished"}


@dataclass(frozen=True)
class Strike:
    """What was done.

    Attributes:
        run: the run that was hit.
        detail: in words.
        expected: what may come of it.
    """

    run: RunFolder
    detail: str
    expected: Expected


def send(folder: RunFolder, process: str, number: signal.Signals) -> bool:
    """Send a signal to the ``worker`` or ``supervisor`` of a run; whether it lives."""
    found = identity(folder, process)
    return found is not None and found.signal(number)


def kill_both(folder: RunFolder) -> None:
    """End the processes of a run as a power cut does: none sees the other go."""
    send(folder, "supervisor", signal.SIGSTOP)
    found = [one for process in ("worker", "supervisor") if (one := identity(folder, process))]
    for one in found:
        one.signal(signal.SIGKILL)
    until(lambda: not any(one.alive() for one in found), "the death of what was killed")


def kill(story: Story) -> Strike:
    """SIGKILL."""
    run = story.victim()
    whom = story.dice.choice(["worker", "supervisor", "both"])
    if whom == "both":
        kill_both(run)
        return Strike(run, whom, Expected(VANISHED))
    send(run, whom, signal.SIGKILL)
    # A run that was still queued has no worker of its own yet, and none will come.
    return Strike(run, whom, Expected(KILLED if whom == "worker" else VANISHED))


def halt(story: Story) -> Strike:
    """SIGSTOP, and SIGCONT a while later."""
    run = story.victim()
    whom = story.dice.choice([("worker",), ("supervisor",), ("worker", "supervisor")])
    for process in whom:
        send(run, process, signal.SIGSTOP)
    time.sleep(story.dice.uniform(0.1, 1.5))
    for process in ("worker", "supervisor"):
        send(run, process, signal.SIGCONT)
    return Strike(run, " and ".join(whom), Expected(SURVIVED, attempts=False))


def _cut(content: bytes, dice: random.Random) -> bytes:
    return content[: dice.randrange(len(content) + 1)]


def _flip(content: bytes, dice: random.Random) -> bytes:
    garbled = bytearray(content)
    for _ in range(dice.choice([1, 20]) if garbled else 0):
        garbled[dice.randrange(len(garbled))] ^= 1 << dice.randrange(8)
    return bytes(garbled)


_DAMAGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "cut": _cut,
    "bits flipped": _flip,
    "emptied": lambda content, dice: b"",
    "zeroed": lambda content, dice: b"\0" * len(content),
    "noise": lambda content, dice: dice.randbytes(300),
}


def damage(path: Path, dice: random.Random) -> str:
    """Spoil a file in place; how, in words."""
    how = dice.choice([*_DAMAGES, "deleted"])
    if not path.exists():
        return f"{path.name} was not there"
    if how == "deleted":
        path.unlink()
    else:
        path.write_bytes(_DAMAGES[how](path.read_bytes(), dice))
    return f"{path.name} {how}"


def checkpoint(story: Story) -> Strike:
    """The newest checkpoint is damaged while the run is dead."""
    run = story.victim()
    kill_both(run)
    present = sorted(path for path in run.checkpoints.glob("*") if not path.name.startswith("."))
    if not present:
        return Strike(run, "there was none yet", Expected(VANISHED))
    newest = present[-1]
    file = story.dice.choice(sorted(newest.iterdir())) if newest.is_dir() else newest
    return Strike(run, damage(file, story.dice), Expected(VANISHED, lost=2))


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


KINDS: dict[str, tuple[Callable[[Story], Strike], tuple[str, ...]]] = {
    "SIGKILL": (kill, ("training",)),
    "SIGSTOP, SIGCONT": (halt, ("training",)),
    "damaged checkpoint": (checkpoint, ("training",)),
}
"""What strikes, and in which scenes, by name."""
