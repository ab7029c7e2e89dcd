"""Computing a selection so that everybody who looks at the store sees how far it is.

:func:`run_selection` computes in the calling process, as ``crtui select`` does. :func:`start_selection` starts
``python -m engine.choosing.process``, which computes in a process of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.choosing.jobs import JobFolder, JobState, Origin, forget_old_jobs, job_folder
from engine.choosing.partial import PartialMatrix
from engine.choosing.request import SelectionRequest
from engine.errors import CrtuiError, InputError, WorkError
from engine.launch.spawning import start_detached
from engine.machine.cores import prepare_to_compute
from engine.machine.programs import program
from engine.storage.descriptors import open_file, release
from engine.storage.store import Store

if TYPE_CHECKING:
    from engine.choosing.result import SelectionResult
    from engine.progress import PhaseProgress
    from engine.runs.catalogue import RunRecord

_COMMAND = program("engine.choosing.process")
_TICK_SECONDS = 1.0
_BEAT_SECONDS = 5.0
_LOG_SECONDS = 15.0
_PATIENCE_SECONDS = 0.2
_NICENESS = 5
_CANCELLED = "cancelled; what was compared is kept"


def start_selection(store: Store, request: SelectionRequest) -> str:
    """Compute a selection in a process that outlives this one. A selection that ended early is continued.

    Args:
        store: the store of the runs.
        request: what to compute.

    Returns:
        The id of the job.

    Raises:
        InputError: this very selection is being computed already.
        WorkError: the process cannot be started, or the disk refused.
    """
    forget_old_jobs(store)
    folder = job_folder(store, request.id)
    lock = folder.claim()
    try:
        folder.begin(request, _first_state("background"))
        command = [*_COMMAND, "--lock", str(lock), str(store.root), folder.id]
        start_detached(command, open_file(folder.log_path, os.O_WRONLY | os.O_TRUNC), lock, store.root)
    except OSError as error:
        folder.remove()
        raise WorkError(f"the selection cannot be started: {error.strerror}") from error
    finally:
        # The process holds the claim through its own copy of the descriptor.
        release(lock)
    return folder.id


def run_selection(
    store: Store, records: Sequence[RunRecord], request: SelectionRequest, progress: PhaseProgress | None = None
) -> SelectionResult:
    """Compute a selection in this process, by :func:`engine.choosing.choose.select_runs`, for all to see.

    Where the same selection is being computed already, the two processes share the work.

    Args:
        store: the store of the runs.
        records: the pool.
        request: how to compare it; its runs are those of the pool.
        progress: see :data:`engine.progress.PhaseProgress`.

    Returns:
        See :func:`engine.choosing.choose.select_runs`.

    Raises:
        InputError: as of ``select_runs``.
        WorkError: the disk refused.
    """
    folder = job_folder(store, request.id)
    try:
        lock = folder.claim(_PATIENCE_SECONDS)
    except InputError:
        return _selected(store, records, request, progress, None)
    with _reported(folder, lock, request, "terminal") as report, _interruptible(report):
        return _selected(store, records, request, progress, report)


def _selected(
    store: Store,
    records: Sequence[RunRecord],
    request: SelectionRequest,
    progress: PhaseProgress | None,
    report: _Report | None,
) -> SelectionResult:
    from engine.choosing import choose

    def tell(what: str, done: int, total: int) -> None:
        for hear in (progress, report.progress if report else None):
            if hear is not None:
                hear(what, done, total)

    partial = report.partial if report else None
    return choose.select_runs(store, records, request.methods, **request.options, progress=tell, partial=partial)


class _Report:
    """Writes the job's files from a thread of its own, so that computing never waits for the disk.

    Args:
        folder: the job.
        state: the state at the beginning.

    Attributes:
        cancelled: whether somebody has cancelled the job.
    """

    def __init__(self, folder: JobFolder, state: JobState) -> None:
        self.cancelled = False
        self._folder = folder
        self._state = state
        self._partial: PartialMatrix | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._written = 0.0
        self._thread = threading.Thread(target=self._keep, name="selection report", daemon=True)

    def progress(self, what: str, done: int, total: int) -> None:
        """Note how far the work is."""
        with self._lock:
            state = self._state
            begun = state.phase_begun if what == state.phase and done >= state.done else time.time()
            changes = {"phase": what, "phase_begun": begun, "done": done, "total": total}
            self._state = state.model_copy(update=changes)

    def partial(self, known: PartialMatrix) -> None:
        """Note what is known of the matrix."""
        with self._lock:
            self._partial = known

    def begin(self) -> None:
        """Start to write."""
        self._thread.start()

    def end(self, **changes: str) -> None:
        """Stop, and write how the work ended."""
        self._ended.set()
        self._thread.join()
        with contextlib.suppress(WorkError):
            self._write_partial()
            self._folder.write_state(self._state.model_copy(update={**changes, "updated": time.time()}))

    def stop(self) -> None:
        """Stop, and write nothing more."""
        self._ended.set()
        self._thread.join()

    def _keep(self) -> None:
        before: JobState | None = None
        while not self._ended.wait(_TICK_SECONDS):
            if not self.cancelled and self._folder.cancel_is_wanted():
                self.cancelled = True
                # A real signal, because it also interrupts a call that waits.
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            with self._lock:
                state = self._state
            if state is not before or time.monotonic() - self._written >= _BEAT_SECONDS:
                before = state
                # Errors are ignored: a disk that refuses for a while must not end the work.
                with contextlib.suppress(WorkError):
                    self._write_partial()
                    self._folder.write_state(state.model_copy(update={"updated": time.time()}))
                self._written = time.monotonic()

    def _write_partial(self) -> None:
        with self._lock:
            partial, self._partial = self._partial, None
        if partial is not None:
            self._folder.write_partial(partial)


@contextlib.contextmanager
def _reported(folder: JobFolder, lock: int, request: SelectionRequest, origin: Origin) -> Iterator[_Report]:
    """Report on a claimed job while it is computed, then close the claim. A job that ends well is deleted."""
    state = _first_state(origin)
    report = _Report(folder, state)
    try:
        folder.begin(request, state)
        report.begin()
        try:
            yield report
        except KeyboardInterrupt:
            report.end(status="cancelled", message=_CANCELLED)
            raise
        except InputError as error:
            # The person at the terminal reads the error there.
            report.end(status="failed", message=str(error))
            if origin == "terminal":
                folder.remove()
            raise
        except BaseException as error:
            message = str(error) if isinstance(error, CrtuiError) else f"{type(error).__name__}: {error}"
            report.end(status="failed", message=message)
            raise
        report.stop()
        folder.remove()
    finally:
        release(lock)


@contextlib.contextmanager
def _interruptible(report: _Report) -> Iterator[None]:
    """Let a cancel interrupt a process that ignores SIGINT, as what a script starts with ``&`` does.

    Ctrl-C in that script's terminal is ignored as before.
    """
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        yield
        return

    def interrupt(number: int, frame: object) -> None:
        if report.cancelled:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _first_state(origin: Origin) -> JobState:
    now = time.time()
    return JobState(origin=origin, host=socket.gethostname(), pid=os.getpid(), begun=now, updated=now, phase_begun=now)


class _Lines:
    """Progress for the log: a line for each phase, and one every :data:`_LOG_SECONDS` within it."""

    def __init__(self) -> None:
        self._phase = ""
        self._due = 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if what != self._phase or now >= self._due:
            self._phase, self._due = what, now + _LOG_SECONDS
            print(f"{time.strftime('%H:%M:%S')} {what}, {done} of {total}", flush=True)


def main(arguments: Sequence[str]) -> int:
    """Compute the job that the arguments name, and return the exit code."""
    prepare_to_compute()
    parser = argparse.ArgumentParser(prog="python -m engine.choosing.process", description="Compute a selection.")
    parser.add_argument("store", type=Path, help="folder of the store")
    parser.add_argument("job", help="id of the job")
    parser.add_argument("--lock", type=int, help="inherited descriptor of the job's claim")
    given = parser.parse_args(arguments)
    os.nice(_NICENESS)
    warnings.simplefilter("ignore")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    store = Store(given.store.absolute())
    os.umask(store.umask)
    folder = job_folder(store, given.job)
    try:
        request = folder.request()
        lock = folder.claim() if given.lock is None else given.lock
        os.set_inheritable(lock, False)
        with _reported(folder, lock, request, "background") as report:
            from engine.runs.catalogue import find_among, list_runs

            known = list_runs(store)
            records = [find_among(known, run_id) for run_id in request.runs]
            _selected(store, records, request, _Lines(), report)
    except CrtuiError as error:
        print(f"not selected: {error}", flush=True)
        return 1
    except KeyboardInterrupt:
        print(_CANCELLED, flush=True)
        return 130
    except Exception:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
