"""The process that watches one run: ``python -m engine.launch.supervisor [--lease FD] RUN_DIR [-- WORKER...]``.

It waits for the run's device, starts the worker, says how far it is, stops it when asked to by SIGTERM, and names the
reason why it ended. It is detached from whoever started it and imports no torch, so that many can wait at little cost.
If it is killed, the worker goes on, and :mod:`engine.runs.catalogue` finds out how it ended.

The worker writes to ``log.txt`` itself rather than through a pipe, which would break with the supervisor. A log that
grows too long is cut: its latest part is kept as ``log.1.txt``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from engine.errors import CrtuiError, InputError
from engine.launch import slots
from engine.runs.events import last_step
from engine.runs.folder import RunFolder
from engine.runs.registry import Registry
from engine.runs.state import ProcessIdentity, RunState, Status
from engine.runs.store import replace_file

WORKER = (sys.executable, "-P", "-m", "engine.launch.worker")
"""The command that trains, to which the run folder is added. -P: a folder ``engine`` where the user is is not ours."""
BEAT_SECONDS = 5.0
GRACE_SECONDS = 30.0
_PROMISE_SECONDS = 3 * BEAT_SECONDS
_POLL_SECONDS = 0.25
_MAX_LOG_BYTES = 16 * 2**20
_KEPT_LOG_BYTES = 4 * 2**20
_EXCERPT_BYTES = 16 * 1024
_Value = TypeVar("_Value")


class Supervisor:
    """Watches one run from its place in the queue to its end.

    Args:
        folder: the run; the caller has its lease.
        lease: descriptor of the run's lease, which the worker inherits.
        worker: the command that trains, without the run folder.
    """

    def __init__(self, folder: RunFolder, lease: int, worker: Sequence[str] = WORKER) -> None:
        self._folder = folder
        self._lease = lease
        self._worker = worker
        self._registry = Registry(folder.store)
        self._state = RunState(status=Status.QUEUED, created=time.time())
        self._alarm = _Alarm()
        self._next_beat = 0.0

    def run(self) -> None:
        """Do all of it."""
        begun = {"supervisor": ProcessIdentity.own(), "status": Status.QUEUED, "ended": None, "reason": None}
        self._update(lambda state: state.model_copy(update=begun))
        try:
            device = self._wait_for_device()
            if device is None:
                self._end(lambda state: state.ended_as(Status.STOPPED, "asked to stop"))
                return
            killed_before = _out_of_memory_kills()
            process = self._start(device)
            overdue = self._watch(process, device)
            code = process.wait()
            # What it started and left behind would keep its device leased.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            memory = _out_of_memory_kills() > killed_before
            self._end(lambda state: _ending(state, self._folder, code, overdue, memory))
        except CrtuiError as error:
            reason = str(error)
            self._end(lambda state: state.ended_as(Status.FAILED, reason))

    def _wait_for_device(self) -> slots.Lease | None:
        """The slots of the run's device, or ``None`` if it was asked to stop before there were any."""
        summary = self._folder.summary()
        request = slots.plan(summary.device, summary.threads)
        waiter = slots.Waiter(request, self._state.queued or self._state.created, self._folder.id)
        with contextlib.closing(waiter):
            while self._grace() is None:
                lease = waiter.poll()
                if lease is not None:
                    return lease
                if self._beat_is_due():
                    waiter.refresh()
                    self._beat()
                self._alarm.wait(_POLL_SECONDS)
        return None

    def _start(self, device: slots.Lease) -> subprocess.Popen[bytes]:
        threads = min(self._folder.summary().threads, slots.core_count())
        environment = os.environ | {"OMP_NUM_THREADS": str(threads), "PYTHONUNBUFFERED": "1"} | dict(device.environment)
        self._folder.outcome_path.unlink(missing_ok=True)
        # The worker reads its device from the state.
        self._update(lambda state: state.model_copy(update={"device": device.device}))
        try:
            process = subprocess.Popen(
                [*self._worker, str(self._folder.path)],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=(self._lease, *device.descriptors),
                env=environment,
            )
        except OSError as error:
            raise InputError(f"worker '{self._worker[0]}' cannot be started: {error.strerror}") from error
        worker = None
        with contextlib.suppress(ProcessLookupError):
            worker = ProcessIdentity.of(process.pid)
        changes = {"status": Status.RUNNING, "worker": worker, "started": time.time()}
        self._update(lambda state: state.model_copy(update=changes))
        self._index()
        return process

    def _watch(self, process: subprocess.Popen[bytes], device: slots.Lease) -> float | None:
        """Wait for the worker to end, and see to it once someone has asked for that.

        Returns:
            After how many seconds of grace it was killed; ``None`` if it was not.
        """
        asked_at: float | None = None
        overdue: float | None = None
        while process.poll() is None:
            now = time.monotonic()
            grace = self._grace()
            if grace is not None and asked_at is None:
                asked_at = now
                process.send_signal(signal.SIGTERM)
            if grace is not None and asked_at is not None and overdue is None and now - asked_at >= grace:
                overdue = grace
                os.killpg(process.pid, signal.SIGKILL)
            if self._beat_is_due():
                device.refresh()
                self._beat()
                _shorten_log(self._folder.log_path)
            self._alarm.wait(self._next_beat - now if asked_at is None else _POLL_SECONDS)
        return overdue

    def _grace(self) -> float | None:
        """Seconds that the worker may take to stop, by whoever asked last; ``None`` while nobody has asked."""
        if self._alarm.terminated:
            self._alarm.terminated = False
            # Whoever asks writes first how patient it is. A machine that shuts down just sends the signal.
            self._update(lambda state: state.model_copy(update={"stop_grace": _first(state.stop_grace, GRACE_SECONDS)}))
        return self._state.stop_grace

    def _beat_is_due(self) -> bool:
        return time.monotonic() >= self._next_beat

    def _beat(self) -> None:
        """Say that the run is alive and how far it is."""
        step = last_step(self._folder.events_path)
        believed_ended = False

        def beat(state: RunState) -> RunState:
            nonlocal believed_ended
            believed_ended = state.status.terminal
            # Whoever wrote that the run has ended was wrong: it lives.
            present = self._state if believed_ended else state
            return present.model_copy(update={"step": max(step or 0, present.step)})

        self._update(beat)
        if believed_ended:
            self._index()

    def _update(self, change: Callable[[RunState], RunState]) -> None:
        """Change the state with a heartbeat. A disk that refuses must not end a run that could go on."""
        now = time.time()
        self._next_beat = time.monotonic() + BEAT_SECONDS

        def with_heartbeat(state: RunState) -> RunState:
            beat = {"heartbeat": now, "next_beat": now + _PROMISE_SECONDS}
            return change(state.model_copy(update=beat)).model_copy(update=beat)

        try:
            self._state = self._folder.update_state(with_heartbeat, fallback=self._state)
        except CrtuiError as error:
            self._state = with_heartbeat(self._state)
            print(f"supervisor: {error}", flush=True)

    def _end(self, change: Callable[[RunState], RunState]) -> None:
        self._update(change)
        self._index()

    def _index(self) -> None:
        try:
            self._registry.update_runs([self._folder])
        except CrtuiError as error:
            print(f"supervisor: {error}", flush=True)


class _Alarm:
    """Sleeps until a child ends, someone asks to stop, or the time is over. SIGTERM is noted, once or many times."""

    def __init__(self) -> None:
        self.terminated = False
        self._reading, writing = os.pipe()
        os.set_blocking(self._reading, False)
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._terminate)
        signal.signal(signal.SIGINT, self._terminate)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)

    def wait(self, seconds: float) -> None:
        select.select([self._reading], [], [], max(0.0, seconds))
        with contextlib.suppress(BlockingIOError):
            os.read(self._reading, 4096)

    def _terminate(self, number: int, frame: object) -> None:
        self.terminated = True


def _ending(state: RunState, folder: RunFolder, code: int, overdue: float | None, memory: bool) -> RunState:
    """How the attempt ended: by the worker's own word, else by what became of its process.

    Args:
        state: before the end.
        folder: the run.
        code: exit code of the worker, negative for a signal.
        overdue: after how many seconds of grace it was killed, if so.
        memory: whether the machine killed some process for memory meanwhile.
    """
    state = state.model_copy(update={"step": max(last_step(folder.events_path) or 0, state.step)})
    try:
        outcome = folder.outcome()
    except InputError as error:
        return state.ended_as(Status.CRASHED, str(error))
    if outcome is not None:
        return state.completed_from(outcome)
    if overdue is not None:
        return state.ended_as(Status.STOPPED, f"killed, because it had not stopped after {overdue:g} seconds")
    if state.stop_grace is not None:
        return state.ended_as(Status.STOPPED, "asked to stop")
    if code >= 0:
        last_line, traceback = _last_words(folder.log_path)
        return state.ended_as(Status.FAILED, f"the worker exited with code {code}: {last_line}", traceback)
    if code == -signal.SIGKILL and memory:
        return state.ended_as(Status.CRASHED, "out of memory (suspected): killed by SIGKILL")
    return state.ended_as(Status.CRASHED, f"killed by {_signal_name(-code)}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _last_words(log: Path) -> tuple[str, str | None]:
    """The last line of a log, and its last traceback if there is one."""
    with contextlib.suppress(OSError):
        text = _tail(log, _EXCERPT_BYTES).decode(errors="replace")
        lines = text.strip().splitlines()
        start = text.rfind("Traceback (most recent call last)")
        return (lines[-1] if lines else "it wrote nothing"), (text[start:] if start >= 0 else None)
    return "its log cannot be read", None


def _shorten_log(log: Path) -> None:
    """Cut a log that has grown too long. The worker appends, so it goes on at the new end."""
    try:
        if log.stat().st_size > _MAX_LOG_BYTES:
            replace_file(log.with_name("log.1.txt"), _tail(log, _KEPT_LOG_BYTES))
            os.truncate(log, 0)
            print("supervisor: what was here before is in log.1.txt", flush=True)
    except (OSError, CrtuiError) as error:
        print(f"supervisor: {error}", flush=True)


def _tail(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - size))
        return file.read(size)


def _out_of_memory_kills() -> int:
    """How many processes this machine, and this process's control group, have killed for want of memory."""
    counters = [Path("/proc/vmstat")]
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            hierarchy, _, group = line.split(":", 2)
            if hierarchy == "0":
                counters.append(Path(f"/sys/fs/cgroup{group}/memory.events"))
    kills = 0
    for counter in counters:
        with contextlib.suppress(OSError):
            found = re.search(r"^oom_kill (\d+)$", counter.read_text(), re.MULTILINE)
            kills += int(found[1]) if found else 0
    return kills


def _first(value: _Value | None, otherwise: _Value) -> _Value:
    return otherwise if value is None else value


def main(arguments: Sequence[str]) -> None:
    """Watch the run that the arguments name, to its end."""
    parser = argparse.ArgumentParser(prog="python -m engine.launch.supervisor", description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument("--lease", type=int, help="inherited descriptor of the run's lease")
    parser.add_argument("worker", nargs="*", default=WORKER, help="command that trains; the run folder is added to it")
    given = parser.parse_args(arguments)
    folder = RunFolder(given.run.absolute())
    try:
        folder.require()
        lease = folder.take_lease() if given.lease is None else given.lease
    except CrtuiError as error:
        parser.exit(2, f"supervisor: {error}\n")
    Supervisor(folder, lease, given.worker).run()


if __name__ == "__main__":
    main(sys.argv[1:])
