"""The process that watches one run: ``python -m engine.launch.supervisor [--lease FD] RUN_DIR [-- WORKER...]``.

It waits for the run's device, starts the worker, and writes how far the run is. It stops the worker when it gets
SIGTERM, writes why the worker ended, and starts it again after a crash as often as the run's ``retries`` allow. It is
detached from the process that started it, and imports no torch, so that many supervisors can wait at little cost. If it
is killed, the worker goes on: :mod:`engine.runs.catalogue` finds out how the worker ended, and the supervisor of
another run puts the run back into the queue if it may be retried.

The worker writes to ``log.txt`` itself rather than through a pipe, which would break with the supervisor. A log that
grows too long is cut: its latest part is kept as ``log.1.txt``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.errors import CrtuiError, InputError, StoreError
from engine.launch.patience import patiently
from engine.launch.queueing import may_retry
from engine.launch.slots import HeldSlots
from engine.launch.spawning import WORKER
from engine.launch.supervising.alarm import Alarm, blocked_signals
from engine.launch.supervising.endings import MemoryKills, WorkerEnd, ending, said_outcome
from engine.launch.supervising.follower import FollowerProcess
from engine.launch.supervising.sites import MachineSite, Site
from engine.launch.supervising.watched_run import USUAL_PACE, Pace, WatchedRun
from engine.launch.supervising.worker_process import WorkerProcess
from engine.machine.cores import usable_cores, waiting_environment
from engine.machine.processes import ProcessIdentity
from engine.machine.programs import environment
from engine.runs.folder import RunFolder
from engine.runs.log import say
from engine.runs.state import RunState, Status
from engine.storage.descriptors import cause, open_regular, release
from engine.storage.files import replace_file

_LONGEST_RETRY_SECONDS = 300.0


class Supervisor:
    """Watches one run from its place in the queue to its end.

    Args:
        folder: the run; the caller has its lease.
        lease: descriptor of the run's lease, which the worker inherits.
        site: where this process is, and what depends on that.
        worker: the command that trains, without the run folder.
        pace: how often it does what.
    """

    def __init__(
        self, folder: RunFolder, lease: int, site: Site, worker: Sequence[str] = WORKER, pace: Pace = USUAL_PACE
    ) -> None:
        self._run = WatchedRun(folder, Alarm(site.own_signals), pace)
        self._lease = lease
        self._site = site
        self._command = worker
        self._pace = pace
        self._follower = FollowerProcess(folder)
        self._not_before = 0.0

    def run(self) -> None:
        """Watch the run to its end."""
        begun = {"supervisor": ProcessIdentity.own(), "status": Status.QUEUED, "ended": None, "reason": None}
        begun["place"] = str(self._run.folder.path)
        self._run.update(lambda state: state.model_copy(update=begun))
        try:
            # A store that refuses for a while is waited for. Once the worker runs, nothing here is refused any more.
            while patiently(self._try_once, self._run.wait):
                self._run.index()
        except CrtuiError as error:
            reason = str(error)
            self._end(lambda state: state.ended_as(Status.FAILED, reason))
        self._follower.ask_to_end()
        release(self._lease)
        self._site.look_after_others(self._run)
        self._follower.wait()

    def _try_once(self) -> bool:
        """Wait for the device and train to the end; whether to try again."""
        device = self._site.wait_for_device(self._run, self._not_before)
        if device is None:
            self._end(lambda state: state.ended_as(Status.STOPPED, state.stop_reason))
            return False
        with contextlib.closing(device):
            kills = MemoryKills.now()
            worker = self._start(device)
            overdue = self._watch(worker, device)
            end = WorkerEnd(worker.code, worker.usage, overdue, kills.suspicion())
        # Processes that it started and left behind would keep the device's slots.
        worker.kill_group()
        folder = self._run.folder
        try:
            outcome = patiently(lambda: said_outcome(folder), self._run.wait)
        except StoreError as error:
            outcome = InputError(str(error))
        return self._end(lambda state: ending(state, folder, end, outcome), retries=self._run.summary.retries)

    def _start(self, device: HeldSlots) -> WorkerProcess:
        folder = self._run.folder
        threads = min(self._run.summary.threads, usable_cores())
        # Set before the worker starts, because OpenMP reads them when PyTorch is loaded.
        variables = environment() | waiting_environment(os.environ) | dict(device.environment)
        variables |= {"OMP_NUM_THREADS": str(threads), "PYTHONUNBUFFERED": "1"}
        folder.forget_outcome()
        with blocked_signals(*self._site.own_signals):
            command = [*self._command, str(folder.path)]
            worker = WorkerProcess(command, (self._lease, *device.descriptors), variables)
        changes = {"status": Status.RUNNING, "worker": worker.identity, "started": time.time()}
        self._run.update(lambda state: state.model_copy(update=changes))
        self._run.index()
        self._follower.begin(self._run.summary.log)
        return worker

    def _watch(self, worker: WorkerProcess, device: HeldSlots) -> float | None:
        """Wait for the worker to end, and make it end once somebody has asked for that.

        Returns:
            After how many seconds of grace the worker was killed; ``None`` if it was not.
        """
        asked_at: float | None = None
        overdue: float | None = None
        while not worker.has_ended():
            now = time.monotonic()
            grace = self._run.grace()
            if grace is not None and asked_at is None:
                asked_at = now
                worker.ask_to_stop()
            if grace is not None and asked_at is not None and overdue is None and now - asked_at >= grace:
                overdue = grace
                worker.kill_group()
            if self._run.beat_is_due:
                if self._run.is_gone:
                    # Somebody has deleted the folder: nothing that the worker computes can be kept.
                    worker.kill_group()
                self._beat(device)
            self._run.alarm.wait(self._run.seconds_to_beat if asked_at is None else self._pace.poll_seconds)
        return overdue

    def _beat(self, device: HeldSlots) -> None:
        """Do what is due at every heartbeat while the worker trains."""
        device.refresh()
        self._run.beat()
        # Only supervisors whose run has a device do this: there are few of them, however long the queue is.
        if self._run.beats % self._pace.beats_per_round == 0:
            self._site.look_after_others(self._run)
        try:
            _shorten_log(self._run.folder.log_path, self._pace)
        except (OSError, CrtuiError) as error:
            self._run.say_seldom(f"log.txt is not shortened: {cause(error)}")

    def _end(self, change: Callable[[RunState], RunState], retries: int = 0) -> bool:
        """Write how the attempt ended or, if it crashed and may be retried, that the run waits again.

        Args:
            change: makes the state at the end of the attempt.
            retries: how often a run may be retried after crashes.

        Returns:
            Whether to try again.
        """
        tries_again = False
        with self._site.ending(self._run) as follow:

            def end_or_go_on(state: RunState) -> RunState:
                nonlocal tries_again
                ended = follow(change(state))
                tries_again = may_retry(ended, retries)
                return ended.next_attempt(time.time(), automatic=True) if tries_again else ended

            self._run.update(end_or_go_on)
            if tries_again:
                self._delay_retry(retries)
            self._run.index()
        return tries_again

    def _delay_retry(self, retries: int) -> None:
        """Set the time of the next attempt, later after each crash, and write it to the log."""
        state = self._run.state
        pause = min(self._pace.retry_seconds * 2 ** (state.retried - 1), _LONGEST_RETRY_SECONDS)
        self._not_before = time.monotonic() + pause
        say(
            f"supervisor: attempt {state.attempt - 1} crashed: {state.history[-1].reason}; "
            f"trying again in {pause:g} seconds ({state.retried} of {retries})"
        )


def _shorten_log(log: Path, pace: Pace) -> None:
    """Cut a log that has grown too long. The worker appends, so it goes on at the new end.

    Raises:
        OSError: there is none, or something else in its place.
        WorkError: the disk refused.
    """
    descriptor = open_regular(log, os.O_RDWR)
    try:
        size = os.fstat(descriptor).st_size
        if size > pace.longest_log:
            kept = os.pread(descriptor, pace.kept_log, max(0, size - pace.kept_log))
            replace_file(log.with_name("log.1.txt"), kept)
            os.ftruncate(descriptor, 0)
            say("supervisor: what was here before is in log.1.txt")
    finally:
        os.close(descriptor)


def main(arguments: Sequence[str], pace: Pace = USUAL_PACE) -> None:
    """Watch the run that the arguments name, to its end."""
    parser = argparse.ArgumentParser(prog="python -m engine.launch.supervisor", description="Watch one run.")
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument("--lease", type=int, help="inherited descriptor of the run's lease")
    parser.add_argument("worker", nargs="*", default=WORKER, help="command that trains; the run folder is added to it")
    given = parser.parse_args(arguments)
    folder = RunFolder(given.run.absolute())
    try:
        patiently(folder.require)
        os.umask(patiently(lambda: folder.store.umask))
        lease = patiently(folder.take_lease) if given.lease is None else given.lease
    except CrtuiError as error:
        parser.exit(2, f"supervisor: {error}\n")
    Supervisor(folder, lease, MachineSite(given.worker), given.worker, pace).run()


if __name__ == "__main__":
    main(sys.argv[1:])
