"""What a supervisor in a Slurm job writes when Slurm ends the attempt."""

from __future__ import annotations

import signal
from types import SimpleNamespace
from typing import cast

import pytest

from engine.launch.slurm import start
from engine.launch.slurm_supervisor import SlurmSite, assign_to_job
from engine.launch.supervising.alarm import Alarm
from engine.launch.supervising.watched_run import WatchedRun
from engine.runs.catalogue import look_at
from engine.runs.state import RunState, Status
from engine.storage.store import Store

from .conftest import FakeSlurm, toy

NEAR_LIMIT = "its Slurm job came near its time limit"


def end_attempt(
    fake: FakeSlurm, store: Store, facts: str, step: int, *, requeue: str = "", warned: bool = False
) -> RunState:
    """Let Slurm end the first attempt of a run; the state that is written then.

    Args:
        facts: what scontrol shows of the job.
        step: how far the run got.
        requeue: what scontrol says when it refuses to put the job back.
        warned: whether the warning of the time limit came.
    """
    (record,) = start(store, [toy()])
    assign_to_job(record.folder, "100_0")
    scontrol = fake.programs / "scontrol"
    scontrol.write_text(
        f'#!/bin/sh\necho "$*" >> {fake.folder}/asked\n'
        f'case "$1" in show) echo "{facts}";; *) [ -z "{requeue}" ] || {{ echo "{requeue}" >&2; exit 1; }};; esac\n'
    )
    alarm = SimpleNamespace(terminated=False, received={signal.SIGUSR1} if warned else set())
    run = WatchedRun(record.folder, cast(Alarm, alarm))
    taken = {"status": Status.RUNNING, "stop_grace": 30.0, "preempted": True, "step": step}
    run.update(lambda state: state.model_copy(update=taken))
    with SlurmSite("100_0", restarts=0, first_step=0).ending(run) as follow:
        run.update(lambda state: follow(state.ended_as(Status.STOPPED, state.stop_reason)))
    return record.folder.state()


def asked(fake: FakeSlurm) -> list[str]:
    return (fake.folder / "asked").read_text().splitlines()[1:]


@pytest.mark.parametrize(
    ("facts", "warned", "reason", "orders"),
    [
        ("JobState=RUNNING Restarts=0 PreemptTime=None", True, NEAR_LIMIT, ["requeue 100_0"]),
        ("JobState=RUNNING PreemptTime=now", False, "its Slurm job was preempted or requeued", ["requeue 100_0"]),
        # Slurm has counted the restart, so it starts the job again by itself.
        ("JobState=COMPLETING Restarts=1", False, "its Slurm job was preempted or requeued", []),
    ],
)
def test_a_run_that_slurm_took_away_waits_again(
    fake: FakeSlurm, store: Store, facts: str, warned: bool, reason: str, orders: list[str]
) -> None:
    state = end_attempt(fake, store, facts, step=7, warned=warned)
    assert (state.status, state.attempt, state.retried, state.job) == (Status.QUEUED, 2, 0, "100_0")
    assert (state.history[-1].reason, state.step) == (reason, 7)
    assert asked(fake) == orders


def test_a_job_that_cannot_be_put_back_is_a_stopped_run(fake: FakeSlurm, store: Store) -> None:
    state = end_attempt(fake, store, "JobState=RUNNING", step=7, warned=True, requeue="Requested operation is disabled")
    assert (state.status, state.attempt, state.step) == (Status.STOPPED, 1, 7)
    assert "cannot be put back into the queue" in str(state.reason)
    assert "Requested operation is disabled" in str(state.reason)


@pytest.mark.parametrize(
    ("facts", "warned", "word"),
    [
        ("JobState=COMPLETING Reason=TimeLimit", False, "at its time limit"),
        ("JobState=COMPLETING", False, "was cancelled"),
        # An attempt without a single update would be repeated for ever.
        ("JobState=RUNNING", True, "raise slurm.time"),
    ],
)
def test_a_run_that_slurm_ended_for_good_has_stopped(
    fake: FakeSlurm, store: Store, facts: str, warned: bool, word: str
) -> None:
    state = end_attempt(fake, store, facts, step=0, warned=warned)
    assert (state.status, state.attempt) == (Status.STOPPED, 1)
    assert word in str(state.reason)
    assert asked(fake) == []


def test_a_job_whose_run_has_lost_its_specification_is_still_slurms(fake: FakeSlurm, store: Store) -> None:
    (record,) = start(store, [toy()])
    for path in (record.folder.spec_path, record.folder.path / ".spec.json.bak"):
        path.write_text("{")
    assert look_at(record.folder).status is Status.CRASHED
    assert record.folder.state().status is Status.QUEUED
