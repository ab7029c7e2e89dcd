"""What a run is said to do, by its folder and by what Slurm says of its job."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from engine.errors import InputError
from engine.launch.slurm import start
from engine.runs import slurm_jobs
from engine.runs.catalogue import list_runs, look_at
from engine.runs.specification.resolving import resolve
from engine.runs.specification.slurm_settings import SlurmSettings, seconds_of
from engine.runs.state import Outcome, Status
from engine.storage.store import Store

from .conftest import FakeSlurm, toy
from .test_slurm_launcher import begin

HOURS = 6 * 3600.0


@pytest.mark.parametrize("state", ["PENDING", "CONFIGURING", "REQUEUE_HOLD", "RUNNING"])
def test_a_run_that_has_not_begun_is_queued(fake: FakeSlurm, store: Store, state: str) -> None:
    (record,) = start(store, [toy()])
    fake.say(f"100_0|{state}")
    assert look_at(record.folder).status is Status.QUEUED


@pytest.mark.parametrize("state", ["RUNNING", "COMPLETING", "SUSPENDED"])
def test_a_run_of_another_machine_lives_as_long_as_its_job(fake: FakeSlurm, store: Store, state: str) -> None:
    (record,) = start(store, [toy()])
    folder = begin(record, heard_ago=HOURS)
    fake.say(f"100_0|{state}")
    seen = look_at(folder)
    assert (seen.status, seen.stalled) == (Status.RUNNING, True)


@pytest.mark.parametrize(
    ("state", "status", "word"),
    [
        ("CANCELLED", Status.STOPPED, "was cancelled"),
        ("PREEMPTED", Status.STOPPED, "preempted and not put back"),
        ("TIMEOUT", Status.STOPPED, "time limit"),
        ("DEADLINE", Status.STOPPED, "deadline"),
        ("NODE_FAIL", Status.CRASHED, "node of its Slurm job 100_0 failed"),
        ("BOOT_FAIL", Status.CRASHED, "did not boot"),
        ("OUT_OF_MEMORY", Status.CRASHED, "out of memory"),
        ("FAILED", Status.CRASHED, "ended (FAILED) before it did"),
        ("COMPLETED", Status.CRASHED, "ended (COMPLETED) before it did"),
    ],
)
def test_a_job_that_ended_without_a_word_of_the_run(
    fake: FakeSlurm, store: Store, state: str, status: Status, word: str
) -> None:
    records = start(store, [toy(), toy()])
    begun = begin(records[0])
    fake.say(f"100_0|{state}", "100_1|PENDING")
    seen = look_at(begun)
    assert seen.status is status
    assert word in str(seen.reason)
    assert begun.state().status is status
    listed = {record.id: record.status for record in list_runs(store)}
    assert listed == {records[0].id: status, records[1].id: Status.QUEUED}


def test_the_word_of_the_run_comes_before_that_of_slurm(fake: FakeSlurm, store: Store) -> None:
    (record,) = start(store, [toy()])
    folder = begin(record)
    folder.write_outcome(Outcome(status=Status.FINISHED, step=40, scores={"factor_vae": 0.5}))
    fake.say("100_0|NODE_FAIL")
    seen = look_at(folder)
    assert (seen.status, seen.step, seen.reason) == (Status.FINISHED, 40, None)


def test_a_job_put_back_while_the_folder_says_running_is_queued(fake: FakeSlurm, store: Store) -> None:
    (record,) = start(store, [toy()])
    folder = begin(record)
    fake.say("100_0|PENDING")
    seen = look_at(folder)
    assert (seen.status, seen.pid, seen.stalled) == (Status.QUEUED, None, False)
    # Only its next supervisor knows when the attempt is over.
    assert folder.state().status is Status.RUNNING


def test_of_a_forgotten_job_the_folder_decides(fake: FakeSlurm, store: Store) -> None:
    never_begun, silent, heard = start(store, [toy(), toy(), toy()])
    begin(silent, heard_ago=HOURS)
    begin(heard, heard_ago=2.0)
    fake.say()
    for record in (never_begun, silent):
        seen = look_at(record.folder)
        assert seen.status is Status.CRASHED
        assert f"Slurm job {record.job} is gone" in str(seen.reason)
    assert look_at(heard.folder).status is Status.RUNNING


def test_the_accounting_remembers_longer(fake: FakeSlurm, store: Store) -> None:
    cancelled, broken = start(store, [toy(), toy()])
    begin(broken)
    fake.say()
    fake.account("100_0|CANCELLED by 1000", "100_1|OUT_OF_ME+", "100_1|OUT_OF_MEMORY")
    assert look_at(cancelled.folder).status is Status.STOPPED
    assert "out of memory" in str(look_at(broken.folder).reason)


@pytest.mark.parametrize("installed", [True, False])
def test_where_slurm_cannot_be_asked_nobody_is_judged(
    fake: FakeSlurm, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    waiting, running = start(store, [toy(), toy()])
    begin(running, heard_ago=HOURS)
    fake.cannot_be_reached()
    if not installed:
        monkeypatch.setenv("PATH", str(tmp_path))
    slurm_jobs._answers.clear()
    assert look_at(waiting.folder).status is Status.QUEUED
    seen = look_at(running.folder)
    assert (seen.status, seen.stalled) == (Status.RUNNING, True)


def test_a_submitter_that_died_before_it_knew_the_job(fake: FakeSlurm, store: Store) -> None:
    (record,) = start(store, [toy()])
    folder = begin(record, status=Status.QUEUED, job=None, started=None, worker=None, heard_ago=HOURS)
    assert look_at(folder).status is Status.CRASHED


def test_one_answer_serves_all_tasks_of_an_array(
    fake: FakeSlurm, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(slurm_jobs, "_ask", lambda array: asked.append(array) or {})
    for task in range(50):
        slurm_jobs.look_up(f"7_{task}", max_age=60.0)
    assert asked == ["7"]
    time.sleep(0.01)
    slurm_jobs.look_up("7_0", max_age=0.0)
    assert asked == ["7", "7"]


@pytest.mark.parametrize(
    "option",
    [
        *("--wrap=id", "--wra=id", "--export=LD_PRELOAD=x", "--output=/etc/x", "-p", "partition", "--a b"),
        *("--get-user-env", "--container-image=x", "--container-mounts=/:/host", "--image=x", "--environment=x"),
        *("--uenv=x", "--bbf=x", "--chdir=/", "--constrain=a100", "--task-prolog=/x", "--what-comes-later"),
    ],
)
def test_options_that_would_run_things_or_break_the_launcher_are_refused(option: str) -> None:
    with pytest.raises(ValidationError, match=r"sbatch"):
        SlurmSettings(options=(option,))


def test_an_option_that_has_a_setting_is_not_given_twice() -> None:
    with pytest.raises(ValidationError, match=r"sbatch's option --time is set by slurm\.time"):
        SlurmSettings(time="90", options=("--time=9999",))


def test_options_that_choose_where_and_when_are_handed_on() -> None:
    options = ("--qos=long", "--exclusive", "--mail-type=END", "--gpus-per-node=a100:1")
    assert SlurmSettings(options=options).options == options


@pytest.mark.parametrize(
    ("assignment", "key"),
    [
        ("slurm.time=soon", "slurm.time"),
        ("slurm.memory=much", "slurm.memory"),
        ('slurm.gres="gpu 1"', "slurm.gres"),
        ("slurm.time=3", "slurm"),
        ("slurm.cpus=0", "slurm.cpus"),
        ("slurm.partition=--wrap", "slurm.partition"),
        ("slurm.nodes=1", "slurm.nodes"),
    ],
)
def test_settings_that_make_no_sense_are_named(assignment: str, key: str) -> None:
    with pytest.raises(InputError, match=key):
        resolve("infogan", overrides=[assignment], flags={"launcher": "slurm"})


@pytest.mark.parametrize(
    ("time_limit", "seconds"),
    [("90", 5400), ("5:30", 330), ("2:00:00", 7200), ("1-12", 129_600), ("1-0:30", 88_200), ("1-0:0:5", 86_405)],
)
def test_time_limits_are_read_as_slurm_does(time_limit: str, seconds: int) -> None:
    assert seconds_of(time_limit) == seconds
    assert SlurmSettings(time=time_limit).time == time_limit


def test_settings_come_from_a_file_and_from_flags(tmp_path: Path) -> None:
    file = tmp_path / "cluster.toml"
    file.write_text('launcher = "slurm"\n[slurm]\npartition = "gpu"\ntime = 90\noptions = ["--constraint=a100"]\n')
    (spec,) = resolve("infogan", config=file, flags={"slurm.partition": "short", "slurm.memory": "8G"})
    assert spec.slurm == SlurmSettings(partition="short", time="90", memory="8G", options=("--constraint=a100",))
    assert resolve("infogan")[0].slurm is None
