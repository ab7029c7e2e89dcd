"""What Slurm says about jobs. Its own commands are asked, and no more often than its controller can bear.

The run folder comes first: Slurm is asked only about runs that have not said how they ended and have no live process
that can be seen from here. Slurm forgets jobs some minutes after their end (``MinJobAge``). After that, only ``sacct``
(if the cluster keeps accounts) and the run folder know more.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

from engine.errors import CrtuiError, InputError, WorkError
from engine.runs.state import Status

FRESH_SECONDS = 5.0
"""How old an answer may be. One answer serves all tasks of a job array."""
_PATIENCE_SECONDS = 20.0
_MAX_WORDS = 300
_WAITING = frozenset(
    ("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT")
)
_ACTIVE = frozenset(("RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "RESIZING", "SIGNALING", "STAGE_OUT"))
_NO_SUCH_JOB = "Invalid job id specified"
_OUT_OF_REACH = ("Unable to contact", "Socket timed out", "Connection refused", "Zero Bytes were transmitted", "fatal:")
_ENDINGS: Mapping[str, tuple[Status, str]] = {
    "CANCELLED": (Status.STOPPED, "its Slurm job {job} was cancelled"),
    "PREEMPTED": (Status.STOPPED, "its Slurm job {job} was preempted and not put back into the queue"),
    "TIMEOUT": (Status.STOPPED, "its Slurm job {job} was ended at its time limit; slurm.time gives it more"),
    "DEADLINE": (Status.STOPPED, "its Slurm job {job} was ended at its deadline"),
    "NODE_FAIL": (Status.CRASHED, "the node of its Slurm job {job} failed"),
    "BOOT_FAIL": (Status.CRASHED, "the node of its Slurm job {job} did not boot"),
    "OUT_OF_MEMORY": (
        Status.CRASHED,
        "out of memory: killed at the memory limit of its Slurm job {job}; slurm.memory gives it more",
    ),
}


@dataclass(frozen=True)
class SlurmJob:
    """One task of a job array, as Slurm describes it.

    Attributes:
        id: ``<array>_<task>``.
        state: Slurm's word for its state: ``PENDING``, ``RUNNING``, ``CANCELLED`` and so on.
    """

    id: str
    state: str

    @property
    def waits(self) -> bool:
        """Whether it waits in Slurm's queue, for the first time or again."""
        return self.state in _WAITING

    @property
    def has_ended(self) -> bool:
        """Whether it neither waits nor runs."""
        return self.state not in _WAITING | _ACTIVE

    def ending(self) -> tuple[Status, str]:
        """Status and reason of a run that ended with this job and did not say itself how."""
        status, words = _ENDINGS.get(
            self.state, (Status.CRASHED, "its Slurm job {job} ended ({state}) before it did; log.txt may say why")
        )
        return status, words.format(job=self.id, state=self.state)


_answers: dict[str, tuple[float, dict[str, SlurmJob] | CrtuiError]] = {}
_lock = Lock()


def look_up(job: str, max_age: float | None = None) -> SlurmJob | None:
    """What Slurm knows about a job; ``None`` once Slurm has forgotten it.

    Args:
        job: ``<array>_<task>``.
        max_age: how old the answer may be, in seconds; default: :data:`FRESH_SECONDS`.

    Raises:
        InputError: Slurm is not installed here.
        WorkError: Slurm does not answer.
    """
    array = job.partition("_")[0]
    # One question at a time: threads that wait for it get the same answer.
    with _lock:
        asked_at, answer = _answers.get(array, (-float("inf"), {}))
        if time.monotonic() - asked_at > (FRESH_SECONDS if max_age is None else max_age):
            try:
                answer = _ask(array)
            except CrtuiError as error:
                answer = error
            _answers[array] = (time.monotonic(), answer)
    if isinstance(answer, CrtuiError):
        raise answer
    return answer.get(job)


def require(command: str) -> str:
    """The path of one of Slurm's commands.

    Raises:
        InputError: it is not installed here.
    """
    program = shutil.which(command)
    if program is None:
        raise InputError(f"Slurm's command '{command}' is not installed here; go where it is, or use launcher local")
    return program


def call(*command: str, script: str | None = None, environment: Mapping[str, str] | None = None) -> str:
    """Run one of Slurm's commands.

    Args:
        command: its name and arguments; no shell sees them.
        script: its standard input.
        environment: its environment; default: that of this process.

    Returns:
        What it prints.

    Raises:
        InputError: it is not installed here, or refuses; then the message is Slurm's.
        WorkError: Slurm's controller does not answer.
    """
    program = require(command[0])
    try:
        answer = subprocess.run(
            [program, *command[1:]],
            input=(script or "").encode(),
            capture_output=True,
            timeout=_PATIENCE_SECONDS,
            env=os.environ if environment is None else environment,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise WorkError(f"Slurm's {command[0]} did not answer within {_PATIENCE_SECONDS:.0f} seconds") from error
    except OSError as error:
        raise WorkError(f"Slurm's {command[0]} cannot be started: {error.strerror}") from error
    if answer.returncode:
        words = _readable(answer.stderr.decode(errors="replace"), command[0])
        if any(sign in words for sign in _OUT_OF_REACH):
            raise WorkError(f"Slurm cannot be reached: {words}")
        raise InputError(f"Slurm's {command[0]} refused: {words}")
    return answer.stdout.decode(errors="replace")


def _ask(array: str) -> dict[str, SlurmJob]:
    try:
        printed = call("squeue", "--noheader", "--array", "--states=all", "--format=%F_%K|%T", f"--jobs={array}")
    except InputError as error:
        if _NO_SUCH_JOB not in str(error):
            raise
        printed = ""
    return _parse(printed) or _ask_accounting(array)


def _ask_accounting(array: str) -> dict[str, SlurmJob]:
    """What the accounts say about jobs that the controller has forgotten; nothing if the cluster keeps none."""
    try:
        fields = ("--noheader", "--allocations", "--parsable2", "--array", "--format=JobID,State")
        return _parse(call("sacct", *fields, f"--jobs={array}"))
    except CrtuiError:
        return {}


def _parse(printed: str) -> dict[str, SlurmJob]:
    jobs = {}
    for line in printed.splitlines():
        job, bar, state = line.strip().partition("|")
        if bar and state.strip():
            # Such as "CANCELLED by 1000" or "CANCELLED+".
            jobs[job] = SlurmJob(job, state.split()[0].rstrip("+"))
    return jobs


def _readable(text: str, command: str) -> str:
    """An error message of Slurm in one line, without control characters."""
    lines = (line.strip().removeprefix(f"{command}: ").removeprefix("error: ") for line in text.splitlines())
    words = "; ".join(dict.fromkeys(line for line in lines if line)) or "it did not say why"
    return "".join(character for character in words if character.isprintable())[:_MAX_WORDS]
