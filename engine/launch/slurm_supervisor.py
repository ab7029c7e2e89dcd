"""The process that watches one run inside a Slurm job: ``srun python -m engine.launch.slurm_supervisor RUN_DIR``.

It differs from the supervisor of a machine in three ways. Slurm gives it its device, so it waits for no slot. When
Slurm takes the node away, because of a preemption or because the job's time is nearly over, the worker writes a
checkpoint and the job goes back into Slurm's queue. And it does not look after other runs, because Slurm does.

What Slurm does was measured with version 22.05:

- A preempted job with a grace period gets SIGTERM while it is RUNNING and has a ``PreemptTime``. If it ends within the
  grace period, it counts as COMPLETED and does not come back.
- A preempted job without a grace period is COMPLETING, with one more of ``Restarts``, and comes back.
- A cancelled job is COMPLETING, without one more of ``Restarts``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from engine.errors import CrtuiError, InputError, StoreError
from engine.launch.slots import HeldSlots
from engine.launch.spawning import WORKER
from engine.launch.supervising.alarm import blocked_signals
from engine.launch.supervising.sites import Follow
from engine.launch.supervising.watched_run import WatchedRun
from engine.launch.supervisor import Supervisor
from engine.machine.gpus import visible_gpus
from engine.runs import slurm_jobs
from engine.runs.folder import RunFolder
from engine.runs.log import say
from engine.runs.state import RunState, Status
from engine.storage.descriptors import cause, open_file

REQUEUED = "its Slurm job was put back into the queue"
_WARNING = signal.SIGUSR1
"""What Slurm sends some time before a job's time limit."""
_FACT = re.compile(r"\b(JobState|Reason|Restarts|PreemptTime)=(\S+)")


class SlurmSite:
    """A Slurm job.

    Args:
        job: the job that this process is in, ``<array>_<task>``.
        restarts: how often Slurm has started it before.
        first_step: the run's step when this process began.
    """

    own_signals: Sequence[signal.Signals] = (_WARNING,)

    def __init__(self, job: str, restarts: int, first_step: int) -> None:
        self._job = job
        self._restarts = restarts
        self._first_step = first_step

    def wait_for_device(self, run: WatchedRun, not_before: float) -> HeldSlots | None:
        """The device that Slurm gave the job; ``None`` if the run was asked to stop before it could begin."""
        wanted = run.summary.device
        if wanted == "auto":
            wanted = "cuda:0" if _has_gpu() else "cpu"
        while run.grace() is None:
            delay = not_before - time.monotonic()
            if delay <= 0 and run.take_device(wanted):
                return HeldSlots(wanted)
            if run.beat_is_due:
                run.beat()
            run.alarm.wait(min(run.seconds_to_beat, delay))
        return None

    @contextlib.contextmanager
    def ending(self, run: WatchedRun) -> Iterator[Follow]:
        """If Slurm made the attempt end, let the run and its job wait again."""
        run.reread()
        # A person who stops a run through crtui writes `stop_grace` first; then Slurm is not asked.
        by_slurm = run.state.preempted or run.state.stop_grace is None
        # Asked before the state is locked and written: nobody may take a run for ended that goes on.
        facts = self._facts_of_job() if by_slurm else {}
        warned = _WARNING in run.alarm.received
        requeued_after: RunState | None = None

        def follow(ended: RunState) -> RunState:
            nonlocal requeued_after
            if ended.status is not Status.STOPPED or not facts:
                return ended
            after = self._after(ended, facts, warned)
            if not after.status.terminal:
                requeued_after = ended
                # It belongs to the attempt that has ended.
                # If the store refuses, the supervisor of the next attempt deletes it.
                with contextlib.suppress(StoreError):
                    run.folder.forget_outcome()
            return after

        yield follow
        if requeued_after is not None:
            say(f"supervisor: {REQUEUED} at step {run.state.step}")
            self._put_job_back(run, requeued_after, facts)

    def look_after_others(self, run: WatchedRun) -> None:
        """Slurm does that."""

    def _after(self, ended: RunState, facts: Mapping[str, str], warned: bool) -> RunState:
        """The state of a run that Slurm has stopped: ended, with the reason, or waiting again."""
        runs_on = facts.get("JobState") == "RUNNING"
        preempted = facts.get("PreemptTime", "None") != "None"
        if not (self._comes_back(facts) or (runs_on and (warned or preempted))):
            if runs_on:
                return ended
            word = "TIMEOUT" if facts.get("Reason") == "TimeLimit" else "CANCELLED"
            return ended.model_copy(update={"reason": slurm_jobs.SlurmJob(self._job, word).ending()[1]})
        if warned and not preempted and ended.step <= self._first_step:
            reason = "its time limit left no time for a single update before slurm.warning; raise slurm.time"
            return ended.model_copy(update={"reason": reason})
        near_limit = runs_on and not preempted
        return put_back(
            ended, "its Slurm job came near its time limit" if near_limit else "its Slurm job was preempted or requeued"
        )

    def _put_job_back(self, run: WatchedRun, stopped: RunState, facts: Mapping[str, str]) -> None:
        """Put the job of a run that waits again back into the queue, unless Slurm does that by itself.

        Args:
            run: the run.
            stopped: its state at the end of the attempt, which is written if Slurm refuses.
            facts: what Slurm says about the job.
        """
        try:
            if not self._comes_back(facts):
                _call_undisturbed("scontrol", "requeue", self._job)
        except CrtuiError as error:
            reason = f"{stopped.reason}, and its Slurm job cannot be put back into the queue: {error}"
            run.update(lambda state: stopped.model_copy(update={"reason": reason}))
            run.index()

    def _comes_back(self, facts: Mapping[str, str]) -> bool:
        """Whether Slurm starts the job again by itself: it has counted that restart already."""
        return int(facts.get("Restarts", "0")) > self._restarts

    def _facts_of_job(self) -> dict[str, str]:
        """What Slurm says about this job; nothing if it does not answer."""
        try:
            return dict(_FACT.findall(_call_undisturbed("scontrol", "show", "job", "--oneliner", self._job)))
        except CrtuiError as error:
            say(f"supervisor: {error}")
            return {}


def _has_gpu() -> bool:
    """Whether Slurm has given this job a GPU. GPUs of other jobs may be visible too.

    Raises:
        WorkError: ``nvidia-smi`` fails. The run ends with that: on the processor it would waste the job's time.
    """
    granted = ("SLURM_JOB_GPUS", "SLURM_STEP_GPUS", "CUDA_VISIBLE_DEVICES")
    return any(os.environ.get(name) for name in granted) and bool(visible_gpus())


def _call_undisturbed(*command: str) -> str:
    """Run one of Slurm's commands to its end, even while Slurm signals every process of this job."""
    with blocked_signals(signal.SIGTERM, _WARNING):
        return slurm_jobs.call(*command)


def put_back(state: RunState, why: str | None = None) -> RunState:
    """The state of a run whose attempt was cut short and whose job will be started again.

    Args:
        state: at the end of that attempt.
        why: the reason of that end; default: the one in ``state``.
    """
    ended = state.model_copy(update={"reason": why or state.reason})
    again = ended.next_attempt(time.time(), automatic=True)
    # The run did not crash, so this attempt does not count against its retries.
    return again.model_copy(update={"retried": state.retried, "supervisor": None})


def assign_to_job(folder: RunFolder, job: str) -> RunState:
    """Write down that a run belongs to this job, which Slurm may have started before.

    Returns:
        The run's state then: queued.

    Raises:
        InputError: the run belongs to another job, or has ended and must not go on.
        WorkError: the disk refused.
    """

    def assign(state: RunState) -> RunState:
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

    return folder.update_state(assign)


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
        state = assign_to_job(folder, job)
    except CrtuiError as error:
        parser.exit(2, f"supervisor: {error}\n")
    restarts = int(os.environ.get("SLURM_RESTART_COUNT", "0"))
    Supervisor(folder, lease, SlurmSite(job, restarts, state.step), given.worker).run()


def _write_to_log(folder: RunFolder) -> None:
    """Print into the run's log from now on; so will the worker. srun's own output ends with the job step."""
    try:
        log = open_file(folder.log_path, os.O_WRONLY | os.O_APPEND)
    except OSError as error:
        raise InputError(f"log.txt of run {folder.id} cannot be written: {cause(error)}") from error
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())
    os.close(log)


if __name__ == "__main__":
    main(sys.argv[1:])
