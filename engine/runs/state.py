"""What a run is doing, and which processes do it: the contents of ``state.json`` and ``outcome.json``."""

from __future__ import annotations

import math
import time
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from engine.machine.processes import ProcessIdentity, boot_id, uptime

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$"
"""The pattern of run ids, which are names of folders. Other folders of the store are no runs."""
MAX_INTEGER = 2**63 - 1
"""Largest integer in the store's files: orjson and other readers of JSON handle no larger ones."""
_YEAR_9999 = 253_402_300_799.0
MAX_PRIORITY = 1000
MAX_PER_GPU = 64
"""Most runs that may share one GPU."""
_MAX_HISTORY = 100
JOB_PATTERN = r"^[0-9]{1,12}_[0-9]{1,12}$"
ASKED_TO_STOP = "asked to stop"
PREEMPTED = "preempted: SIGTERM came from outside crtui (a shutdown, a logout or a scheduler)"


class Status(StrEnum):
    """What a run is doing."""

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
    """Scores that are not finite become ``None``, because JSON has no NaN."""
    return {name: score if score is not None and math.isfinite(score) else None for name, score in scores.items()}


Timestamp = Annotated[float, Field(ge=0, le=_YEAR_9999, allow_inf_nan=False)]
"""Seconds since 1970, UTC."""
Count = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
Scores = Annotated[dict[str, float | None], AfterValidator(_finite_scores)]
Priority = Annotated[int, Field(ge=-MAX_PRIORITY, le=MAX_PRIORITY)]
_Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Usage(BaseModel):
    """The time and memory that an attempt used.

    Attributes:
        wall_seconds: from the worker's start to its end, by a clock that cannot be changed.
        cpu_seconds: processor time of the worker and of the processes that it waited for, user and system.
        peak_resident_mib: the most resident memory of any one of its processes, in MiB.
        gpu_peak_mib: the most GPU memory of its tensors, in MiB; ``None`` without a GPU, or if the worker did not say.
    """

    wall_seconds: _Amount
    cpu_seconds: _Amount
    peak_resident_mib: _Amount
    gpu_peak_mib: _Amount | None = None


class Attempt(BaseModel):
    """An earlier attempt of a run. The attributes are those of :class:`RunState`."""

    attempt: int = Field(ge=1, le=MAX_INTEGER)
    status: Status
    reason: str | None = None
    step: Count = 0
    device: str | None = None
    started: Timestamp | None = None
    ended: Timestamp | None = None
    usage: Usage | None = None


class Outcome(BaseModel):
    """How the worker says its work ended. It writes this to ``outcome.json`` before it exits."""

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
        retried: how many attempts crtui has begun by itself since a person last started the run.
        history: the earlier attempts, oldest first; at most the latest hundred.
        priority: of runs that wait for the same device, those of higher priority get it first.
        paused: whether it is held back in the queue.
        device: the device it got (``cpu``, ``cuda:1``); ``None`` before it got one.
        precision: the number type of its hidden layers; ``None`` until an attempt has ended and said so.
        job: the Slurm job it runs as, ``<array>_<task>``; ``None`` without Slurm, and until it is submitted.
        supervisor: the process that writes this file.
        worker: the process that trains.
        place: the run's folder when the supervisor began, which tells whether it was moved since.
        created: when the run was created.
        queued: when this attempt began to wait for its device.
        started: when this attempt's worker was started.
        ended: when this attempt ended, or when it was last heard of.
        heartbeat: when the supervisor last wrote.
        next_beat: by when it promised to write again.
        next_beat_uptime: the same in seconds since the boot of its machine, which does not depend on the clock.
        stop_grace: seconds the worker may take to stop; ``None`` while nobody has asked it to stop.
        preempted: whether something other than crtui asked it to stop.
        usage: the time and memory that the attempt used, once it has ended.
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
    place: str | None = None
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
        """Whether a promised heartbeat is overdue. Worth showing, but it proves nothing."""
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
        """The process number to show: the worker's of a running run, the supervisor's of a queued one."""
        if self.status.terminal:
            return None
        identity = self.worker or self.supervisor
        return identity.pid if identity else None

    @property
    def stop_reason(self) -> str:
        """Why a run stopped that was asked to stop."""
        # crtui writes `stop_grace` before it signals; a SIGTERM without one came from outside.
        return PREEMPTED if self.preempted or self.stop_grace is None else ASKED_TO_STOP

    def next_attempt(self, now: float, *, automatic: bool) -> RunState:
        """The state of a run that has ended and is to be tried again.

        Args:
            now: seconds since 1970.
            automatic: whether crtui does this by itself, without a person asking.
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
            # An automatic attempt keeps its place in the queue. A person who resumes a run puts it at the end.
            queued=self.queued if automatic else now,
            job=self.job if automatic else None,
            supervisor=self.supervisor if automatic else None,
            scores=self.scores,
            precision=self.precision,
        )

    def ended_as(self, status: Status, reason: str | None = None, traceback: str | None = None) -> RunState:
        """This state after the attempt's end, dated by the last heartbeat."""
        changes = {"status": status, "reason": reason, "traceback": traceback, "ended": self.heartbeat or time.time()}
        return self.model_copy(update=changes)

    def completed_from(self, outcome: Outcome) -> RunState:
        """This state after the end that the worker reported."""
        reason = self.stop_reason if outcome.status is Status.STOPPED else outcome.reason
        ended = self.ended_as(Status(outcome.status), reason, outcome.traceback)
        step = self.step if outcome.step is None else outcome.step
        known = {"usage": outcome.usage or self.usage, "precision": outcome.precision or self.precision}
        return ended.model_copy(update={"step": step, "scores": self.scores | outcome.scores, **known})
