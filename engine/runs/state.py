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

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$"
"""What names of run folders look like; whatever else lies in the store is none."""
MAX_INTEGER = 2**63 - 1
"""Largest integer of the store's files: what orjson, and every other reader of JSON, can be trusted with."""
_YEAR_9999 = 253_402_300_799.0
_DEAD_STATES = frozenset("ZXx")
_SUSPENDED_STATES = frozenset("Tt")
MAX_PRIORITY = 1000
MAX_PER_GPU = 64
"""Most runs that may share one GPU."""
_MAX_HISTORY = 100
JOB_PATTERN = r"^[0-9]{1,12}_[0-9]{1,12}$"
ASKED_TO_STOP = "asked to stop"
PREEMPTED = "preempted: SIGTERM came from outside crtui (a shutdown, a logout or a scheduler)"


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
Priority = Annotated[int, Field(ge=-MAX_PRIORITY, le=MAX_PRIORITY)]
_Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


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

    def suspended(self) -> bool:
        """Whether this very process is there but stands still, by SIGSTOP or a debugger."""
        return self.alive() and _stat(self.pid)[0] in _SUSPENDED_STATES

    def kill_group(self) -> None:
        """Send SIGKILL to every process of the group that this process leads, if it still runs."""
        if self.alive():
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                self.signal(signal.SIGKILL)


class Usage(BaseModel):
    """What an attempt took of the machine.

    Attributes:
        wall_seconds: from the worker's start to its end, by a clock that nobody can set.
        cpu_seconds: processor time of the worker and of the processes that it waited for, user and system.
        peak_resident_mib: most memory that one of its processes had resident, in MiB.
        gpu_peak_mib: most GPU memory that its tensors took, in MiB; ``None`` without a GPU or if never said.
    """

    wall_seconds: _Amount
    cpu_seconds: _Amount
    peak_resident_mib: _Amount
    gpu_peak_mib: _Amount | None = None


class Attempt(BaseModel):
    """An attempt that ended, after which the run was tried again; the attributes are those of :class:`RunState`."""

    attempt: int = Field(ge=1, le=MAX_INTEGER)
    status: Status
    reason: str | None = None
    step: Count = 0
    device: str | None = None
    started: Timestamp | None = None
    ended: Timestamp | None = None
    usage: Usage | None = None


class Outcome(BaseModel):
    """How a worker says its work ended: ``outcome.json``, its last act."""

    status: Literal[Status.FINISHED, Status.STOPPED, Status.FAILED]
    reason: str | None = None
    traceback: str | None = None
    step: Count | None = None
    scores: Scores = Field(default_factory=dict)
    usage: Usage | None = None
    precision: str | None = None


class RunState(BaseModel):
    """What ``state.json`` holds.

    Attributes:
        status: what the run is doing.
        step: finished updates of the networks.
        total_steps: updates it was asked for.
        attempt: 1, and one more each time it is resumed.
        retried: how many of the attempts began by themselves since a person last started it.
        history: the earlier attempts, oldest first; of very many, the latest.
        priority: among the runs that wait for the same device, those of higher priority get it first.
        paused: whether it may not start for now, though its turn has come.
        device: the device it got (``cpu``, ``cuda:1``); ``None`` before it got one.
        precision: what its hidden layers computed in; ``None`` until an attempt has ended and said so.
        job: the Slurm job it runs as, ``<array>_<task>``; ``None`` without Slurm, and until it is submitted.
        supervisor: the process that writes this file.
        worker: the process that trains.
        created: when the run was created.
        queued: when this attempt began to wait for its device.
        started: when this attempt's worker was started.
        ended: when this attempt ended, or when last heard of.
        heartbeat: when the supervisor last wrote.
        next_beat: by when it promised to write again.
        next_beat_uptime: the same in seconds since the boot of its machine, which no change of the clock moves.
        stop_grace: seconds the worker may take to stop, once someone has asked it to; ``None`` while nobody has.
        preempted: whether the one who asked it to stop was not crtui.
        usage: what the attempt took of the machine, once it has ended.
        reason: why it ended, in one sentence.
        traceback: the last traceback of a run that failed.
        scores: final scores by name.
    """

    status: Status
    step: Count = 0
    total_steps: Count = 0
    attempt: int = Field(default=1, ge=1, le=MAX_INTEGER)
    retried: Count = 0
    history: list[Attempt] = Field(default_factory=list)
    priority: Priority = 0
    paused: bool = False
    device: str | None = None
    precision: str | None = None
    job: str | None = Field(default=None, pattern=JOB_PATTERN)
    supervisor: ProcessIdentity | None = None
    worker: ProcessIdentity | None = None
    created: Timestamp
    queued: Timestamp | None = None
    started: Timestamp | None = None
    ended: Timestamp | None = None
    heartbeat: Timestamp | None = None
    next_beat: Timestamp | None = None
    next_beat_uptime: _Amount | None = None
    stop_grace: _Amount | None = None
    preempted: bool = False
    usage: Usage | None = None
    reason: str | None = None
    traceback: str | None = None
    scores: Scores = Field(default_factory=dict)

    @property
    def stalled(self) -> bool:
        """Whether a promised heartbeat is overdue: worth showing, but no proof of anything."""
        if self.status.terminal or self.next_beat is None:
            return False
        if self.next_beat_uptime is not None and self.supervisor is not None and self.supervisor.boot_id == boot_id():
            return uptime() > self.next_beat_uptime
        return time.time() > self.next_beat

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

    @property
    def stop_reason(self) -> str:
        """Why a run stopped that was asked to."""
        # Whoever asks by crtui's means says first how patient it is.
        return PREEMPTED if self.preempted or self.stop_grace is None else ASKED_TO_STOP

    def next_attempt(self, now: float, *, automatic: bool) -> RunState:
        """The state of a run that has ended and is to be tried again.

        Args:
            now: seconds since 1970.
            automatic: whether nobody asked for it.
        """
        ended = Attempt.model_validate(self.model_dump(include=set(Attempt.model_fields)))
        return RunState(
            status=Status.QUEUED,
            step=self.step,
            total_steps=self.total_steps,
            attempt=self.attempt + 1,
            retried=self.retried + 1 if automatic else 0,
            history=[*self.history, ended][-_MAX_HISTORY:],
            priority=self.priority,
            created=self.created,
            # What goes on by itself keeps its place; what a person starts anew waits in line like everything else.
            queued=self.queued if automatic else now,
            job=self.job if automatic else None,
            supervisor=self.supervisor if automatic else None,
            scores=self.scores,
            precision=self.precision,
        )

    def ended_as(self, status: Status, reason: str | None = None, traceback: str | None = None) -> RunState:
        """This state after the attempt's end, dated by the last sign of life."""
        changes = {"status": status, "reason": reason, "traceback": traceback, "ended": self.heartbeat or time.time()}
        return self.model_copy(update=changes)

    def completed_from(self, outcome: Outcome) -> RunState:
        """This state after the end that the worker reported."""
        reason = self.stop_reason if outcome.status is Status.STOPPED else outcome.reason
        ended = self.ended_as(Status(outcome.status), reason, outcome.traceback)
        step = self.step if outcome.step is None else outcome.step
        known = {"usage": outcome.usage or self.usage, "precision": outcome.precision or self.precision}
        return ended.model_copy(update={"step": step, "scores": self.scores | outcome.scores, **known})


@functools.cache
def boot_id() -> str:
    """What tells this boot of the machine from every other."""
    if sys.platform == "linux":
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    import psutil

    return f"booted-{int(psutil.boot_time())}"


def resident_mib(maxrss: int) -> float:
    """Resident memory in MiB, of what getrusage(2) gives in kibibytes on Linux and in bytes on macOS."""
    return maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def uptime() -> float:
    """Seconds since this boot of the machine, which setting its clock does not change."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic()


def _start_time(pid: int) -> float | None:
    """When the process started, ``None`` where it does not exist or is a zombie."""
    if sys.platform != "linux":
        return _start_time_by_psutil(pid)
    state, start_time = _stat(pid)
    return None if state in _DEAD_STATES else start_time


def _stat(pid: int) -> tuple[str, float]:
    """State letter and start time of a process, as Linux gives them; one that does not exist is dead."""
    try:
        # proc(5): the command name, in parentheses, may itself hold spaces and parentheses.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].decode("ascii").split()
        return fields[0], float(fields[19])
    except (OSError, IndexError):
        return "X", 0.0


def _start_time_by_psutil(pid: int) -> float | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.Error:
        return None
