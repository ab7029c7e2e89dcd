"""The launcher of Slurm: runs are jobs, handled with Slurm's own commands.

A sweep is one job array. Each of its tasks is :mod:`engine.launch.slurm_supervisor`, which watches the same worker that
trains elsewhere, in the run folder that was made before the job was submitted. Submitting and computing nodes share
nothing but that folder, on a file system that all nodes see. So everything that reads run folders works as usual.
"""

from __future__ import annotations

import contextlib
import functools
import re
import shlex
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from engine.errors import CrtuiError, InputError, WorkError
from engine.launch.resuming import reopen, require_resumable
from engine.launch.spawning import WORKER
from engine.launch.stopping import GRACE_SECONDS, wait_until_stopped
from engine.machine.processes import ProcessIdentity
from engine.machine.programs import environment, program
from engine.runs import data_record, slurm_jobs
from engine.runs.catalogue import RunRecord, look_at
from engine.runs.folder import RunFolder
from engine.runs.registry import Registry
from engine.runs.run_folders import create_run_folders
from engine.runs.sightings import Sighting, by_heartbeat
from engine.runs.specification.slurm_settings import SlurmSettings, settings_from
from engine.runs.specification.summary import SpecSummary
from engine.runs.state import RunState
from engine.storage.descriptors import release
from engine.storage.store import Store

QUEUE: str | None = "Slurm's queue; use 'scontrol hold {job}' and 'release'"
_SUPERVISOR = program("engine.launch.slurm_supervisor")
_KILL_SECONDS = 60.0
"""How long Slurm may take to end a job that it was told to kill: ``KillWait`` (usually 30 seconds), and a reserve."""
_POLL_SECONDS = 0.5
_CLOCKS_APART_SECONDS = 60.0
"""How far the clocks of two machines may be apart."""
_ENDED_BY_SLURM = frozenset(("CANCELLED", "PREEMPTED", "TIMEOUT", "DEADLINE"))
_DEFAULT_ARRAY_SIZE = 1001
_ARRAY_SIZE = re.compile(r"^MaxArraySize\s*=\s*(\d+)", re.MULTILINE)
_JOB_NAME = "crtui"
_SUBMITTED = re.compile(r"(\d+)(;.*)?")
_SCRIPT = """\
#!/bin/bash
# Each task of the array is one run of crtui.
umask {umask:03o}
runs=({runs})
run={folder}/${{runs[$SLURM_ARRAY_TASK_ID]}}
exec >>"$run/log.txt" 2>&1
# Ignore TERM and USR1 until the supervisor's handlers are installed.
exec srun --ntasks=1 --cpus-per-task={cpus} --mpi=none --input=none \\
    sh -c 'trap "" TERM USR1; exec "$@"' crtui {supervisor} "$run" -- {worker}
"""


@dataclass(frozen=True)
class Demand:
    """What the tasks of one array have in common.

    Attributes:
        settings: what each task asks of Slurm.
        cpus: cores of each task.
    """

    settings: SlurmSettings
    cpus: int

    @classmethod
    def of(cls, summary: SpecSummary) -> Demand:
        """What a run asks for.

        Raises:
            InputError: its settings are not valid in this version of crtui.
        """
        settings = settings_from(summary.slurm or {})
        return cls(settings, settings.cpus or summary.threads)

    def options(self) -> list[str]:
        """The options of sbatch."""
        named = {
            "cpus-per-task": self.cpus,
            "partition": self.settings.partition,
            "account": self.settings.account,
            "gres": self.settings.gres,
            "time": self.settings.time,
            "mem": self.settings.memory,
            # Sent to the supervisor, which is a job step, not to the script.
            "signal": f"USR1@{self.settings.warning}",
        }
        given = [f"--{name}={value}" for name, value in named.items() if value is not None]
        return [*given, *self.settings.options]


def start(store: Store, specs: Sequence[BaseModel], worker: Sequence[str] = WORKER) -> list[RunRecord]:
    """Submit runs to Slurm. Runs that ask for the same share a job array, as far as the cluster allows its length.

    Args:
        store: where, on a file system that the nodes see under the same path.
        specs: one resolved specification per run.
        worker: the command that trains, without the run folder.

    Returns:
        One record per specification, in the same order.

    Raises:
        InputError: Slurm is not installed here or refuses, or the registry is damaged; nothing is left behind.
        WorkError: Slurm does not answer, or the disk refused; likewise.
    """
    registry = Registry(store)
    registry.rows()
    slurm_jobs.require("sbatch")
    longest = longest_array()
    made = create_run_folders(store, specs)
    folders = [folder for folder, _ in made]
    submitted: list[str] = []
    try:
        _keep_until_submitted(made)
        data_record.expect(folders)
        registry.add_runs(folders)
        for demand, members in _batches(folders, longest):
            array = _submit_runs(store, demand, members, worker)
            submitted.append(array)
    except BaseException:
        for array in submitted:
            with contextlib.suppress(CrtuiError):
                slurm_jobs.call("scancel", array)
        for folder in folders:
            with contextlib.suppress(CrtuiError):
                folder.delete()
                registry.remove_run(folder.id)
        raise
    registry.update_runs(folders)
    return [look_at(folder) for folder in folders]


def submit(store: Store, demand: Demand, tasks: int, script: str, output: str) -> str:
    """Submit a job array.

    Args:
        store: whose folder the tasks start in.
        demand: what each task asks for.
        tasks: how many tasks.
        script: what each task runs.
        output: where Slurm writes what each task prints.

    Returns:
        The id of the array.

    Raises:
        InputError: Slurm is not installed here or refuses.
        WorkError: Slurm does not answer.
    """
    at_once = f"%{demand.settings.at_once}" if demand.settings.at_once else ""
    ours = (
        "--parsable",
        f"--array=0-{tasks - 1}{at_once}",
        f"--job-name={_JOB_NAME}",
        f"--output={output}",
        "--ntasks=1",
        f"--chdir={store.root}",
    )
    answer = slurm_jobs.call(
        *("sbatch", *ours, "--requeue", "--export=ALL", *demand.options()),
        script=script,
        environment=_environment(),
    )
    match = _SUBMITTED.fullmatch(answer.strip())
    if match is None:
        raise WorkError(f"Slurm's sbatch did not say which job it made, but {answer.strip()[:80]!r}")
    return match[1]


def stop(record: RunRecord, grace_seconds: float = GRACE_SECONDS) -> RunRecord:
    """Stop a run that is queued or running, and wait until it has stopped.

    A job that waits is cancelled. The worker of one that runs is asked first.

    Args:
        record: the run.
        grace_seconds: how long the worker may take before it is killed.

    Returns:
        The run as it is then.

    Raises:
        InputError: the run has ended already or belongs to another user, or Slurm is not installed here.
        WorkError: its job does not end, or the disk refused.
    """
    sent: set[str] = set()

    def urge(present: RunRecord, waited: float) -> None:
        if present.job is not None:
            _urge(present.job, overdue=waited > grace_seconds, sent=sent)

    return wait_until_stopped(record.folder, urge, grace_seconds, patience=2 * _KILL_SECONDS, poll=_POLL_SECONDS)


def resume(record: RunRecord, worker: Sequence[str] = WORKER) -> RunRecord:
    """Submit a run that stopped, failed or crashed again; it continues from its newest checkpoint.

    Args:
        record: the run.
        worker: the command that trains, without the run folder.

    Returns:
        The run as it is then.

    Raises:
        InputError: the run is missing, still active, or finished; its specification is damaged; or Slurm refuses. The
            run stays as it was.
        WorkError: Slurm does not answer, or the disk refused; likewise.
    """
    folder = record.folder
    require_resumable(folder)
    before: list[RunState] = []

    def next_state(state: RunState) -> RunState:
        before.append(state)
        again = state.next_attempt(time.time(), automatic=False)
        return again.model_copy(update={"supervisor": ProcessIdentity.own()})

    registry = Registry(folder.store)
    registry.distrust([folder])
    # The job takes the lease.
    release(reopen(folder, next_state))
    try:
        _submit_runs(folder.store, Demand.of(folder.summary()), [folder], worker)
    except BaseException:
        folder.write_state(before[-1])
        raise
    folder.forget_outcome()
    # The job is submitted. Lists look into the folder until the registry is right.
    with contextlib.suppress(CrtuiError):
        registry.update_runs([folder])
    return look_at(folder)


def look(folder: RunFolder, state: RunState) -> Sighting:
    """What Slurm says about a run's job. If Slurm cannot be asked, the run counts as alive."""
    if state.job is None:
        # Not submitted yet: the process that submits it is its supervisor so far.
        return by_heartbeat(folder, state)
    try:
        job = slurm_jobs.look_up(state.job)
    except CrtuiError:
        return Sighting(alive=True)
    if job is None:
        heard = state.next_beat is not None and time.time() < state.next_beat + _CLOCKS_APART_SECONDS
        return Sighting(
            heard, reason=f"its Slurm job {state.job} is gone and Slurm has forgotten why; log.txt may know"
        )
    if not job.has_ended:
        return Sighting(alive=True, waits=job.waits)
    status, reason = job.ending()
    return Sighting(alive=False, status=status, reason=reason, by_scheduler=job.state in _ENDED_BY_SLURM)


def _keep_until_submitted(made: Sequence[tuple[RunFolder, int]]) -> None:
    """Name this process as the supervisor of new runs until they are submitted; give their leases back for the jobs."""
    try:
        for folder, _ in made:
            folder.update_state(lambda state: state.model_copy(update={"supervisor": ProcessIdentity.own()}))
    finally:
        for _, lease in made:
            release(lease)


def _batches(folders: Sequence[RunFolder], longest: int) -> Iterator[tuple[Demand, list[RunFolder]]]:
    """The runs of each array."""
    groups: dict[Demand, list[RunFolder]] = {}
    for folder in folders:
        groups.setdefault(Demand.of(folder.summary()), []).append(folder)
    for demand, members in groups.items():
        for first in range(0, len(members), longest):
            yield demand, members[first : first + longest]


def _submit_runs(store: Store, demand: Demand, folders: Sequence[RunFolder], worker: Sequence[str]) -> str:
    """Submit one array, and write each run's job into its state; return the array's id."""
    script = _SCRIPT.format(
        umask=store.umask,
        runs=" ".join(folder.id for folder in folders),
        folder=shlex.quote(str(store.runs)),
        cpus=demand.cpus,
        supervisor=shlex.join(_SUPERVISOR),
        worker=shlex.join(worker),
    )
    array = submit(store, demand, len(folders), script, "/dev/null")
    for task, folder in enumerate(folders):
        folder.update_state(functools.partial(_handed_over, job=f"{array}_{task}"))
    return array


def _handed_over(state: RunState, job: str) -> RunState:
    """The state of a run whose job was submitted. If the job has begun already, it has written that itself."""
    if state.job is not None:
        return state
    supervisor = None if state.supervisor == ProcessIdentity.own() else state.supervisor
    return state.model_copy(update={"job": job, "supervisor": supervisor})


def _environment() -> dict[str, str]:
    """This process's environment, without the variables of a Slurm job that this process may itself run in."""
    return {
        name: value for name, value in environment().items() if name == "SLURM_CONF" or not name.startswith("SLURM_")
    }


def _urge(job_id: str, *, overdue: bool, sent: set[str]) -> None:
    """Ask a job to end, or kill it if it waits or takes too long. ``sent`` remembers what was done: each only once."""
    job = slurm_jobs.look_up(job_id, _POLL_SECONDS)
    if job is None or job.has_ended:
        return
    way = "kill" if job.waits or overdue else "ask"
    if way not in sent:
        sent.add(way)
        # A plain scancel kills soon after its SIGTERM; how long the worker may take is for us to say.
        graceful = () if way == "kill" else ("--signal=TERM",)
        # A state may name any job. Only those that crtui submitted are its to end.
        try:
            slurm_jobs.call("scancel", *graceful, f"--name={_JOB_NAME}", job_id)
        except InputError as error:
            if "denied" in str(error):
                raise PermissionError(str(error)) from error
            # Otherwise the job has just ended by itself.


def longest_array() -> int:
    """How many tasks the cluster allows in one job array.

    Raises:
        InputError: Slurm is not installed here.
        WorkError: Slurm does not answer.
    """
    found = _ARRAY_SIZE.search(slurm_jobs.call("scontrol", "show", "config"))
    return max(1, int(found[1]) - 1 if found else _DEFAULT_ARRAY_SIZE - 1)
