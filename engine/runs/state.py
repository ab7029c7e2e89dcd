"""What a run is doing, and which processes do it."""

from __future__ import annotations

import functools
import math
import os
import signal
import socket
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

MAX_INTEGER = 2**63 - 1
"""Largest integer of the store's files: what orjson, and every other reader of JSON, can be trusted with."""
_YEAR_9999 = 253_402_300_799.0
_DEAD_STATES = frozenset("ZXx")


class Status(StrEnum):
    """The words for what a run is doing."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    CRASHED = "crashed"

    @property
    def terminal(self) -> bool:
        """Whether nothing more will happen unless someone resumes the run."""
        return self not in (Status.QUEUED, Status.RUNNING)


def _finite_scores(scores: dict[str, float | None]) -> dict[str, float | None]:
    """JSON has no NaN: a score that is not finite is kept as ``None``."""
    return {name: score if score is not None and math.isfinite(score) else None for name, score in scores.items()}


Timestamp = Annotated[float, Field(ge=0, le=_YEAR_9999, allow_inf_nan=False)]
"""Seconds since 1970, UTC."""
Count = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
Scores = Annotated[dict[str, float | None], AfterValidator(_finite_scores)]


class ProcessIdentity(BaseModel):
    """Which process, beyond its reusable number.

    A pid alone names whatever process has it now; together with the machine's boot and the process's start time it
    names one process for ever.

    Attributes:
        host: name of the machine.
        boot_id: which boot of that machine.
        pid: process number.
        start_time: when it started: clock ticks after boot (Linux) or seconds since 1970 (elsewhere).
    """

    model_config = ConfigDict(frozen=True)

    host: str
    boot_id: str
    pid: int = Field(gt=0, lt=2**31)
    start_time: float = Field(allow_inf_nan=False)

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity:
        """The identity of a process of this machine.

        Raises:
            ProcessLookupError: there is no such process, or it is a zombie.
        """
        start_time = _start_time(pid)
        if start_time is None:
            raise ProcessLookupError(f"there is no live process {pid}")
        return cls(host=socket.gethostname(), boot_id=boot_id(), pid=pid, start_time=start_time)

    @classmethod
    def own(cls) -> ProcessIdentity:
        """The identity of the calling process."""
        return cls.of(os.getpid())

    @property
    def elsewhere(self) -> bool:
        """Whether the process belongs to another machine, so that nothing can be known of it from here."""
        return self.boot_id != boot_id() and self.host != socket.gethostname()

    @property
    def before_reboot(self) -> bool:
        """Whether this machine has been booted again since."""
        return self.boot_id != boot_id() and self.host == socket.gethostname()

    def alive(self) -> bool:
        """Whether this very process still runs here. A zombie does not."""
        return self.boot_id == boot_id() and _start_time(self.pid) == self.start_time

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal to this very process and no other.

        Returns:
            Whether it was there to receive it.
        """
        try:
            if not hasattr(os, "pidfd_open"):
                if self.alive():
                    os.kill(self.pid, number)
                    return True
                return False
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            # Asked after the descriptor is held: from here on it cannot come to mean another process.
            if not self.alive():
                return False
            signal.pidfd_send_signal(descriptor, number)
            return True
        except ProcessLookupError:
            return False
        finally:
            os.close(descriptor)

    def kill_group(self) -> None:
        """Send SIGKILL to every process of the group that this process leads, if it still runs."""
        if self.alive():
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                self.signal(signal.SIGKILL)


class Outcome(BaseModel):
    """How a worker says its work ended: ``outcome.json``, its last act."""

    status: Literal[Status.FINISHED, Status.STOPPED, Status.FAILED]
    reason: str | None = None
    traceback: str | None = None
    step: Count | None = None
    scores: Scores = Field(default_factory=dict)


class RunState(BaseModel):
    """What ``state.json`` holds.

    Attributes:
        status: what the run is doing.
        step: finished updates of the networks.
        total_steps: updates it was asked for.
        attempt: 1, and one more each time it is resumed.
        device: the device it got (``cpu``, ``cuda:1``); ``None`` before it got one.
        supervisor: the process that writes this file.
        worker: the process that trains.
        created: when the run was created.
        queued: when this attempt began to wait for its device.
        started: when this attempt's worker was started.
        ended: when this attempt ended, or when last heard of.
        heartbeat: when the supervisor last wrote.
        next_beat: by when it promised to write again.
        stop_grace: seconds the worker may take to stop, once someone has asked it to; ``None`` while nobody has.
        reason: why it ended, in one sentence.
        traceback: the last traceback of a run that failed.
        scores: final scores by name.
    """

    status: Status
    step: Count = 0
    total_steps: Count = 0
    attempt: int = Field(default=1, ge=1, le=MAX_INTEGER)
    device: str | None = None
    supervisor: ProcessIdentity | None = None
    worker: ProcessIdentity | None = None
    created: Timestamp
    queued: Timestamp | None = None
    started: Timestamp | None = None
    ended: Timestamp | None = None
    heartbeat: Timestamp | None = None
    next_beat: Timestamp | None = None
    stop_grace: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    reason: str | None = None
    traceback: str | None = None
    scores: Scores = Field(default_factory=dict)

    @property
    def stalled(self) -> bool:
        """Whether a promised heartbeat is overdue: worth showing, but no proof of anything."""
        return not self.status.terminal and self.next_beat is not None and time.time() > self.next_beat

    @property
    def updated(self) -> float:
        """When something last happened, in seconds since 1970."""
        return self.ended or self.heartbeat or self.queued or self.created

    @property
    def pid(self) -> int | None:
        """The process to look at: the worker of a running run, the supervisor of a queued one."""
        if self.status.terminal:
            return None
        identity = self.worker or self.supervisor
        return identity.pid if identity else None

    def ended_as(self, status: Status, reason: str | None = None, traceback: str | None = None) -> RunState:
        """This state after the attempt's end, dated by the last sign of life."""
        changes = {"status": status, "reason": reason, "traceback": traceback, "ended": self.heartbeat or time.time()}
        return self.model_copy(update=changes)

    def completed_from(self, outcome: Outcome) -> RunState:
        """This state after the end that the worker reported."""
        ended = self.ended_as(Status(outcome.status), outcome.reason, outcome.traceback)
        step = self.step if outcome.step is None else outcome.step
        return ended.model_copy(update={"step": step, "scores": self.scores | outcome.scores})


@functools.cache
def boot_id() -> str:
    """What tells this boot of the machine from every other."""
    if sys.platform == "linux":
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    import psutil

    return f"booted-{int(psutil.boot_time())}"


def _start_time(pid: int) -> float | None:
    """When the process started, ``None`` where it does not exist or is a zombie."""
    if sys.platform != "linux":
        return _start_time_by_psutil(pid)
    try:
        # proc(5): the command name, in parentheses, may itself hold spaces and parentheses.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].decode("ascii").split()
        state, start_time = fields[0], float(fields[19])
    except (OSError, IndexError):
        return None
    return None if state in _DEAD_STATES else start_time


def _start_time_by_psutil(pid: int) -> float | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.Error:
        return None
