"""The process that watches one run: ``python -m engine.launch.supervisor [--lease FD] RUN_DIR [-- WORKER...]``.

It waits for the run's device, starts the worker, says how far it is, stops it when asked to by SIGTERM, names the
reason why it ended, and starts it again after a crash as often as the run's ``retries`` allow. It is detached from
whoever started it and imports no torch, so that many can wait at little cost. If it is killed, the worker goes on,
:mod:`engine.runs.catalogue` finds out how it ended, and another run's supervisor sees to it that it is tried again.

The worker writes to ``log.txt`` itself rather than through a pipe, which would break with the supervisor. A log that
grows too long is cut: its latest part is kept as ``log.1.txt``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.cores import usable_cores, waiting_environment
from engine.errors import CrtuiError, InputError
from engine.launch import slots
from engine.launch.endings import MemoryKills, WorkerEnd, ending, tail
from engine.launch.log import say
from engine.launch.queueing import adopt_orphans, may_retry, queue_is_paused
from engine.launch.spawning import WORKER
from engine.launch.worker_process import WorkerProcess
from engine.runs.events import last_step
from engine.runs.folder import RunFolder
from engine.runs.rebuilding import rebuilt_state
from engine.runs.registry import Registry
from engine.runs.state import ProcessIdentity, RunState, Status, uptime
from engine.runs.store import replace_file

BEAT_SECONDS = 5.0
GRACE_SECONDS = 30.0
RETRY_SECONDS = 5.0
"""How long a run that crashed waits before it goes on by itself; twice as long after each further crash."""
_LONGEST_RETRY_SECONDS = 300.0
_PROMISE_SECONDS = 3 * BEAT_SECONDS
_BEATS_PER_ROUND = 6
"""After how many beats it looks after runs that lost their supervisor."""
_POLL_SECONDS = 0.25
_MAX_LOG_BYTES = 16 * 2**20
_KEPT_LOG_BYTES = 4 * 2**20


class Supervisor:
    """Watches one run from its place in the queue to its end.

    Args:
        folder: the run; the caller has its lease.
        lease: descriptor of the run's lease, which the worker inherits.
        worker: the command that trains, without the run folder.

    Raises:
        InputError: the specification is missing or damaged.
    """

    def __init__(self, folder: RunFolder, lease: int, worker: Sequence[str] = WORKER) -> None:
        self._folder = folder
        self._lease = lease
        self._command = worker
        self._registry = Registry(folder.store)
        self._state = rebuilt_state(folder, "its state is lost")
        self._seen: tuple[int, int] | None = None
        self._alarm = _Alarm()
        self._next_beat = 0.0
        self._beats = 0
        self._born = time.time()
        self._not_before = 0.0

    def run(self) -> None:
        """Do all of it."""
        begun = {"supervisor": ProcessIdentity.own(), "status": Status.QUEUED, "ended": None, "reason": None}
        self._update(lambda state: state.model_copy(update=begun))
        try:
            self._summary = self._folder.summary()
            while self._try_once():
                self._index()
        except CrtuiError as error:
            reason = str(error)
            self._end(lambda state: state.ended_as(Status.FAILED, reason))
        os.close(self._lease)
        self._look_after_others()

    def _try_once(self) -> bool:
        """Wait for the device and train to the end; whether to try again."""
        device = self._wait_for_device()
        if device is None:
            self._end(lambda state: state.ended_as(Status.STOPPED, state.stop_reason))
            return False
        with contextlib.closing(device):
            kills = MemoryKills.now()
            worker = self._start(device)
            overdue = self._watch(worker, device)
            end = WorkerEnd(worker.code, worker.usage, overdue, kills.suspicion())
        # What it started and left behind would keep its device leased.
        worker.kill_group()
        self._end(lambda state: ending(state, self._folder, end), may_go_on=True)
        return not self._state.status.terminal

    def _wait_for_device(self) -> slots.Lease | None:
        """The slots of the run's device, or ``None`` if it was asked to stop before there were any."""
        request = slots.plan(self._summary.device, self._summary.threads, self._summary.per_gpu)
        while self._grace() is None and self._folder.path.is_dir():
            # Held back, it stands in no line, so that it holds nobody up; its dates keep its place.
            if not self._held_back():
                lease = self._wait_in_line(request)
                if lease is not None and self._claim(lease):
                    return lease
            if self._beat_is_due():
                self._beat()
            self._alarm.wait(_POLL_SECONDS)
        return None

    def _wait_in_line(self, request: slots.Request) -> slots.Lease | None:
        """The slots, or ``None`` as soon as there is a reason not to wait for them."""
        since = self._state.queued or self._state.created
        waiter = slots.Waiter(request, since, self._folder.id, self._state.priority)
        with contextlib.closing(waiter):
            while self._grace() is None and not self._held_back() and self._folder.path.is_dir():
                lease = waiter.poll()
                if lease is not None:
                    return lease
                if self._beat_is_due():
                    waiter.refresh()
                    self._beat()
                self._alarm.wait(_POLL_SECONDS)
        return None

    def _held_back(self) -> bool:
        self._reread()
        return self._state.paused or time.monotonic() < self._not_before or queue_is_paused(self._folder.store)

    def _claim(self, lease: slots.Lease) -> bool:
        """Write down the device, unless someone has paused or stopped the run just before."""

        def claim(state: RunState) -> RunState:
            return state if state.paused else state.model_copy(update={"device": lease.device})

        self._update(claim)
        if self._state.paused:
            lease.close()
            return False
        return True

    def _start(self, device: slots.Lease) -> WorkerProcess:
        threads = min(self._summary.threads, usable_cores())
        # Before its first import: OpenMP reads them when PyTorch is loaded.
        environment = os.environ | waiting_environment(os.environ) | dict(device.environment)
        environment |= {"OMP_NUM_THREADS": str(threads), "PYTHONUNBUFFERED": "1"}
        self._folder.outcome_path.unlink(missing_ok=True)
        command = [*self._command, str(self._folder.path)]
        worker = WorkerProcess(command, (self._lease, *device.descriptors), environment)
        changes = {"status": Status.RUNNING, "worker": worker.identity, "started": time.time()}
        self._update(lambda state: state.model_copy(update=changes))
        self._index()
        return worker

    def _watch(self, worker: WorkerProcess, device: slots.Lease) -> float | None:
        """Wait for the worker to end, and see to it once someone has asked for that.

        Returns:
            After how many seconds of grace it was killed; ``None`` if it was not.
        """
        asked_at: float | None = None
        overdue: float | None = None
        while not worker.has_ended():
            now = time.monotonic()
            grace = self._grace()
            if grace is not None and asked_at is None:
                asked_at = now
                worker.ask_to_stop()
            if grace is not None and asked_at is not None and overdue is None and now - asked_at >= grace:
                overdue = grace
                worker.kill_group()
            if self._beat_is_due():
                if not self._folder.path.is_dir():
                    # Deleted by hand: nothing that it computes can be kept.
                    worker.kill_group()
                device.refresh()
                self._beat()
                _shorten_log(self._folder.log_path)
            self._alarm.wait(self._next_beat - now if asked_at is None else _POLL_SECONDS)
        return overdue

    def _grace(self) -> float | None:
        """Seconds that the worker may take to stop, by whoever asked last; ``None`` while nobody has asked."""
        if self._alarm.terminated:
            self._alarm.terminated = False

            # crtui writes first how patient it is. A machine that shuts down, or a scheduler, just sends the signal.
            def asked(state: RunState) -> RunState:
                by_others = {"stop_grace": GRACE_SECONDS, "preempted": True}
                return state.model_copy(update=by_others) if state.stop_grace is None else state

            self._update(asked)
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
        self._beats += 1
        # Only those that have a device: there are few of them, however long the queue is.
        if self._state.status is Status.RUNNING and self._beats % _BEATS_PER_ROUND == 0:
            self._look_after_others()

    def _look_after_others(self) -> None:
        with contextlib.suppress(OSError):
            for folder in adopt_orphans(self._folder.store, self._born, self._command):
                say(f"supervisor: put run {folder.id}, which had lost its own, back into the queue")

    def _reread(self) -> None:
        """Take note of what others have written into the state."""
        with contextlib.suppress(OSError, InputError):
            status = self._folder.state_path.stat()
            if (status.st_ino, status.st_mtime_ns) != self._seen:
                self._seen = (status.st_ino, status.st_mtime_ns)
                state = self._folder.state()
                self._state = self._state if state.status.terminal else state

    def _update(self, change: Callable[[RunState], RunState]) -> None:
        """Change the state with a heartbeat. A disk that refuses must not end a run that could go on."""
        now = time.time()
        self._next_beat = time.monotonic() + BEAT_SECONDS
        beat = {
            "heartbeat": now,
            "next_beat": now + _PROMISE_SECONDS,
            "next_beat_uptime": uptime() + _PROMISE_SECONDS,
        }

        def with_heartbeat(state: RunState) -> RunState:
            return change(state.model_copy(update=beat)).model_copy(update=beat)

        try:
            self._state = self._folder.update_state(with_heartbeat, fallback=self._state)
        except CrtuiError as error:
            self._state = with_heartbeat(self._state)
            say(f"supervisor: {error}")

    def _end(self, change: Callable[[RunState], RunState], *, may_go_on: bool = False) -> None:
        """Write how the attempt ended or, where it may go on by itself, that it waits again."""

        def end_or_go_on(state: RunState) -> RunState:
            ended = change(state)
            if may_go_on and may_retry(ended, self._summary.retries):
                return ended.next_attempt(time.time(), automatic=True)
            return ended

        self._update(end_or_go_on)
        if not self._state.status.terminal:
            self._prepare_next()
        self._index()

    def _prepare_next(self) -> None:
        """Say that, and when, a run that crashed is tried again."""
        pause = min(RETRY_SECONDS * 2 ** (self._state.retried - 1), _LONGEST_RETRY_SECONDS)
        self._not_before = time.monotonic() + pause
        say(
            f"supervisor: attempt {self._state.attempt - 1} crashed: {self._state.history[-1].reason}; "
            f"trying again in {pause:g} seconds ({self._state.retried} of {self._summary.retries})"
        )

    def _index(self) -> None:
        try:
            self._registry.update_runs([self._folder])
        except CrtuiError as error:
            say(f"supervisor: {error}")


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
        # It has no terminal to lose; the worker inherits this.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def wait(self, seconds: float) -> None:
        select.select([self._reading], [], [], max(0.0, seconds))
        with contextlib.suppress(BlockingIOError):
            os.read(self._reading, 4096)

    def _terminate(self, number: int, frame: object) -> None:
        self.terminated = True


def _shorten_log(log: Path) -> None:
    """Cut a log that has grown too long. The worker appends, so it goes on at the new end."""
    try:
        if log.stat().st_size > _MAX_LOG_BYTES:
            replace_file(log.with_name("log.1.txt"), tail(log, _KEPT_LOG_BYTES))
            os.truncate(log, 0)
            say("supervisor: what was here before is in log.1.txt")
    except (OSError, CrtuiError) as error:
        say(f"supervisor: {error}")


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
        os.umask(folder.store.umask)
        lease = folder.take_lease() if given.lease is None else given.lease
    except CrtuiError as error:
        parser.exit(2, f"supervisor: {error}\n")
    Supervisor(folder, lease, given.worker).run()


if __name__ == "__main__":
    main(sys.argv[1:])
