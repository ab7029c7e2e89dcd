"""Selections that are being computed: what was asked for, how far they are, and what is known so far.

Each has a folder ``selections/.jobs/<id>/`` with ``request.json``, ``state.json``, ``partial.json`` (the matrix as it
fills), ``log.txt`` and ``.lock``. The kernel frees the lock when the computing process ends. The id is made from the
request, so asking for the same again continues the same job. A job that ends well is deleted: its result is among the
selections. A job that failed, was cancelled or killed stays until it is continued or forgotten.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import orjson
from pydantic import BaseModel, Field, ValidationError

from engine.choosing.partial import PartialMatrix
from engine.choosing.request import SelectionRequest
from engine.errors import InputError, StoreError, WorkError
from engine.runs.state import Count, Timestamp
from engine.storage.descriptors import cause, folders_in, is_folder, is_there, open_file, remove_tree, unlink
from engine.storage.files import make_folders, read_file, replace_file
from engine.storage.locks import is_locked, try_lock_file
from engine.storage.store import Store

JobStatus = Literal["running", "cancelling", "failed", "cancelled", "killed"]
"""What a job is doing, or how it ended. A ``killed`` job could not say so itself: its process vanished."""
Origin = Literal["background", "terminal"]
"""Whether the job runs in a process of its own, or in somebody's ``crtui select``."""

_FOLDER = ".jobs"
_MAX_REQUEST_BYTES = 4 * 2**20
_MAX_STATE_BYTES = 64 * 1024
_MAX_PARTIAL_BYTES = 64 * 2**20
_CLAIM_PATIENCE_SECONDS = 2.0
_KEPT_SECONDS = 7 * 86_400.0


class JobState(BaseModel):
    """What the process of a job last wrote about itself.

    Attributes:
        status: ``running`` until the process writes how it ended.
        origin: where it runs.
        host: the machine.
        pid: the process on that machine.
        begun: when this attempt began.
        updated: its last heartbeat.
        phase: what it does, in words.
        phase_begun: when this phase began.
        done: parts of the phase that are done.
        total: parts that there are.
        message: why it ended early.
    """

    status: Literal["running", "failed", "cancelled"] = "running"
    origin: Origin
    host: str
    pid: int = Field(ge=0, lt=2**31)
    begun: Timestamp
    updated: Timestamp
    phase: str = "starting"
    phase_begun: Timestamp
    done: Count = 0
    total: Count = 0
    message: str = ""


@dataclass(frozen=True)
class SelectionJob:
    """A job as a reader finds it.

    Args:
        status: what the job wrote, corrected by whether its process is alive.
    """

    folder: JobFolder
    request: SelectionRequest
    state: JobState
    status: JobStatus

    @property
    def id(self) -> str:
        return self.folder.id

    @property
    def live(self) -> bool:
        """Whether its process still computes."""
        return self.status in ("running", "cancelling")

    def seconds_left(self, now: float) -> float | None:
        """Until its present phase ends, if that goes on like this; ``None`` when that cannot be told."""
        state = self.state
        if not (self.live and 0 < state.done <= state.total):
            return None
        left = (state.updated - state.phase_begun) * (state.total - state.done) / state.done
        return max(left - max(now - state.updated, 0.0), 0.0)


@dataclass(frozen=True)
class JobFolder:
    """The files of one job."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def log_path(self) -> Path:
        return self.path / "log.txt"

    def claim(self, patience: float = _CLAIM_PATIENCE_SECONDS) -> int:
        """Make the folder and become the process that computes this job.

        Returns:
            A descriptor. The claim is held as long as any copy of it is open.

        Raises:
            InputError: another process computes it.
            WorkError: the disk refused.
        """
        deadline = time.monotonic() + patience
        while (descriptor := self._try_lock()) is None:
            # A reader that tests the claim, or a process about to exit, holds it for a moment.
            if time.monotonic() > deadline:
                raise InputError("this very selection is being computed already; wait for it, or cancel it")
            time.sleep(0.02)
        return descriptor

    def _try_lock(self) -> int | None:
        # Made again at each try: the process that held the claim deletes the folder at its end.
        try:
            make_folders(self.path)
        except OSError as error:
            raise StoreError(f"{self.path} cannot be made: {cause(error)}") from error
        return try_lock_file(self._lock_path)

    def is_claimed(self) -> bool:
        """Whether a process computes it at present."""
        try:
            return is_locked(self._lock_path)
        except StoreError:
            return False

    def begin(self, request: SelectionRequest, state: JobState) -> None:
        """Write the files that a new attempt begins with. What an earlier attempt found is kept until there is more.

        Raises:
            WorkError: the disk refused.
        """
        with contextlib.suppress(OSError):
            unlink(self._cancel_path, missing_ok=True)
        replace_file(self.path / "request.json", request.model_dump_json().encode())
        self.write_state(state)

    def write_state(self, state: JobState) -> None:
        """Replace the state.

        Raises:
            WorkError: the disk refused.
        """
        replace_file(self.path / "state.json", orjson.dumps(state.model_dump()))

    def write_partial(self, partial: PartialMatrix) -> None:
        """Replace what is known of the matrix.

        Raises:
            WorkError: the disk refused.
        """
        rows = np.where(np.isfinite(partial.matrix), partial.matrix, np.nan).tolist()
        content = {"matrix": rows, "excluded": dict(partial.excluded)}
        # orjson writes NaN as null.
        replace_file(self.path / "partial.json", orjson.dumps(content))

    def request(self) -> SelectionRequest:
        """What was asked for.

        Raises:
            InputError: the file is not there, or damaged.
        """
        try:
            return SelectionRequest.model_validate_json(read_file(self.path / "request.json", _MAX_REQUEST_BYTES))
        except (FileNotFoundError, ValidationError) as error:
            raise InputError(f"selection job {self.id} is damaged or gone; start the selection anew") from error

    def look(self) -> SelectionJob | None:
        """The job as it is now; ``None`` for a folder that holds none, or a damaged one."""
        try:
            request = self.request()
            claimed = self.is_claimed()
            state = JobState.model_validate_json(read_file(self.path / "state.json", _MAX_STATE_BYTES))
        except (InputError, StoreError, OSError, ValidationError):
            return None
        status: JobStatus = state.status
        if claimed:
            status = "cancelling" if self.cancel_is_wanted() else "running"
        elif status == "running":
            status = "killed"
        return SelectionJob(self, request, state, status)

    def partial(self, size: int) -> PartialMatrix | None:
        """What is known of the matrix of ``size`` runs; ``None`` where there is no file, or a damaged one."""
        try:
            content = orjson.loads(read_file(self.path / "partial.json", _MAX_PARTIAL_BYTES))
            matrix = np.array(content["matrix"], dtype=np.float64).reshape(size, size)
            excluded = {str(run_id): str(reason) for run_id, reason in content["excluded"].items()}
        except (InputError, StoreError, OSError, KeyError, TypeError, ValueError, AttributeError):
            return None
        return PartialMatrix(matrix, excluded)

    def ask_to_cancel(self) -> None:
        """Ask its process to end, on whatever machine it runs. The process checks once a second.

        Raises:
            InputError: no process computes it.
            WorkError: the disk refused.
        """
        if not self.is_claimed():
            raise InputError("this selection is not being computed any more")
        try:
            os.close(open_file(self._cancel_path, os.O_WRONLY))
        except OSError as error:
            raise StoreError(f"{self._cancel_path} cannot be written: {cause(error)}") from error

    def cancel_is_wanted(self) -> bool:
        """Whether somebody asked it to end. A store that does not answer says nothing of the kind."""
        with contextlib.suppress(StoreError):
            return is_there(self._cancel_path)
        return False

    def remove(self) -> None:
        """Delete the folder. Only the process that holds the claim may do so."""
        with contextlib.suppress(OSError):
            remove_tree(self.path)

    @property
    def _lock_path(self) -> Path:
        return self.path / ".lock"

    @property
    def _cancel_path(self) -> Path:
        return self.path / "cancel"


def job_folder(store: Store, job_id: str) -> JobFolder:
    """The folder of a job, whether or not it exists."""
    return JobFolder(store.selections / _FOLDER / job_id)


def list_jobs(store: Store) -> list[SelectionJob]:
    """Every job that can be read, newest first."""
    jobs = [job for folder in _folders(store) if (job := folder.look()) is not None]
    return sorted(jobs, key=lambda job: (job.state.begun, job.id), reverse=True)


def cancel_job(store: Store, job_id: str) -> None:
    """Ask a job to end. What it has computed is kept: asking for the same selection again continues from there.

    Raises:
        InputError: no process computes it.
        WorkError: the disk refused.
    """
    job_folder(store, job_id).ask_to_cancel()


def forget_job(store: Store, job_id: str) -> None:
    """Delete the folder of a job that has ended. The cache keeps its pairs.

    Raises:
        InputError: it is being computed.
        WorkError: the disk refused.
    """
    folder = job_folder(store, job_id)
    if is_folder(folder.path):
        lock = folder.claim()
        folder.remove()
        os.close(lock)


def forget_old_jobs(store: Store) -> None:
    """Delete the folders of jobs that ended more than a week ago."""
    before = time.time() - _KEPT_SECONDS
    for job in list_jobs(store):
        if not job.live and job.state.updated < before:
            with contextlib.suppress(InputError, WorkError):
                forget_job(store, job.id)


def _folders(store: Store) -> Iterator[JobFolder]:
    names: Sequence[str] = ()
    with contextlib.suppress(OSError):
        names = folders_in(store.selections / _FOLDER)
    return (job_folder(store, name) for name in names if name.isalnum())
