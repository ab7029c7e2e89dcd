"""A run as its supervisor sees it: its state on disk, the heartbeat, and whether somebody wants it to stop."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from engine.errors import CrtuiError, InputError, StoreError
from engine.launch.patience import patiently
from engine.launch.stopping import GRACE_SECONDS
from engine.launch.supervising.alarm import Alarm
from engine.machine.processes import uptime
from engine.runs.events import last_step
from engine.runs.folder import RunFolder
from engine.runs.log import Seldom
from engine.runs.rebuilding import rebuilt_state
from engine.runs.registry import Registry
from engine.runs.specification.summary import SpecSummary
from engine.runs.state import RunState
from engine.storage.descriptors import is_there, status


@dataclass(frozen=True)
class Pace:
    """The times and sizes by which a supervisor works.

    Attributes:
        beat_seconds: between two heartbeats.
        promise_seconds: a run that has not been heard of for so long counts as stalled.
        poll_seconds: between two looks at what nobody reports, such as free slots.
        retry_seconds: how long a run that crashed waits before it is tried again; twice as long after each further
            crash.
        beats_per_round: after how many heartbeats a supervisor looks after runs that lost theirs.
        longest_log: bytes from which on a log is cut.
        kept_log: bytes that are kept of it.
    """

    beat_seconds: float = 5.0
    promise_seconds: float = 15.0
    poll_seconds: float = 0.25
    retry_seconds: float = 5.0
    beats_per_round: int = 6
    longest_log: int = 16 * 2**20
    kept_log: int = 4 * 2**20


USUAL_PACE = Pace()


class WatchedRun:
    """Keeps the state of a run on disk while its supervisor lives.

    Args:
        folder: the run; the caller has its lease.
        alarm: notes signals that ask to stop.
        pace: how often it writes.

    Attributes:
        folder: the run.
        alarm: as given.
        pace: as given.
        state: what was last written or read.
        beats: how many heartbeats there were.
    """

    def __init__(self, folder: RunFolder, alarm: Alarm, pace: Pace = USUAL_PACE) -> None:
        self.folder = folder
        self.alarm = alarm
        self.pace = pace
        self.state = patiently(lambda: rebuilt_state(folder, "its state is lost"))
        self.beats = 0
        self._registry = Registry(folder.store)
        self._seen: tuple[int, int] | None = None
        self._next_beat = 0.0
        self._log = Seldom()

    @cached_property
    def summary(self) -> SpecSummary:
        """What the run asks for.

        Raises:
            InputError: the specification is missing or damaged.
            StoreError: it cannot be read just now.
        """
        try:
            return self.folder.summary()
        except InputError:
            runs = self.folder.path.parent
            if is_there(runs):
                raise
            raise StoreError(f"{runs} is not there at present") from None

    @property
    def is_gone(self) -> bool:
        """Whether somebody has deleted its folder. A store that does not answer has not."""
        with contextlib.suppress(StoreError):
            return self.folder.is_gone()
        return False

    @property
    def seconds_to_beat(self) -> float:
        """Seconds until the next heartbeat is due; negative if it is overdue."""
        return self._next_beat - time.monotonic()

    @property
    def beat_is_due(self) -> bool:
        """Whether the next heartbeat is due."""
        return self.seconds_to_beat <= 0

    def wait(self, seconds: float) -> None:
        """Wait for so many seconds, or until a signal comes."""
        self.alarm.wait(seconds)

    def say_seldom(self, text: str) -> None:
        """Write a line to the log, unless the same was written this hour."""
        self._log.say(f"supervisor: {text}")

    def beat(self) -> None:
        """Write that the run is alive and how far it is."""
        step = last_step(self.folder.events_path)
        believed_ended = False

        def beat(state: RunState) -> RunState:
            nonlocal believed_ended
            believed_ended = state.status.terminal
            # Whoever wrote that the run has ended was wrong: it lives.
            present = self.state if believed_ended else state
            return present.model_copy(update={"step": max(step or 0, present.step)})

        self.update(beat)
        if believed_ended:
            self.index()
        self.beats += 1

    def grace(self) -> float | None:
        """Seconds that the worker may take to stop, by the last request; ``None`` while nobody has asked."""
        if self.alarm.terminated:
            self.alarm.terminated = False

            # crtui writes `stop_grace` before it signals; a SIGTERM without one came from outside, such as a shutdown.
            def asked(state: RunState) -> RunState:
                from_outside = {"stop_grace": GRACE_SECONDS, "preempted": True}
                return state.model_copy(update=from_outside) if state.stop_grace is None else state

            self.update(asked)
        return self.state.stop_grace

    def take_device(self, device: str) -> bool:
        """Write down the run's device, unless somebody has just paused the run; whether it was written."""

        def with_device(state: RunState) -> RunState:
            return state if state.paused else state.model_copy(update={"device": device, "reason": None})

        self.update(with_device)
        return not self.state.paused

    def wait_because(self, reason: str | None) -> None:
        """Write what the run waits for besides its turn, unless that is known."""
        if reason != self.state.reason:
            self.say_seldom(reason or "it waits for a slot again")
            self.update(lambda state: state.model_copy(update={"reason": reason}))

    def reread(self) -> None:
        """Take over what others have written into the state."""
        with contextlib.suppress(InputError, StoreError):
            found = status(self.folder.state_path)
            if found is not None and (found.st_ino, found.st_mtime_ns) != self._seen:
                state = self.folder.state()
                self._seen = (found.st_ino, found.st_mtime_ns)
                self.state = self.state if state.status.terminal else state

    def update(self, change: Callable[[RunState], RunState]) -> None:
        """Change the state, with a heartbeat. If the disk refuses, the change is only remembered, and the run goes on.

        Args:
            change: makes the new state of the present one; called again if the disk refuses.
        """
        now = time.time()
        promise = self.pace.promise_seconds
        self._next_beat = time.monotonic() + self.pace.beat_seconds
        beat = {"heartbeat": now, "next_beat": now + promise, "next_beat_uptime": uptime() + promise}

        def with_heartbeat(state: RunState) -> RunState:
            return change(state.model_copy(update=beat)).model_copy(update=beat)

        try:
            self.state = self.folder.update_state(with_heartbeat, fallback=self.state)
        except CrtuiError as error:
            self.state = with_heartbeat(self.state)
            self.say_seldom(str(error))

    def index(self) -> None:
        """Bring the run's row in the registry up to date. If the registry refuses, the log says so."""
        try:
            self._registry.update_runs([self.folder])
        except CrtuiError as error:
            self.say_seldom(str(error))
