"""Whether a store tells the truth, by other eyes than the engine's: raw files, ``/proc``, and what ``crtui`` prints."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import signal
import sys
import time
import traceback
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cr_tui.cli import main as crtui_main

PATIENCE_SECONDS = 120.0
"""How long something is waited for that takes seconds, on a machine that may be busy."""
_MOST_OUTPUT_BYTES = 2**20
_GONE = "run folder is gone"
_END_WORDS = {"finished", "stopped", "failed", "crashed"}


class BrokenError(Exception):
    """Something that must hold does not; the message says what."""


@dataclass(frozen=True)
class Expected:
    """What may be said of a run that was struck.

    Attributes:
        endings: pattern that the reason must match, by status that the run may end with.
        lost: how many checkpoint intervals may be lost.
        attempts: whether a new attempt may have begun by itself; a fault that ends nothing must not cause one.
        events: whether rows of the event log may be missing.
        gone: whether the run is to vanish from its store.
    """

    endings: Mapping[str, str]
    lost: int = 1
    attempts: bool = True
    events: bool = False
    gone: bool = False


@dataclass
class Answer:
    """How a command of ``crtui`` ended, and what it printed."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)


def crtui(store: Path, *words: str, prepare: Callable[[], object] = lambda: None) -> Answer:
    """Run a command in a copy of this process, which has its modules loaded, so that it takes but a moment."""
    running = begin_crtui(store, *words, prepare=prepare)
    return running.answer()


@dataclass
class Running:
    """A command of ``crtui`` that may still run: a child of this process and leader of a session."""

    pid: int
    words: tuple[str, ...]
    out: int
    err: int
    status: int | None = field(default=None)

    def ended(self) -> bool:
        """Whether it has ended; nothing is waited for."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = os.waitstatus_to_exitcode(status) if pid else None
        return self.status is not None

    def kill(self) -> None:
        """End it at once, wherever it is."""
        if not self.ended():
            os.kill(self.pid, signal.SIGKILL)

    def answer(self) -> Answer:
        """Wait for its end.

        Raises:
            BrokenError: it takes too long; it is killed.
        """
        try:
            until(self.ended, f"the end of {' '.join(self.words)}")
        except BrokenError:
            os.kill(self.pid, signal.SIGKILL)
            raise
        finally:
            out, err = _drain(self.out), _drain(self.err)
        assert self.status is not None
        return Answer(self.status, out, err)


def _drain(pipe: int) -> str:
    """What was written into a pipe, which is closed."""
    os.set_blocking(pipe, False)
    with os.fdopen(pipe, "rb") as stream:
        return (stream.read() or b"").decode()


def begin_crtui(store: Path, *words: str, prepare: Callable[[], object] = lambda: None) -> Running:
    """Like :func:`crtui`, without waiting for the end."""
    # Pipes, which no full disk and no limit on files can stop; large enough for all that these commands print.
    pipes = [os.pipe() for _ in range(2)]
    for _, writing in pipes:
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _MOST_OUTPUT_BYTES)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setsid()
            for (_, writing), stream in zip(pipes, (1, 2), strict=True):
                os.dup2(writing, stream)
            sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
            prepare()
            code = crtui_main(["--store", str(store), *words])
        except Exception:
            # As at the end of a process of its own.
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    for _, writing in pipes:
        os.close(writing)
    (out, _), (err, _) = pipes
    return Running(pid, words, out, err)


def until(condition: Callable[[], Any], what: str, patience: float = PATIENCE_SECONDS) -> None:
    """Wait for something.

    Raises:
        BrokenError: it does not happen.
    """
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise BrokenError(f"{what} never came")
        time.sleep(0.02)


def require(holds: object, sentence: str) -> None:
    """Say that something is broken unless it holds."""
    if not holds:
        raise BrokenError(sentence)


def processes_of(root: Path) -> list[int]:
    """Processes that have a folder in their command line, zombies left out."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if str(root).encode() in (entry / "cmdline").read_bytes():
                    state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                    if state not in "ZX":
                        found.append(int(entry.name))
    return found


def raw_state(run: Path) -> dict[str, Any]:
    """``state.json`` as it lies there; empty where it cannot be read."""
    with contextlib.suppress(OSError, ValueError):
        state = json.loads((run / "state.json").read_bytes())
        return state if isinstance(state, dict) else {}
    return {}


def last_event(run: Path) -> int:
    """The step of the last whole row of the event log, 0 where there is none."""
    with contextlib.suppress(OSError):
        for line in reversed((run / "events.jsonl").read_bytes().split(b"\n")[:-1]):
            with contextlib.suppress(ValueError, TypeError, KeyError):
                return int(json.loads(line)["step"])
    return 0


def whole_checkpoints(run: Path) -> list[int]:
    """Steps of the checkpoints whose files have the hashes of their manifests, or of a toy's chain, ascending."""
    steps = []
    for path in (run / "checkpoints").glob("*"):
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            if path.suffix == ".json":
                steps.append(int(json.loads(path.read_bytes())["step"]))
            elif path.name.startswith("step-") and path.suffix == "":
                manifest = json.loads((path / "manifest.json").read_bytes())
                files = manifest["files"].items()
                hashes = {name: hashlib.sha256((path / name).read_bytes()).hexdigest() for name, _ in files}
                if all(about["sha256"] == hashes[name] for name, about in files):
                    steps.append(int(manifest["step"]))
    return sorted(steps)


def check_readable(store: Path, spoilt: Collection[str] = ()) -> list[dict[str, Any]]:
    """``list``, ``show`` and ``reindex`` work and agree with each other and with the files; the list of runs.

    Args:
        store: the store's folder.
        spoilt: runs that were damaged after they had ended, whose files are not what they were then.

    Raises:
        BrokenError: they do not.
    """
    before = check_list(store)
    for row in before:
        shown = crtui(store, "runs", "show", row["id"], "--json")
        if row["reason"] != _GONE:
            require(shown.code == 0, f"runs show fails: {shown.err.strip()}")
            told = {name: shown.json().get(name) for name in ("status", "reason")}
            listed = {name: row[name] for name in told}
            require(told == listed, f"runs show says {told}, runs list {listed}")
        if row["id"] not in spoilt and row["reason"] != _GONE:
            check_truthful(store / "runs" / row["id"], row)
    again = crtui(store, "runs", "reindex", "--json")
    require(again.code == 0, f"runs reindex fails: {again.err.strip()}")
    after = check_list(store)
    expected = [row for row in before if row["reason"] != _GONE]
    require(_told(after) == _told(expected), f"after reindex the list is {_told(after)}, before {_told(expected)}")
    return after


def _told(rows: Iterable[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    return sorted((row["id"], row["status"], row["reason"], row["step"]) for row in rows)


def check_list(store: Path) -> list[dict[str, Any]]:
    """What ``runs list`` says, after ``reindex`` where it asks for that.

    Raises:
        BrokenError: it does not work.
    """
    answer = crtui(store, "runs", "list", "--json")
    if answer.code == 2 and "reindex" in answer.err:
        # A registry that was damaged says so and is never overwritten; this is the remedy that it names.
        rebuilt = crtui(store, "runs", "reindex", "--json")
        require(rebuilt.code == 0, f"runs reindex fails: {rebuilt.err.strip()}")
        answer = crtui(store, "runs", "list", "--json")
    require(answer.code == 0, f"runs list fails with code {answer.code}: {answer.err.strip()}")
    rows: list[dict[str, Any]] = answer.json()
    return rows


def check_truthful(run: Path, row: Mapping[str, Any]) -> None:
    """What a list says of a run whose processes are gone fits its files.

    Raises:
        BrokenError: it does not.
    """
    require(row["status"] in _END_WORDS, f"run {row['id']} is said to be {row['status']}, but has no process")
    require(row["pid"] is None, f"run {row['id']} is said to have process {row['pid']}")
    if row["status"] != "finished":
        require(row["reason"], f"run {row['id']} is {row['status']} without a reason")
    elif row["total_steps"]:
        require(row["step"] == row["total_steps"], f"run {row['id']} is finished at step {row['step']}")
        require(
            whole_checkpoints(run)[-1:] == [row["total_steps"]], f"run {row['id']} is finished without its last weights"
        )


def check_ending(row: Mapping[str, Any], expected: Expected) -> None:
    """A run that was struck ended as it may.

    Raises:
        BrokenError: it did not.
    """
    pattern = expected.endings.get(row["status"])
    said = f"run {row['id']} is {row['status']} ({row['reason']})"
    require(pattern is not None, f"{said}; it should be {' or '.join(expected.endings)}")
    require(re.search(pattern or "", row["reason"] or ""), f"{said}; the reason should match '{pattern}'")
