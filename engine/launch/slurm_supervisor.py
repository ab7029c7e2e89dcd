"""The process that watches one run inside a job: ``srun python -m engine.launch.slurm_supervisor RUN_DIR``.

It is the supervisor, but for three things. Slurm gives it its device, so it waits for no slot. When Slurm takes the
node away, by preemption or because the job's time is nearly over, the worker writes a checkpoint, and the supervisor
sees to it that the job goes back into Slurm's queue. And it looks after no other runs: those of a cluster are Slurm's.

What comes when was measured with Slurm 22.05. A preempted job with a grace period gets SIGTERM while it is RUNNING and
has a ``PreemptTime``; if it ends within the period it counts as COMPLETED and stays away. One without a grace period is
COMPLETING, with one more of ``Restarts``, and comes back. A cancelled job is COMPLETING without that.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from engine.errors import CrtuiError, InputError
from engine.launch import slots
from engine.launch.gpus import visible_gpus
from engine.launch.log import say
from engine.launch.spawning import WORKER
from engine.launch.supervisor import Supervisor
from engine.launch.worker_process import WorkerProcess
from engine.runs import slurm_jobs
from engine.runs.folder import RunFolder
from engine.runs.state import RunState, Status
from engine.storage import open_file

REQUEUED = "its Slurm job was put back into the queue"
_FACT = re.compile(r"\b(JobState|Reason|Restarts|PreemptTime)=(\S+)")


class SlurmSupervisor(Supervisor):
    """Watches one run for as long as its job lasts.

    Args:
        folder: the run; the caller has its lease.
        lease: descriptor of the run's lease, which the worker inherits.
        job: the job that this process is, ``<array>_<task>``.
        restarts: how often Slurm has started it before.
        worker: the command that trains, without the run folder.
    """

    def __init__(self, folder: RunFolder, lease: int, job: str, restarts: int, worker: Sequence[str] = WORKER) -> None:
        super().__init__(folder, lease, worker)
        self._job = job
        self._restarts = restarts
        self._warned = False
        self._goes_back = False
        self._first_step = folder.state().step
        signal.signal(signal.SIGUSR1, self._warn)

    def _warn(self, number: int, frame: object) -> None:
        self._warned = True
        self._alarm.terminated = True

    def _try_once(self) -> bool:
        return super()._try_once() and not self._goes_back

    def _wait_for_device(self) -> slots.Lease | None:
        wanted = self._summary.device
        if wanted == "auto":
            wanted = "cuda:0" if _has_gpu() else "cpu"
        device = slots.Lease(wanted, (), (), {})
        while self._grace() is None:
            if time.monotonic() >= self._not_before and self._claim(device):
                return device
            if self._beat_is_due():
                self._beat()
            self._alarm.wait(min(self._next_beat, self._not_before) - time.monotonic())
        return None

    def _start(self, device: slots.Lease) -> WorkerProcess:
        # The warning would kill the worker.
        with _kept_from_children(signal.SIGUSR1):
            return super()._start(device)

    def _end(self, change: Callable[[RunState], RunState], *, may_go_on: bool = False) -> None:
        self._reread()
        # Whoever stops it by crtui's means says so first. Slurm is asked before the state is locked and written: nobody
        # may take a run for ended that goes on.
        by_slurm = self._state.preempted or self._state.stop_grace is None
        facts = self._facts_of_job() if by_slurm else {}
        stopped: list[RunState] = []

        def end_or_go_back(state: RunState) -> RunState:
            ended = change(state)
            if ended.status is not Status.STOPPED or not facts:
                return ended
            after = self._after(ended, facts)
            if not after.status.terminal:
                stopped.append(ended)
                # It is the last attempt's.
                self._folder.outcome_path.unlink(missing_ok=True)
            return after

        super()._end(end_or_go_back, may_go_on=may_go_on)
        if stopped:
            self._put_job_back(stopped[-1], facts)

    def _after(self, ended: RunState, facts: Mapping[str, str]) -> RunState:
        """The state of a run that Slurm has stopped: why, or that it waits again."""
        runs_on, preempted = _runs_on(facts), _is_preempted(facts)
        if not (self._comes_back(facts) or (runs_on and (self._warned or preempted))):
            if runs_on:
                return ended
            word = "TIMEOUT" if facts.get("Reason") == "TimeLimit" else "CANCELLED"
            return ended.model_copy(update={"reason": slurm_jobs.Job(self._job, word).ending()[1]})
        if self._warned and not preempted and ended.step <= self._first_step:
            reason = "its time limit left no time for a single update before slurm.warning; raise slurm.time"
            return ended.model_copy(update={"reason": reason})
        near_limit = runs_on and not preempted
        self._goes_back = True
        return put_back(
            ended, "its Slurm job came near its time limit" if near_limit else "its Slurm job was preempted or requeued"
        )

    def _put_job_back(self, stopped: RunState, facts: Mapping[str, str]) -> None:
        """Let the job of a run that waits again wait again too, where Slurm does not see to that by itself."""
        try:
            if not self._comes_back(facts):
                _undisturbed("scontrol", "requeue", self._job)
        except CrtuiError as error:
            reason = f"{stopped.reason}, and its Slurm job cannot be put back into the queue: {error}"
            self._goes_back = False
            self._update(lambda state: stopped.model_copy(update={"reason": reason}))
            self._index()

    def _prepare_next(self) -> None:
        if self._goes_back:
            say(f"supervisor: {REQUEUED} at step {self._state.step}")
        else:
            super()._prepare_next()

    def _comes_back(self, facts: Mapping[str, str]) -> bool:
        """Whether Slurm puts the job back by itself: it has counted that already."""
        return int(facts.get("Restarts", "0")) > self._restarts

    def _facts_of_job(self) -> dict[str, str]:
        """What Slurm says about this job; nothing where it does not answer."""
        try:
            return dict(_FACT.findall(_undisturbed("scontrol", "show", "job", "--oneliner", self._job)))
        except CrtuiError as error:
            say(f"supervisor: {error}")
            return {}

    def _look_after_others(self) -> None:
        """They are Slurm's."""


def _runs_on(facts: Mapping[str, str]) -> bool:
    return facts.get("JobState") == "RUNNING"


def _is_preempted(facts: Mapping[str, str]) -> bool:
    return facts.get("PreemptTime", "None") != "None"


def _has_gpu() -> bool:
    """Whether Slurm has given this job a GPU: on nodes that fence none off, those of others can be seen."""
    granted = ("SLURM_JOB_GPUS", "SLURM_STEP_GPUS", "CUDA_VISIBLE_DEVICES")
    return any(os.environ.get(name) for name in granted) and bool(visible_gpus())


@contextlib.contextmanager
def _kept_from_children(*signals: signal.Signals) -> Iterator[None]:
    """Block signals, for this process for as long as the block lasts, for those that it starts there for ever.

    Slurm signals every process of a job step, not the one that it started alone.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)


def _undisturbed(*command: str) -> str:
    """Run one of Slurm's commands to its end, while Slurm ends this job."""
    with _kept_from_children(signal.SIGTERM, signal.SIGUSR1):
        return slurm_jobs.call(*command)


def put_back(state: RunState, why: str | None = None) -> RunState:
    """The state of a run whose attempt was cut short and whose job will be started again.

    Args:
        state: at the end of that attempt.
        why: the reason of that end; default: the one that the state has.
    """
    ended = state.model_copy(update={"reason": why or state.reason})
    again = ended.next_attempt(time.time(), automatic=True)
    # It did not crash: what it may be retried after crashes is still whole.
    return again.model_copy(update={"retried": state.retried, "supervisor": None})


def claim(folder: RunFolder, job: str) -> None:
    """Make a run this job's, which Slurm may have started before.

    Raises:
        InputError: it is another job's, or has ended and was not to go on.
        WorkError: the disk refused.
    """

    def take(state: RunState) -> RunState:
        if state.job not in (None, job):
            raise InputError(f"run {folder.id} belongs to Slurm job {state.job}, not to {job}")
        stopped_by_a_person = state.stop_grace is not None and not state.preempted
        if state.status in (Status.FINISHED, Status.FAILED) or (state.status.terminal and stopped_by_a_person):
            raise InputError(f"run {folder.id} is {state.status}; job {job} has nothing to do")
        if state.status is Status.RUNNING:
            state = state.ended_as(Status.STOPPED, REQUEUED)
        if state.status.terminal:
            state = put_back(state)
        return state.model_copy(update={"job": job})

    folder.update_state(take)


def main(arguments: Sequence[str]) -> None:
    """Watch the run that the arguments name, for as long as its job lasts."""
    parser = argparse.ArgumentParser(
        prog="python -m engine.launch.slurm_supervisor", description="Watch one run in a Slurm job."
    )
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument("worker", nargs="*", default=WORKER, help="command that trains; the run folder is added to it")
    given = parser.parse_args(arguments)
    folder = RunFolder(given.run.absolute())
    task = os.environ.get("SLURM_ARRAY_TASK_ID")
    if task is None:
        parser.exit(2, "supervisor: this is no task of a Slurm job array; use 'crtui train --launcher slurm'\n")
    job = f"{os.environ['SLURM_ARRAY_JOB_ID']}_{task}"
    try:
        folder.require()
        os.umask(folder.store.umask)
        _write_to_log(folder)
        lease = folder.take_lease()
        claim(folder, job)
    except CrtuiError as error:
        parser.exit(2, f"supervisor: {error}\n")
    restarts = int(os.environ.get("SLURM_RESTART_COUNT", "0"))
    SlurmSupervisor(folder, lease, job, restarts, given.worker).run()


def _write_to_log(folder: RunFolder) -> None:
    """Write straight into the log, and so will the worker, rather than through srun, which is gone when a step ends."""
    try:
        log = open_file(folder.log_path, os.O_WRONLY | os.O_APPEND)
    except OSError as error:
        raise InputError(f"log.txt of run {folder.id} cannot be written: {error.strerror}") from error
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())
    os.close(log)


if __name__ == "__main__":
    main(sys.argv[1:])
