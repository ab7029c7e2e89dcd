"""Runs in a real Slurm of one node, which the tests start."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from safetensors.torch import load_file

from engine.errors import InputError
from engine.launch.slurm import resume, start, stop
from engine.runs.catalogue import list_runs, look_at
from engine.runs.events import last_step, read_events
from engine.runs.folder import RunFolder
from engine.runs.specification.resolving import resolve
from engine.runs.specification.slurm_settings import SlurmSettings
from engine.runs.specification.spec import RunSpec
from engine.runs.state import ASKED_TO_STOP, Status
from engine.storage.store import Store
from engine.training import checkpoints

from .cluster import Cluster
from .conftest import TOY_WORKER, toy, until

TWO_CORES = SlurmSettings(cpus=2, memory="1G")


def equal_runs(count: int) -> list[RunSpec]:
    """Specifications that differ in nothing but their names, so that their weights must not differ."""
    overrides = ["checkpoint_every=100", "score_every=0", "log_every=10", "slurm.cpus=2", "slurm.memory=1G"]
    overrides += ["batch_size=32"]
    flags = {"seed": 5, "threads": 1, "training.steps": 240, "launcher": "slurm", "device": "cpu"}
    (spec,) = resolve("infogan", overrides=overrides, flags=flags)
    return [spec.model_copy(update={"name": f"equal-{number}"}) for number in range(count)]


def weights(folder: RunFolder) -> dict[str, object]:
    newest = checkpoints.newest(folder.checkpoints, warn=pytest.fail)
    assert newest is not None
    assert newest.step == folder.state().total_steps
    return {name: tensor.numpy().tobytes() for name, tensor in load_file(newest.path / "weights.safetensors").items()}


def values(folder: RunFolder) -> str:
    """The toy worker's newest link."""
    return max(folder.checkpoints.glob("*.json")).read_text()


def at_gate(folder: RunFolder) -> bool:
    return (last_step(folder.events_path) or 0) >= 10


def taken_away(folder: RunFolder) -> bool:
    state = folder.state()
    return state.preempted or state.attempt > 1


def test_array_of_four_with_one_cancelled_and_one_preempted(slurm: Cluster, store: Store) -> None:
    folders = [record.folder for record in start(store, equal_runs(4))]
    jobs = {folder.id: str(look_at(folder).job) for folder in folders}
    assert len({job.partition("_")[0] for job in jobs.values()}) == 1
    until(lambda: all(last_step(folder.events_path) for folder in folders), "training of all four")
    # All eight cores are in use: this takes those of one run, whichever Slurm likes.
    slurm.call("sbatch", "--partition=high", "--cpus-per-task=2", "--mem=10", "--output=/dev/null", "--wrap=sleep 1")
    until(lambda: any(map(taken_away, folders)), "preemption")
    (preempted,) = filter(taken_away, folders)
    cancelled, *undisturbed = [folder for folder in folders if folder != preempted]
    slurm.call("scancel", jobs[cancelled.id])
    until(lambda: all(record.status.terminal for record in list_runs(store)), "the end of all four")

    ended = look_at(cancelled)
    assert (ended.status, ended.reason) == (Status.STOPPED, f"its Slurm job {jobs[cancelled.id]} was cancelled")
    assert 0 < ended.step < ended.total_steps
    assert [look_at(folder).status for folder in (preempted, *undisturbed)] == [Status.FINISHED] * 3
    (first,) = preempted.state().history
    assert (first.status, first.reason) == (Status.STOPPED, "its Slurm job was preempted or requeued")
    assert 0 < first.step < ended.total_steps
    # It went on where it was, as the same job, and became what the undisturbed runs are.
    assert look_at(preempted).job == jobs[preempted.id]
    assert [look_at(folder).attempt for folder in undisturbed] == [1, 1]
    assert weights(preempted) == weights(undisturbed[0]) == weights(undisturbed[1])
    assert {record.id: record.status for record in list_runs(store)}[preempted.id] is Status.FINISHED


def test_stop_and_resume(slurm: Cluster, store: Store, gate: Path) -> None:
    blocker = slurm.call("sbatch", "--parsable", "--cpus-per-task=6", "--output=/dev/null", "--wrap=sleep 600")
    running, waiting = start(store, [toy(slurm=TWO_CORES), toy(slurm=TWO_CORES)], TOY_WORKER)
    until(lambda: at_gate(running.folder), "the gate")
    assert look_at(running.folder).status is Status.RUNNING
    assert look_at(waiting.folder).status is Status.QUEUED
    with pytest.raises(InputError, match="is queued already"):
        resume(waiting, TOY_WORKER)
    never_started = stop(waiting)
    assert (never_started.status, never_started.reason) == (Status.STOPPED, ASKED_TO_STOP)
    assert never_started.folder.state().started is None
    stopped = stop(running)
    assert (stopped.status, stopped.reason) == (Status.STOPPED, ASKED_TO_STOP)
    assert stopped.step > 0
    assert stopped.folder.checkpoints.joinpath(f"{stopped.step:08d}.json").exists()
    with pytest.raises(InputError, match="nothing to stop"):
        stop(running)
    gate.touch()
    slurm.call("scancel", blocker)
    again = [resume(running, TOY_WORKER), resume(waiting, TOY_WORKER)]
    until(lambda: all(look_at(record.folder).status.terminal for record in again), "the end")
    assert [look_at(record.folder).status for record in again] == [Status.FINISHED] * 2
    assert values(running.folder) == values(waiting.folder)
    assert look_at(running.folder).attempt == 2
    with pytest.raises(InputError, match="has finished"):
        resume(running, TOY_WORKER)


def test_warning_of_the_time_limit_and_requeue_by_an_administrator(slurm: Cluster, store: Store, gate: Path) -> None:
    """Slurm's warning is the signal that ``--signal`` names, sent to the job's steps."""
    (record,) = start(store, [toy(slurm=TWO_CORES)], TOY_WORKER)
    until(lambda: at_gate(record.folder), "the gate")
    slurm.call("scancel", "--signal=USR1", str(record.job))
    until(lambda: record.folder.state().attempt == 2, "the second attempt")
    assert not look_at(record.folder).status.terminal
    assert record.folder.state().history[-1].reason == "its Slurm job came near its time limit"
    until(lambda: look_at(record.folder).status is Status.RUNNING and not at_gate_once_more(record.folder), "going on")
    gate.touch()
    until(lambda: look_at(record.folder).status.terminal, "the end")
    ended = look_at(record.folder)
    assert (ended.status, ended.job, ended.attempt) == (Status.FINISHED, record.job, 2)
    steps = [row["step"] for row in read_events(record.folder.events_path, kinds=["train"]).rows]
    assert steps == sorted(set(steps))


def at_gate_once_more(folder: RunFolder) -> bool:
    return folder.state().worker is None


def test_a_worker_that_slurm_takes_away_without_notice(slurm: Cluster, store: Store, gate: Path) -> None:
    """SIGKILL to the whole job, then the job put back: the folder still says running, Slurm says queued."""
    (record,) = start(store, [toy(slurm=TWO_CORES)], TOY_WORKER)
    until(lambda: at_gate(record.folder), "the gate")
    before = record.folder.state()
    assert before.supervisor
    assert before.worker
    for process in (before.supervisor, before.worker):
        os.kill(process.pid, signal.SIGKILL)
    until(lambda: look_at(record.folder).status.terminal, "the end")
    crashed = look_at(record.folder)
    assert crashed.status is Status.CRASHED
    assert "its Slurm job" in str(crashed.reason)
    assert "FAILED" in str(crashed.reason)
    gate.touch()
    slurm.call("scontrol", "requeue", str(record.job))
    until(lambda: look_at(record.folder).status is Status.FINISHED, "the end")
    assert look_at(record.folder).attempt == 2


def test_refusals_leave_nothing_behind(slurm: Cluster, store: Store) -> None:
    with pytest.raises(InputError, match="invalid partition specified: nowhere"):
        start(store, [toy(slurm=SlurmSettings(partition="nowhere"))], TOY_WORKER)
    assert list_runs(store) == []
    assert list(store.runs.iterdir()) == []


def test_gpus_come_from_slurm(slurm: Cluster, store: Store) -> None:
    worker = ("/bin/sh", "-c", 'echo "saw GPU $CUDA_VISIBLE_DEVICES of $SLURM_CPUS_PER_TASK cores"; false')
    settings = SlurmSettings(gres="gpu:1", cpus=3, memory="100M")
    (record,) = start(store, [toy(slurm=settings)], worker)
    until(lambda: look_at(record.folder).status.terminal, "the end")
    assert look_at(record.folder).status is Status.FAILED
    assert "saw GPU 0 of 3 cores" in record.folder.log_path.read_text()


def test_a_run_in_slurm_is_handed_over_to_its_last_row(slurm: Cluster, store: Store) -> None:
    """The process that does it is a child of the job step, which Slurm ends as soon as the supervisor does."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    overrides = ["score_every=0", "log_every=5", "batch_size=16", "slurm.cpus=1", "slurm.memory=1G"]
    flags = {"threads": 1, "training.steps": 20, "launcher": "slurm", "device": "cpu", "log": ["tensorboard"]}
    [record] = start(store, resolve("vae", preset="quick", overrides=overrides, flags=flags))
    until(lambda: not slurm.call("squeue", "--noheader"), "the end of the job")
    assert look_at(record.folder).status is Status.FINISHED
    [place] = (store.root / "tensorboard").iterdir()
    read = accumulator.EventAccumulator(str(place))
    read.Reload()
    assert [event.step for event in read.Scalars("train/loss")] == [5, 10, 15, 20]
