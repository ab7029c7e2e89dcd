"""Finds the processes that train runs on this machine, of whatever store, and those that hold slots."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from cr_tui.dashboard.model.data import Worker
from engine.errors import CrtuiError
from engine.launch.slot_folder import slot_folder
from engine.runs.events import SPEED, last_row, speed_of
from engine.runs.folder import RunFolder
from engine.runs.values import values_of

_WORKER = b"engine.launch.worker"
_SUPERVISOR = b"engine.launch.supervisor"


class WorkerReader:
    """Reads ``/proc``; where there is none, it finds nothing. Used by one thread at a time."""

    def __init__(self) -> None:
        self._used: dict[int, tuple[float, float]] = {}
        self._names: dict[Path, str] = {}

    def read(self) -> list[Worker]:
        """Every worker, and every other process that holds a slot, by process number."""
        try:
            folder: Path | None = slot_folder().resolve()
        except CrtuiError:
            folder = None
        found = []
        for pid, words in _own_processes():
            run = _run_of(words)
            slots = _held_slots(pid, folder) if folder is not None else ()
            # A supervisor hands its slots on to its worker, and holds them only until then.
            if run is not None or (slots and _SUPERVISOR not in b" ".join(words)):
                with contextlib.suppress(OSError, ValueError):
                    found.append(self._worker(pid, words, run, slots))
        self._used = {worker.pid: self._used[worker.pid] for worker in found if worker.pid in self._used}
        return sorted(found, key=lambda worker: worker.pid)

    def _worker(self, pid: int, words: list[bytes], run: Path | None, slots: tuple[str, ...]) -> Worker:
        memory, cpu = _memory(pid), self._cpu(pid)
        if run is None:
            return Worker(pid, name=Path(os.fsdecode(words[0])).name, slots=slots, cpu=cpu, memory=memory)
        if run not in self._names:
            self._names[run] = str(values_of(RunFolder(run)).get("name") or run.name)
        speed = speed_of(last_row(run / "events.jsonl", SPEED))
        return Worker(pid, run.name, self._names[run], str(run.parent.parent), slots, cpu, memory, speed)

    def _cpu(self, pid: int) -> float | None:
        """Per cent of one core since the last reading."""
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        used = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        now = time.monotonic()
        before, self._used[pid] = self._used.get(pid), (now, used)
        if before is None or now <= before[0]:
            return None
        return max(100.0 * (used - before[1]) / (now - before[0]), 0.0)


def _own_processes() -> Iterator[tuple[int, list[bytes]]]:
    """Numbers and command lines of this user's processes."""
    own = os.getuid()
    with contextlib.suppress(OSError):
        for process in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if process.name.isdecimal() and process.stat().st_uid == own:
                    words = (process / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
                    if words[0] and int(process.name) != os.getpid():
                        yield int(process.name), words


def _run_of(words: list[bytes]) -> Path | None:
    """The folder of the run that a command line trains."""
    if _WORKER in words and _SUPERVISOR not in words and words.index(_WORKER) + 1 < len(words):
        return Path(os.fsdecode(words[words.index(_WORKER) + 1]))
    return None


def _held_slots(pid: int, folder: Path) -> tuple[str, ...]:
    """The slots whose lock files a process has open."""
    held = set()
    with contextlib.suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                target = descriptor.readlink()
                if target.parent == folder and not target.name.startswith("wait-"):
                    held.add(target.name)
    return tuple(sorted(held))


def _memory(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
