"""Runs with real processes: a toy worker that trains nothing, under the real supervisor."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from engine.errors import InputError, StoreError
from engine.launch import local, queueing, stopping
from engine.launch.launchers import remove
from engine.launch.local import resume, start, stop
from engine.launch.supervising.endings import WorkerEnd, ending
from engine.machine.cores import usable_cores
from engine.machine.processes import ProcessIdentity
from engine.machine.programs import environment
from engine.runs.catalogue import RunRecord, find_run, list_runs, look_at
from engine.runs.events import read_events
from engine.runs.folder import RunFolder
from engine.runs.registry import Registry
from engine.runs.run_folders import create_run_folders
from engine.runs.state import Status
from engine.storage.store import Store
from tests.launch.places import places
from tests.toys import PATIENCE_SECONDS, ToySpec, halt, until

TOY = """
import json, os, signal, subprocess, sys, time
mode, run = sys.argv[1:]
stop = []
if mode == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
elif mode != "unprepared":
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
attempt = json.load(open(f"{run}/state.json"))["attempt"]
with open(f"{run}/events.jsonl", "a") as events:
    for step in range(4):
        row = {"step": step, "time": time.time(), "kind": "train", "attempt": attempt}
        events.write(json.dumps(row) + "\\n")
def end(**outcome):
    with open(f"{run}/new", "w") as file:
        json.dump(outcome, file)
    os.replace(f"{run}/new", f"{run}/outcome.json")
names = ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES")
print({name: os.environ.get(name) for name in names}, os.getsid(0) == os.getpid(), flush=True)
if mode == "finish":
    end(status="finished", step=10, scores={"factor_vae": 0.9})
elif mode == "report-failure":
    end(status="failed", reason="the loss is NaN", traceback="Traceback: here")
    sys.exit(1)
elif mode == "raise":
    raise ValueError("no such luck")
elif mode == "garble":
    open(f"{run}/outcome.json", "w").write("{")
else:
    if mode == "leave-child":
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
        open(f"{run}/child", "w").write(str(child.pid))
    open(f"{run}/ready", "w").close()
    while not stop:
        time.sleep(0.01)
    end(status="stopped", reason="asked to stop", step=3)
"""

Worker = Callable[[str], Sequence[str]]


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    """The command of a worker that behaves as told."""
    program = tmp_path / "toy.py"
    program.write_text(TOY)
    return lambda mode: (sys.executable, "-S", str(program), mode)


@pytest.fixture(autouse=True)
def slot_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CRTUI_SLOTS", str(tmp_path / "slots"))
    return tmp_path / "slots"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path / "store")
    yield store
    for record in list_runs(store):
        if not record.status.terminal:
            stop(record, grace_seconds=0.0)


def ended(record: RunRecord) -> RunRecord:
    until(lambda: look_at(record.folder).status.terminal)
    return look_at(record.folder)


def ready(record: RunRecord) -> RunRecord:
    """Waits until the worker has begun to wait."""
    until((record.folder.path / "ready").exists)
    until(lambda: look_at(record.folder).status is Status.RUNNING)
    return look_at(record.folder)


def kill(record: RunRecord, *processes: str) -> None:
    state = record.folder.state()
    for process in processes:
        assert getattr(state, process).signal(signal.SIGKILL)


def registered(store: Store) -> dict[str, Status]:
    return {row.id: row.status for row in Registry(store).rows()}


def test_runs_of_a_sweep_finish_and_are_registered(store: Store, worker: Worker) -> None:
    specs = [ToySpec(name=f"toy-{seed}", seed=seed) for seed in range(3)]
    records = start(store, specs, worker("finish"))
    assert [record.seed for record in records] == [0, 1, 2]
    assert registered(store).keys() == {record.id for record in records}
    for record in records:
        done = ended(record)
        assert (done.status, done.step, done.scores, done.device) == (Status.FINISHED, 10, {"factor_vae": 0.9}, "cpu")
        log = record.folder.log_path.read_text()
        assert log == "{'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': ''} True\n"
    until(lambda: set(registered(store).values()) == {Status.FINISHED})


@pytest.mark.parametrize(
    ("mode", "status", "reason"),
    [
        ("report-failure", Status.FAILED, "the loss is NaN"),
        ("raise", Status.FAILED, "the worker exited with code 1: ValueError: no such luck"),
        ("garble", Status.CRASHED, "outcome.json"),
    ],
)
def test_bad_ends_are_named(store: Store, worker: Worker, mode: str, status: Status, reason: str) -> None:
    [record] = start(store, [ToySpec()], worker(mode))
    done = ended(record)
    assert done.status is status
    assert reason in (done.reason or "")
    if status is Status.FAILED:
        assert (record.folder.state().traceback or "").startswith("Traceback")


def test_worker_that_does_not_exist_is_a_failed_run(store: Store) -> None:
    [record] = start(store, [ToySpec()], ["/nonexistent/worker"])
    done = ended(record)
    assert (done.status, done.reason) == (
        Status.FAILED,
        "worker '/nonexistent/worker' cannot be started: No such file or directory",
    )


def test_killed_worker_is_a_crash_and_resumes(store: Store, worker: Worker) -> None:
    record = ready(start(store, [ToySpec()], worker("wait"))[0])
    with pytest.raises(InputError, match="running already"):
        resume(record)
    os.kill(record.pid or 0, signal.SIGKILL)
    crashed = ended(record)
    assert (crashed.status, crashed.step, crashed.reason) == (Status.CRASHED, 3, "killed by SIGKILL")
    again = resume(crashed, worker("finish"))
    assert again.status is Status.QUEUED
    assert ended(again).status is Status.FINISHED
    assert again.folder.state().attempt == 2
    assert {row["attempt"] for row in read_events(again.folder.events_path).rows} == {2}
    with pytest.raises(InputError, match="finished"):
        resume(find_run(store, record.id))


def test_killed_supervisor_leaves_the_worker_running(store: Store, worker: Worker) -> None:
    record = ready(start(store, [ToySpec()], worker("wait"))[0])
    kill(record, "supervisor")
    supervisor = record.folder.state().supervisor
    assert supervisor is not None
    until(lambda: not supervisor.alive())
    assert find_run(store, record.id).status is Status.RUNNING
    with pytest.raises(InputError, match="running"):
        remove(store, record)
    stopped = stop(record)
    assert (stopped.status, stopped.reason) == (Status.STOPPED, "asked to stop")
    assert registered(store) == {record.id: Status.STOPPED}


def test_orphaned_worker_that_ignores_sigterm_is_killed(store: Store, worker: Worker) -> None:
    record = ready(start(store, [ToySpec()], worker("stubborn"))[0])
    kill(record, "supervisor")
    assert stop(record, grace_seconds=0.2).status is Status.STOPPED


@pytest.mark.parametrize("order", [("supervisor", "worker"), ("worker", "supervisor")])
def test_killing_both_is_a_crash(store: Store, worker: Worker, order: tuple[str, str]) -> None:
    record = ready(start(store, [ToySpec()], worker("wait"))[0])
    os.kill(record.folder.state().supervisor.pid, signal.SIGSTOP)  # type: ignore[union-attr]
    kill(record, *order)
    until(lambda: find_run(store, record.id).status is Status.CRASHED)
    assert registered(store) == {record.id: Status.CRASHED}


def test_hanging_supervisor_does_not_prevent_a_stop(
    store: Store, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_MARGIN_SECONDS", 0.2)
    record = ready(start(store, [ToySpec()], worker("wait"))[0])
    halt(record.folder, "supervisor")
    assert stop(record, grace_seconds=0.0).status is Status.STOPPED


def test_stop_is_asked_first_and_kills_only_when_the_time_is_over(store: Store, worker: Worker) -> None:
    willing = ready(start(store, [ToySpec()], worker("wait"))[0])
    assert stop(willing).reason == "asked to stop"
    stubborn = ready(start(store, [ToySpec()], worker("stubborn"))[0])
    assert stop(stubborn, grace_seconds=0.3).reason == "killed, because it had not stopped after 0.3 seconds"
    with pytest.raises(InputError, match="stopped already"):
        stop(stubborn)
    with pytest.raises(InputError, match="-1"):
        stop(stubborn, grace_seconds=-1)


def test_a_run_that_cannot_be_stopped_from_here_is_not_put_down_as_stopped(
    store: Store, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = ready(start(store, [ToySpec()], worker("wait"))[0])

    def refuse(self: ProcessIdentity, number: signal.Signals) -> bool:
        raise PermissionError("Operation not permitted")

    with monkeypatch.context() as another_user:
        another_user.setattr(ProcessIdentity, "signal", refuse)
        with pytest.raises(InputError, match="belongs to another user"):
            stop(record)
    with monkeypatch.context() as another_machine:
        another_machine.setattr(ProcessIdentity, "elsewhere", property(lambda self: True))
        with pytest.raises(InputError, match="stop it there"):
            stop(record)
    assert record.folder.state().stop_grace is None
    kill(record, "worker")
    assert ended(record).status is Status.CRASHED


def test_second_sigterm_is_harmless(store: Store, worker: Worker) -> None:
    record = ready(start(store, [ToySpec()], worker("wait"))[0])
    supervisor = record.folder.state().supervisor
    assert supervisor is not None
    for _ in range(3):
        supervisor.signal(signal.SIGTERM)
    done = ended(record)
    # Nobody asked by crtui's means, so it was the system or a scheduler.
    assert (done.status, done.step) == (Status.STOPPED, 3)
    assert (done.reason or "").startswith("preempted")


def test_queued_run_stops_without_ever_starting(store: Store, worker: Worker) -> None:
    width = usable_cores()
    [first] = start(store, [ToySpec(threads=width)], worker("wait"))
    ready(first)
    [second] = start(store, [ToySpec(threads=width)], worker("wait"))
    until(lambda: second.folder.state().supervisor)
    assert look_at(second.folder).status is Status.QUEUED
    assert stop(second).status is Status.STOPPED
    assert not (second.folder.path / "ready").exists()
    assert look_at(first.folder).status is Status.RUNNING


def test_paused_run_keeps_its_place_and_starts_only_when_let_go(store: Store, worker: Worker) -> None:
    width = usable_cores()
    [first] = start(store, [ToySpec(threads=width)], worker("wait"))
    ready(first)
    held, behind = start(store, [ToySpec(threads=width), ToySpec(threads=width)], worker("finish"))
    until(lambda: places() == {held.id: 1, behind.id: 2})
    assert queueing.pause(held).paused
    until(lambda: places() == {behind.id: 1})
    stop(first)
    assert ended(behind).status is Status.FINISHED
    assert look_at(held.folder).status is Status.QUEUED
    assert not queueing.unpause(held).paused
    assert ended(held).status is Status.FINISHED
    for act in (queueing.pause, queueing.unpause):
        with pytest.raises(InputError, match="only queued runs"):
            act(held)


def test_paused_queue_starts_nothing_until_let_go(store: Store, worker: Worker) -> None:
    queueing.pause_queue(store)
    [record] = start(store, [ToySpec()], worker("finish"))
    until(lambda: record.folder.state().supervisor)
    time.sleep(0.6)
    assert look_at(record.folder).status is Status.QUEUED
    assert queueing.queue_is_paused(store)
    queueing.unpause_queue(store)
    assert ended(record).status is Status.FINISHED
    queueing.unpause_queue(store)


def test_paused_run_can_be_stopped(store: Store, worker: Worker) -> None:
    queueing.pause_queue(store)
    [record] = start(store, [ToySpec()], worker("finish"))
    until(lambda: record.folder.state().supervisor)
    queueing.pause(record)
    assert stop(record).status is Status.STOPPED
    queueing.unpause_queue(store)


def test_run_of_higher_priority_overtakes(store: Store, worker: Worker) -> None:
    width = usable_cores()
    [first] = start(store, [ToySpec(threads=width)], worker("wait"))
    ready(first)
    late, urgent = start(store, [ToySpec(threads=width), ToySpec(threads=width, priority=5)], worker("wait"))
    until(lambda: places() == {urgent.id: 1, late.id: 2})
    stop(first)
    assert ready(urgent).priority == 5
    assert look_at(late.folder).status is Status.QUEUED


def test_queued_run_starts_when_the_device_is_free(store: Store, worker: Worker) -> None:
    width = usable_cores()
    [first] = start(store, [ToySpec(threads=width)], worker("wait"))
    ready(first)
    [second] = start(store, [ToySpec(threads=width)], worker("finish"))
    kill(ready(first), "supervisor")
    assert look_at(second.folder).status is Status.QUEUED
    kill(first, "worker")
    assert ended(second).status is Status.FINISHED


def test_what_the_worker_leaves_behind_is_killed(store: Store, worker: Worker) -> None:
    record = ready(start(store, [ToySpec()], worker("leave-child"))[0])
    kill(record, "worker")
    assert ended(record).status is Status.CRASHED
    child = int((record.folder.path / "child").read_text())
    until(lambda: not _alive(child))
    until(lambda: not record.folder.lease_is_held())


def _alive(pid: int) -> bool:
    try:
        return bool(ProcessIdentity.of(pid))
    except ProcessLookupError:
        return False


def test_supervisor_beats_corrects_what_others_wrote_and_cuts_the_log(store: Store, worker: Worker) -> None:
    [(folder, lease)] = create_run_folders(store, [ToySpec()])
    os.close(lease)
    impatient = (
        "import sys; from engine.launch import supervisor;"
        "from engine.launch.supervising.watched_run import Pace;"
        "supervisor.main(sys.argv[1:], Pace(beat_seconds=0.1, longest_log=100, kept_log=7))"
    )
    command = [sys.executable, "-c", impatient, str(folder.path), "--", *worker("wait")]
    with folder.log_path.open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment())
    try:
        ready(look_at(folder))
        folder.update_state(lambda state: state.ended_as(Status.CRASHED, "a mistake"))
        Registry(store).update_runs([folder])
        until(lambda: registered(store) == {folder.id: Status.RUNNING})
        assert look_at(folder).reason is None
        with folder.log_path.open("ab") as file:
            file.write(b"x" * 200 + b"the end")
        until((folder.path / "log.1.txt").exists)
        assert (folder.path / "log.1.txt").read_bytes() == b"the end"
        until(lambda: "log.1.txt" in folder.log_path.read_text())
        assert folder.log_path.stat().st_size < 100
        beat = folder.state().heartbeat or 0.0
        until(lambda: (folder.state().heartbeat or 0.0) > beat)
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)
    assert look_at(folder).status is Status.STOPPED


@pytest.mark.parametrize(
    ("signal_number", "memory", "reason"),
    [
        (signal.SIGKILL, "out of memory", "out of memory"),
        (signal.SIGKILL, None, "killed by SIGKILL"),
        (signal.SIGSEGV, "out of memory", "killed by SIGSEGV"),
    ],
)
def test_want_of_memory_is_named_where_the_kernel_killed_for_it(
    store: Store, signal_number: int, memory: str | None, reason: str
) -> None:
    [(folder, lease)] = create_run_folders(store, [ToySpec()])
    os.close(lease)
    state = ending(folder.state(), folder, WorkerEnd(-signal_number, memory=memory))
    assert (state.status, state.reason) == (Status.CRASHED, reason)


def test_what_the_interpreter_itself_died_of_is_named(store: Store) -> None:
    [(folder, lease)] = create_run_folders(store, [ToySpec()])
    os.close(lease)
    folder.log_path.write_text(
        "step 3: checkpoint\nFatal Python error: init: failed to initialize importlib\n"
        "Python runtime state: preinitialized\nMemoryError\n\n"
        "Current thread 0x00007f77af48eb80 (most recent call first):\n  <no Python frame>\n"
    )
    state = ending(folder.state(), folder, WorkerEnd(1))
    assert state.status is Status.FAILED
    assert state.reason == (
        "the worker exited with code 1: Fatal Python error: init: failed to initialize importlib; "
        "Python runtime state: preinitialized; MemoryError"
    )


def test_run_outlives_its_launcher_and_session(store: Store, worker: Worker, tmp_path: Path) -> None:
    """Neither the launcher's end nor a hang-up or Ctrl-C of its process group reaches the run."""
    program = tmp_path / "launcher.py"
    program.write_text(
        "import os, signal\n"
        "from engine.launch.local import start\n"
        "from engine.storage.store import Store\n"
        "from tests.toys import toy\n"
        f"start(Store.open({str(store.root)!r}), [toy()], {tuple(worker('wait'))!r})\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "os.killpg(0, signal.SIGINT)\n"
        "os.killpg(0, signal.SIGHUP)\n"
    )
    variables = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    launcher = subprocess.run([sys.executable, str(program)], start_new_session=True, check=False, env=variables)
    assert launcher.returncode == -signal.SIGHUP
    [record] = list_runs(store)
    assert ready(record).status is Status.RUNNING


def test_removed_run_is_gone_and_a_running_one_needs_force(store: Store, worker: Worker) -> None:
    record = ready(start(store, [ToySpec()], worker("stubborn"))[0])
    with pytest.raises(InputError, match="stop it first"):
        remove(store, record)
    remove(store, record, force=True)
    assert list_runs(store) == []
    assert list(store.runs.iterdir()) == []
    assert registered(store) == {}
    remove(store, record)


@pytest.mark.parametrize("device", ["cuda:7", "tpu"])
def test_unknown_device_is_refused_and_nothing_left_behind(
    store: Store, worker: Worker, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(InputError, match=device):
        start(store, [ToySpec(), ToySpec(device=device)], worker("finish"))
    assert list(store.runs.iterdir()) == []


def test_damaged_registry_refuses_a_start_and_nothing_is_left_behind(store: Store, worker: Worker) -> None:
    store.registry_path.write_text("{")
    with pytest.raises(InputError, match="reindex"):
        start(store, [ToySpec()], worker("finish"))
    assert list(store.runs.iterdir()) == []
    store.registry_path.unlink()


def test_resume_after_damage_starts_a_new_attempt(store: Store, worker: Worker) -> None:
    record = ended(start(store, [ToySpec()], worker("raise"))[0])
    # Without its state, a run counts as running for as long as its supervisor has not exited.
    until(lambda: not record.folder.lease_is_held())
    record.folder.state_path.write_text("{")
    assert "state.json" in (look_at(record.folder).reason or "")
    assert ended(resume(look_at(record.folder), worker("finish"))).status is Status.FINISHED
    assert record.folder.state().attempt == 2


def test_a_process_that_a_state_names_but_that_is_none_of_the_run_is_left_alone(store: Store, worker: Worker) -> None:
    """Whoever may write into the store of a group can name any process there."""
    record = ready(start(store, [ToySpec()], worker("wait"))[0])
    folder, true = record.folder, record.folder.state()
    assert true.worker is not None
    assert true.supervisor is not None
    assert folder.lease_is_held_by(true.worker)
    assert folder.lease_is_held_by(true.supervisor)
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as stranger:
        named = ProcessIdentity.of(stranger.pid)
        assert not folder.lease_is_held_by(named)
        planted = true.model_copy(update={"worker": named, "supervisor": named})
        local._urge(folder, planted, waited=1000.0, grace_seconds=0.0, signalled=set())
        assert stranger.poll() is None
        stranger.kill()


def test_a_store_that_refuses_for_a_moment_does_not_say_that_a_run_has_ended(
    store: Store, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = ready(start(store, [ToySpec()], worker("wait"))[0])
    calls = itertools.count()

    def refuse(folder: RunFolder) -> RunRecord:
        if 1 <= next(calls) <= 3:
            raise StoreError("state.json cannot be read: Permission denied")
        return look_at(folder)

    monkeypatch.setattr(stopping, "look_at", refuse)
    assert stop(record).status is Status.STOPPED
    assert next(calls) > 4
