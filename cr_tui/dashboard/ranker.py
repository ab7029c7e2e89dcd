"""The process that ranks a pool, and how the dashboard starts it and sees how it fares.

It outlives the dashboard. Its log, ``.ranking.log`` among the selections of the store, is locked as long as it
lives: so one ranking is computed at a time in a store, and every dashboard can see it.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

from cr_tui.dashboard.child import child_command
from cr_tui.dashboard.data import Computation
from engine.errors import CrtuiError, InputError, WorkError
from engine.runs.store import FILE_MODE, Store

_LOG = ".ranking.log"
_REFUSED = "not ranked: "
_LAST_BYTES = 2048
_LINE_SECONDS = 1.0
_NICENESS = 5
_RECENT_SECONDS = 3600.0


def start_ranking(store: Store, run_ids: Sequence[str]) -> None:
    """Begin to rank runs in a process of its own.

    Raises:
        InputError: a ranking is being computed already.
        WorkError: the process cannot be started.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        log = os.open(store.selections / _LOG, flags, FILE_MODE)
    except OSError as error:
        raise WorkError(f"{store.selections / _LOG} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(log, 0)
        subprocess.Popen(
            child_command(__name__, str(store.root), *run_ids),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    except BlockingIOError as error:
        raise InputError("a ranking is being computed already; wait until it has ended") from error
    except OSError as error:
        raise WorkError(f"the ranking cannot be started: {error.strerror}") from error
    finally:
        # The child holds the lock through its own copy of the descriptor.
        os.close(log)


def ranking_progress(store: Store) -> Computation | None:
    """How the newest ranking fares; None when it has ended well, or ended more than an hour ago."""
    try:
        log = os.open(store.selections / _LOG, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        running = _is_locked(log)
        status = os.fstat(log)
        text = os.pread(log, _LAST_BYTES, max(status.st_size - _LAST_BYTES, 0)).decode(errors="replace")
    except OSError:
        return None
    finally:
        os.close(log)
    last = text.splitlines()[-1] if text.strip() else ""
    if running:
        return Computation(True, last or "ranking …")
    if not last or time.time() - status.st_mtime > _RECENT_SECONDS:
        return None
    return Computation(False, last if last.startswith(_REFUSED) else f"the ranking ended early, after: {last}")


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def main(arguments: Sequence[str]) -> int:
    """Rank the runs named after the store's folder; return the exit code."""
    os.nice(_NICENESS)
    warnings.simplefilter("ignore")
    from engine.launch.selecting import select_runs
    from engine.runs.catalogue import find_among, list_runs

    folder, *run_ids = arguments
    try:
        store = Store.open(Path(folder))
        present = list_runs(store)
        records = [find_among(present, run_id) for run_id in run_ids]
        _say(f"ranking {len(records)} runs …")
        select_runs(store, records, progress=_Progress())
    except CrtuiError as error:
        _say(f"{_REFUSED}{error}")
        return 1
    # The result lies among the selections; a log that is empty and not locked has nothing more to say.
    os.ftruncate(sys.stdout.fileno(), 0)
    return 0


def _say(line: str) -> None:
    os.write(sys.stdout.fileno(), f"{line}\n".encode(errors="backslashreplace"))


class _Progress:
    """Writes at most a line a second."""

    def __init__(self) -> None:
        self._due = 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now >= self._due:
            self._due = now + _LINE_SECONDS
            _say(f"{what}, {done} of {total}")
