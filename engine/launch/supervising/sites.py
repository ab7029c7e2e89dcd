"""What depends on where a run is supervised: how it gets its device, and what follows an attempt."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from engine.errors import CrtuiError, StoreError, WorkError
from engine.launch import slots
from engine.launch.owners import Owner
from engine.launch.queueing import adopt_orphans, queue_is_paused
from engine.launch.slots import HeldSlots
from engine.launch.spawning import WORKER
from engine.launch.supervising.watched_run import WatchedRun
from engine.machine.processes import uptime
from engine.runs.run_folders import sweep
from engine.runs.state import RunState

Follow = Callable[[RunState], RunState]
"""Makes the state to be written of the state of an attempt that has ended."""


class Site(Protocol):
    """Where a run is supervised.

    Attributes:
        own_signals: signals that ask the run to stop here, besides SIGTERM, and that its worker must not get.
    """

    own_signals: Sequence[signal.Signals]

    def wait_for_device(self, run: WatchedRun, not_before: float) -> HeldSlots | None:
        """Wait until the run may start.

        Args:
            run: the run; it beats meanwhile.
            not_before: time of the monotonic clock before which it must not start.

        Returns:
            Its device, which is also in its state then; ``None`` if somebody asked it to stop before it got one.

        Raises:
            InputError: there is no such device here.
        """

    def ending(self, run: WatchedRun) -> AbstractContextManager[Follow]:
        """The end of an attempt, which is written within the block.

        What has to be found out is found out before the block, when the state is not locked yet; what has to be done
        about it is done after the block, when the end is on disk.
        """

    def look_after_others(self, run: WatchedRun) -> None:
        """See to other runs of the store that have nobody else."""


class MachineSite:
    """This machine: runs wait in line for its device slots, and put each other back into the queue.

    Args:
        worker: the command that trains, for runs that are put back.
    """

    own_signals: Sequence[signal.Signals] = ()

    def __init__(self, worker: Sequence[str] = WORKER) -> None:
        self._worker = worker
        self._born = uptime()

    def wait_for_device(self, run: WatchedRun, not_before: float) -> HeldSlots | None:
        """The slots of the run's device; ``None`` if it was asked to stop, or deleted, before there were any.

        Where the slots or the GPUs cannot be read it goes on waiting: the fault is this machine's, not the run's.
        """
        request = _planned(run)
        while run.grace() is None and not run.is_gone:
            # A run that is held back waits outside the line, so that it delays nobody. Its dates keep its place.
            request = request or _planned(run)
            if request is not None and not _held_back(run, not_before):
                held = None
                try:
                    held = _wait_in_line(run, request, not_before)
                except (CrtuiError, OSError) as error:
                    # Somebody deleted the slots or took them away, or the disk is full: that can be mended.
                    run.wait_because(str(error))
                if held is not None:
                    if run.take_device(held.device):
                        return held
                    held.close()
            if run.beat_is_due:
                run.beat()
            run.alarm.wait(run.pace.poll_seconds)
        return None

    def ending(self, run: WatchedRun) -> AbstractContextManager[Follow]:
        """Nothing follows an attempt but what its supervisor does."""
        return contextlib.nullcontext(lambda ended: ended)

    def look_after_others(self, run: WatchedRun) -> None:
        """Put runs back into the queue that lost their supervisor, and finish what was left half-deleted."""
        with contextlib.suppress(CrtuiError, OSError):
            sweep(run.folder.store)
            for folder in adopt_orphans(run.folder.store, self._born, self._worker):
                run.say_seldom(f"put run {folder.id}, which had lost its own, back into the queue")


def _planned(run: WatchedRun) -> slots.Request | None:
    """What the run needs of this machine; ``None`` while nobody knows which GPUs there are."""
    try:
        return slots.plan(run.summary.device, run.summary.threads, run.summary.per_gpu)
    except WorkError as error:
        run.wait_because(str(error))
        return None


def _wait_in_line(run: WatchedRun, request: slots.Request, not_before: float) -> HeldSlots | None:
    """The slots, or ``None`` as soon as there is a reason not to wait for them."""
    since = run.state.queued or run.state.created
    owner = Owner(run.folder.id, run.summary.name or "", str(run.folder.store.root))
    waiter = slots.Waiter(request, since, run.folder.id, run.state.priority, owner)
    with contextlib.closing(waiter):
        while run.grace() is None and not _held_back(run, not_before) and not run.is_gone:
            held = waiter.poll()
            if held is not None:
                return held
            run.wait_because(None)
            if run.beat_is_due:
                waiter.refresh()
                run.beat()
            run.alarm.wait(run.pace.poll_seconds)
    return None


def _held_back(run: WatchedRun, not_before: float) -> bool:
    run.reread()
    try:
        return run.state.paused or time.monotonic() < not_before or queue_is_paused(run.folder.store)
    except StoreError:
        # Nobody knows whether the queue is paused.
        return True
