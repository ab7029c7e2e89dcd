"""Submitting, stopping and resuming, with programs that answer like Slurm's."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import orjson
import pytest

from engine.errors import InputError, WorkError
from engine.launch import launchers, local, queueing, slurm
from engine.launch.slurm import resume, start, stop
from engine.launch.slurm_supervisor import assign_to_job
from engine.machine.processes import ProcessIdentity
from engine.runs.catalogue import RunRecord, list_runs, look_at
from engine.runs.folder import RunFolder
from engine.runs.registry import Registry
from engine.runs.specification.resolving import resolve
from engine.runs.specification.slurm_settings import SlurmSettings
from engine.runs.state import ASKED_TO_STOP, Outcome, RunState, Status
from engine.storage.store import Store

from .conftest import FakeSlurm, toy

ELSEWHERE = ProcessIdentity(host="node7", boot_id="another", pid=os.getpid(), start_time=1.0)


def begin(record: RunRecord, heard_ago: float = 1.0, **changes: object) -> RunFolder:
    """Let a run look as if its job had begun on another machine."""
    now = time.time()
    running = {"status": Status.RUNNING, "supervisor": ELSEWHERE, "worker": ELSEWHERE, "started": now - 3600}
    heard = {"heartbeat": now - heard_ago, "next_beat": now - heard_ago + 15.0}
    record.folder.update_state(lambda state: state.model_copy(update=running | heard | changes))
    # Machines go by the time of the file, as their own clocks may differ.
    os.utime(record.folder.state_path, (now - heard_ago, now - heard_ago))
    return record.folder


def test_a_sweep_is_one_array_in_the_order_of_the_specifications(fake: FakeSlurm, store: Store) -> None:
    settings = SlurmSettings(
        partition="gpu", account="lab", gres="gpu:1", time="1-12", cpus=4, memory="16G", at_once=2,
        options=("--constraint=a100",),
    )  # fmt: skip
    records = start(store, [toy(name=f"run-{number}", slurm=settings) for number in range(3)])
    assert [record.job for record in records] == ["100_0", "100_1", "100_2"]
    assert {record.status for record in records} == {Status.QUEUED}
    wanted = {"--array=0-2%2", "--partition=gpu", "--account=lab", "--gres=gpu:1", "--time=1-12", "--mem=16G"}
    wanted |= {"--cpus-per-task=4", "--constraint=a100", "--requeue", "--signal=USR1@90"}
    assert wanted <= set(fake.options())
    assert f"runs=({' '.join(record.id for record in records)})" in fake.script()
    assert [row.job for row in Registry(store).rows()] == ["100_0", "100_1", "100_2"]


def test_what_was_not_given_is_left_to_slurm(fake: FakeSlurm, store: Store) -> None:
    start(store, [toy(threads=3)])
    named = {option.partition("=")[0] for option in fake.options()}
    assert not named & {"--partition", "--account", "--gres", "--time", "--mem"}
    assert "--cpus-per-task=3" in fake.options()


def test_the_script_starts_the_run_of_its_task_whatever_the_path(fake: FakeSlurm, tmp_path: Path) -> None:
    store = Store.open(tmp_path / "a store's $(touch here) folder")
    first, second = start(store, [toy(), toy()], ("worker", "with space"))
    srun = fake.programs / "srun"
    srun.write_text('#!/bin/sh\nfor word; do echo "<$word>"; done\numask\n')
    srun.chmod(0o700)
    environment = os.environ | {"SLURM_ARRAY_TASK_ID": "1"}
    subprocess.run(["bash"], input=fake.script().encode(), env=environment, check=True, cwd=tmp_path)
    written = second.folder.log_path.read_text()
    assert written.endswith(f"<{second.folder.path}>\n<-->\n<worker>\n<with space>\n0077\n")
    assert not first.folder.log_path.exists()
    assert not (tmp_path / "here").exists()


def test_runs_that_ask_for_different_things_are_different_arrays(fake: FakeSlurm, store: Store) -> None:
    small, large = SlurmSettings(memory="1G"), SlurmSettings(memory="9G")
    records = start(store, [toy(slurm=small), toy(slurm=large), toy(slurm=small)])
    assert [record.job for record in records] == ["100_0", "101_0", "100_1"]
    assert "--mem=9G" in fake.options(101)


def test_arrays_are_no_longer_than_the_cluster_allows(fake: FakeSlurm, store: Store) -> None:
    (fake.folder / "configuration").write_text("MaxArraySize            = 3\n")
    records = start(store, [toy() for _ in range(5)])
    assert [record.job for record in records] == ["100_0", "100_1", "101_0", "101_1", "102_0"]


@pytest.mark.parametrize("accepted", [0, 1])
def test_a_refusal_leaves_nothing_behind_and_says_what_slurm_says(fake: FakeSlurm, store: Store, accepted: int) -> None:
    fake.refuse(
        "sbatch: error: invalid partition specified: \x1b[2Jx\nsbatch: error: Batch job submission failed\n", accepted
    )
    with pytest.raises(InputError, match="sbatch refused: invalid partition specified: ") as caught:
        start(store, [toy(slurm=SlurmSettings(memory="1G")), toy()])
    assert str(caught.value).isprintable()
    assert list_runs(store) == []
    assert list(store.runs.iterdir()) == []
    assert fake.cancelled == ["100"] * accepted


def test_without_slurm_nothing_is_made(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="'sbatch' is not installed here"):
        start(store, [toy()])
    assert list(store.runs.iterdir()) == []


def test_a_controller_that_is_away_is_no_fault_of_the_input(fake: FakeSlurm, store: Store) -> None:
    fake.refuse("sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)\n")
    with pytest.raises(WorkError, match="cannot be reached"):
        start(store, [toy()])


def test_a_job_that_waits_is_cancelled(fake: FakeSlurm, store: Store) -> None:
    first, second = start(store, [toy(), toy()])
    stopped = stop(first)
    assert (stopped.status, stopped.reason) == (Status.STOPPED, ASKED_TO_STOP)
    assert fake.cancelled == ["--name=crtui 100_0"]
    assert look_at(second.folder).status is Status.QUEUED
    assert {row.id: row.status for row in Registry(store).rows()}[first.id] is Status.STOPPED


def test_a_job_that_runs_is_asked_first_and_killed_when_it_takes_too_long(fake: FakeSlurm, store: Store) -> None:
    (record,) = start(store, [toy()])
    folder = begin(record)
    fake.say("100_0|RUNNING")
    stopped = stop(record, grace_seconds=1.0)
    assert fake.cancelled == ["--signal=TERM --name=crtui 100_0", "--name=crtui 100_0"]
    assert (stopped.status, stopped.reason) == (Status.STOPPED, ASKED_TO_STOP)
    assert folder.state().stop_grace == 1.0


def test_a_job_of_another_user_is_left_alone(fake: FakeSlurm, store: Store) -> None:
    (record,) = start(store, [toy()])
    (fake.folder / "denied").touch()
    with pytest.raises(InputError, match="belongs to another user"):
        stop(record)
    assert record.folder.state().stop_grace is None
    assert look_at(record.folder).status is Status.QUEUED


def test_a_stopped_run_is_submitted_again(fake: FakeSlurm, store: Store) -> None:
    (record,) = start(store, [toy(slurm=SlurmSettings(partition="gpu"))])
    with pytest.raises(InputError, match="is queued already"):
        resume(record)
    stop(record)
    again = resume(record)
    assert (again.status, again.job, again.attempt) == (Status.QUEUED, "101_0", 2)
    assert "--partition=gpu" in fake.options(101)


def test_resuming_repairs_a_damaged_specification(fake: FakeSlurm, store: Store) -> None:
    (record,) = start(store, [toy(slurm=SlurmSettings(partition="gpu"))])
    stop(record)
    whole = record.folder.spec_path.read_bytes()
    record.folder.spec_path.write_bytes(whole[: len(whole) // 2])
    assert launchers.resume(record).job == "101_0"
    assert "--partition=gpu" in fake.options(101)
    assert record.folder.spec_path.read_bytes() == whole


def test_resuming_rebuilds_a_lost_state(fake: FakeSlurm, store: Store) -> None:
    (record,) = start(store, [toy(steps=30)])
    stop(record)
    record.folder.events_path.write_text('{"step": 7, "time": 1.0, "kind": "train", "attempt": 3}\n')
    record.folder.write_outcome(Outcome(status=Status.STOPPED, step=8))
    record.folder.state_path.write_text("{")
    again = resume(look_at(record.folder))
    state = record.folder.state()
    assert (again.status, again.job, again.attempt, state.step, state.total_steps) == (Status.QUEUED, "101_0", 4, 8, 30)
    assert (state.history[-1].status, state.history[-1].attempt) == (Status.STOPPED, 3)
    assert not record.folder.outcome_path.exists()


def test_a_finished_run_is_not_resumed_though_it_was_not_finished_when_asked(
    fake: FakeSlurm, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (record,) = start(store, [toy()])
    stop(record)
    record.folder.update_state(lambda state: state.model_copy(update={"status": Status.FINISHED}))
    monkeypatch.setattr(slurm, "require_resumable", lambda folder: None)
    with pytest.raises(InputError, match="has finished"):
        resume(record)
    assert (fake.arrays, record.folder.state().status) == (1, Status.FINISHED)


def test_a_run_that_slurm_does_not_take_again_stays_as_it_was(fake: FakeSlurm, store: Store) -> None:
    (record,) = start(store, [toy()])
    stop(record)
    before = record.folder.state_path.read_bytes()
    fake.refuse("sbatch: error: QOSMaxSubmitJobPerUserLimit\n")
    with pytest.raises(InputError, match="QOSMaxSubmitJobPerUserLimit"):
        resume(record)
    assert record.folder.state_path.read_bytes() == before


def test_settings_of_another_version_damage_nothing_but_the_resuming(fake: FakeSlurm, store: Store) -> None:
    (record,) = start(store, [toy()])
    stop(record)
    spec = orjson.loads(record.folder.spec_path.read_bytes())
    record.folder.spec_path.write_bytes(orjson.dumps(spec | {"slurm": {"nodes": 2}}))
    assert look_at(record.folder).status is Status.STOPPED
    with pytest.raises(InputError, match="no 'nodes'"):
        resume(record)
    assert look_at(record.folder).status is Status.STOPPED


def test_slurm_keeps_its_own_queue(fake: FakeSlurm, store: Store) -> None:
    (record,) = start(store, [toy()])
    with pytest.raises(InputError, match="scontrol hold 100_0"):
        queueing.pause(record)
    lost = {"status": Status.CRASHED, "supervisor": ProcessIdentity.own().model_copy(update={"pid": 2**30})}
    record.folder.update_state(lambda state: state.model_copy(update=lost))
    assert queueing.adopt_orphans(store, 0.0, ("false",)) == []


def test_verbs_go_where_the_run_is(fake: FakeSlurm, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    flags = {"launcher": "slurm", "training.steps": 5}
    specs = resolve("infogan", seeds=[0, 1], flags=flags)
    monkeypatch.setattr(local, "start", lambda *_: pytest.fail("started here"))
    first, second = launchers.start(store, specs)
    assert launchers.stop(first).status is Status.STOPPED
    assert launchers.resume(first).job == "101_0"
    with pytest.raises(InputError, match="stop it first"):
        launchers.remove(store, second)
    launchers.remove(store, second, force=True)
    assert [record.id for record in list_runs(store)] == [first.id]
    with pytest.raises(InputError, match="not both"):
        launchers.start(store, resolve("infogan", sweep=["launcher=local,slurm"]))


@pytest.mark.parametrize(
    ("found", "attempt"),
    [
        ({"status": Status.QUEUED}, 1),
        ({"status": Status.RUNNING}, 2),
        ({"status": Status.CRASHED}, 2),
        ({"status": Status.STOPPED, "stop_grace": 30.0, "preempted": True}, 2),
    ],
)
def test_a_job_that_is_started_again_goes_on(
    fake: FakeSlurm, store: Store, found: dict[str, object], attempt: int
) -> None:
    (record,) = start(store, [toy()])
    record.folder.update_state(lambda state: state.model_copy(update=found))
    assign_to_job(record.folder, "100_0")
    state = record.folder.state()
    assert (state.status, state.attempt, state.retried, state.job) == (Status.QUEUED, attempt, 0, "100_0")


@pytest.mark.parametrize(
    ("found", "job"),
    [
        ({"status": Status.FINISHED}, "100_0"),
        ({"status": Status.FAILED}, "100_0"),
        ({"status": Status.STOPPED, "stop_grace": 30.0}, "100_0"),
        ({"status": Status.QUEUED}, "99_0"),
    ],
)
def test_a_job_that_is_started_again_leaves_alone_what_is_not_to_go_on(
    fake: FakeSlurm, store: Store, found: dict[str, object], job: str
) -> None:
    (record,) = start(store, [toy()])
    record.folder.update_state(lambda state: state.model_copy(update=found))
    before = record.folder.state()
    with pytest.raises(InputError, match=f"job {job}|not to {job}"):
        assign_to_job(record.folder, job)
    assert record.folder.state() == before


def test_a_run_that_begins_before_its_job_is_known_keeps_its_own_word(fake: FakeSlurm, store: Store) -> None:
    (record,) = start(store, [toy()])
    record.folder.update_state(lambda state: RunState(status=Status.QUEUED, created=state.created))
    assign_to_job(record.folder, "100_0")
    assert record.folder.state().job == "100_0"
