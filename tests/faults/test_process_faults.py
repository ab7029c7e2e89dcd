"""What becomes of a run when its processes are hit: signals, memory, reboot, clock, and the loss of its folder."""

from __future__ import annotations

import os
import pty
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.launch import spawning
from engine.launch.local import resume, start, stop
from engine.launch.supervising.watched_run import Pace
from engine.launch.supervising.worker_process import WorkerProcess
from engine.launch.supervisor import _shorten_log
from engine.machine.cores import usable_cores
from engine.machine.processes import ProcessIdentity
from engine.runs.catalogue import list_runs, look_at
from engine.runs.events import read_events
from engine.runs.registry import Registry
from engine.runs.run_folders import create_run_folders
from engine.runs.state import Status
from engine.storage.store import Store
from tests.toys import TOY_WORKER, halt, toy, until

from .campaign.limits import memory_group
from .conftest import all_ended, as_after_reboot, environment, kill_both, send, wait_for_end, wait_for_step
from .toy_worker import link, newest

ONE_SECOND_OF_WORK = "sum(i * i for i in range(3_000_000))"


def expected_value(steps: int) -> str:
    value = ""
    for step in range(steps):
        value = link(value, step)
    return value


def test_a_killed_worker_goes_on_by_itself_from_its_checkpoint(store: Store) -> None:
    [record] = start(store, [toy(retries=2)], TOY_WORKER)
    for attempt in (1, 2):
        until(lambda attempt=attempt: record.folder.state().attempt == attempt and look_at(record.folder).pid)
        until(lambda: record.folder.state().worker is not None)
        reached = newest(record.folder)[0]
        wait_for_step(record.folder, reached + 6)
        assert send(record.folder, "worker", signal.SIGKILL)
        until(lambda attempt=attempt: record.folder.state().attempt == attempt + 1)
    [done] = wait_for_end(record.folder)
    state = record.folder.state()
    assert (done.status, done.step, state.attempt, state.retried) == (Status.FINISHED, 40, 3, 2)
    assert [(past.status, past.reason) for past in state.history] == [(Status.CRASHED, "killed by SIGKILL")] * 2
    assert newest(record.folder) == (40, expected_value(40))
    steps = [row["step"] for row in read_events(record.folder.events_path, kinds=["train"]).rows]
    assert steps == list(range(1, 41))


def test_retries_are_bounded_and_every_reason_is_kept(store: Store) -> None:
    crash = (sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    [record] = start(store, [toy(retries=2)], crash)
    [done] = wait_for_end(record.folder)
    state = record.folder.state()
    assert (done.status, done.reason, done.attempt) == (Status.CRASHED, "killed by SIGSEGV", 3)
    assert [(past.attempt, past.reason) for past in state.history] == [
        (1, "killed by SIGSEGV"),
        (2, "killed by SIGSEGV"),
    ]
    # A person who resumes it grants it as many retries again.
    resume(done, crash)
    wait_for_end(record.folder)
    assert record.folder.state().attempt == 6


def test_a_log_that_cannot_be_written_does_not_end_the_supervisor(store: Store) -> None:
    [(folder, lease)] = create_run_folders(store, [toy(retries=1)])
    Registry(store).add_runs([folder])
    os.close(lease)
    crash = (sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    with Path("/dev/full").open("wb") as full:
        command = [*spawning._SUPERVISOR, str(folder.path), "--", *crash]
        subprocess.run(command, stdout=full, stderr=full, check=False)
    state = folder.state()
    assert (state.status, state.reason, state.attempt) == (Status.CRASHED, "killed by SIGSEGV", 2)


def test_a_run_that_raises_is_not_tried_again(store: Store) -> None:
    [record] = start(store, [toy(retries=5)], (sys.executable, "-c", "raise ValueError('no such luck')"))
    [done] = wait_for_end(record.folder)
    assert (done.status, done.attempt) == (Status.FAILED, 1)
    assert "no such luck" in (record.folder.state().traceback or "")


def test_a_closed_terminal_is_nothing_to_a_run(store: Store) -> None:
    [record] = start(store, [toy()], TOY_WORKER)
    wait_for_step(record.folder, 3)
    for process in ("supervisor", "worker"):
        assert send(record.folder, process, signal.SIGHUP)
    [done] = wait_for_end(record.folder)
    assert (done.status, done.attempt, done.step) == (Status.FINISHED, 1, 40)


FROM_A_TERMINAL = """
import subprocess, sys
from engine.launch import spawning
from engine.launch.supervising.watched_run import Pace
from engine.launch.supervisor import _shorten_log
from engine.launch.local import start
from engine.storage.store import Store
from tests.toys import toy
spawning._SUPERVISOR = tuple(SUPERVISOR)
attached = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
start(Store.open(STORE), [toy()], tuple(WORKER))
print("started", attached.pid, flush=True)
attached.wait()
"""


def test_a_run_finishes_though_the_terminal_that_it_was_started_from_is_gone(store: Store, gate: Path) -> None:
    """As when a connection breaks: the kernel hangs up all that the terminal controls."""
    program = _with_values(FROM_A_TERMINAL, store)
    launcher, terminal = pty.fork()
    if launcher == 0:
        os.execv(sys.executable, [sys.executable, "-P", "-c", program])
    said = b""
    while b"started" not in said or not said.endswith(b"\n"):
        said += os.read(terminal, 1024)
    attached = ProcessIdentity.of(int(said.split()[-1]))
    [record] = list_runs(store)
    wait_for_step(record.folder, 10)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(launcher, 0)[1]) == -signal.SIGHUP
    until(lambda: not attached.alive(), "the end of what was not detached")
    state = record.folder.state()
    assert all(process is not None and process.alive() for process in (state.supervisor, state.worker))
    gate.touch()
    [done] = wait_for_end(record.folder)
    assert (done.status, done.attempt, newest(record.folder)) == (Status.FINISHED, 1, (40, expected_value(40)))


def test_a_halted_worker_is_shown_as_stalled_and_can_be_stopped_with_a_checkpoint(store: Store) -> None:
    [record] = start(store, [toy(steps=10_000)], TOY_WORKER)
    wait_for_step(record.folder, 8)
    halt(record.folder, "worker")
    until(lambda: look_at(record.folder).stalled, "the stall")
    assert look_at(record.folder).status is Status.RUNNING
    stopped = stop(record)
    assert (stopped.status, stopped.reason) == (Status.STOPPED, "asked to stop")
    step, value = newest(record.folder)
    assert (step, value) == (stopped.step, expected_value(stopped.step))


def test_a_halted_supervisor_does_not_keep_the_worker_from_finishing(store: Store, gate: Path) -> None:
    [record] = start(store, [toy()], TOY_WORKER)
    wait_for_step(record.folder, 10)
    halt(record.folder, "supervisor")
    gate.touch()
    until(lambda: newest(record.folder)[0] == 40)
    assert not look_at(record.folder).status.terminal
    send(record.folder, "supervisor", signal.SIGCONT)
    [done] = wait_for_end(record.folder)
    assert (done.status, done.step) == (Status.FINISHED, 40)


def test_after_a_reboot_everything_can_be_resumed_at_once(store: Store, gpus: Path, gate: Path) -> None:
    records = start(store, [toy(steps=30, device="cuda", seed=seed) for seed in range(4)], TOY_WORKER)
    until(lambda: sum(look_at(record.folder).step == 10 for record in records) == 2, "the middle of two runs")
    running = [record for record in records if look_at(record.folder).step == 10]
    # A worker says its step before it has written the checkpoint.
    until(lambda: all(newest(record.folder)[0] == 10 for record in running), "their checkpoints")
    until(lambda: all(record.folder.state().supervisor for record in records))
    # As a power cut does: all stand still before the first is gone, or those that wait would take its place.
    for process in ("supervisor", "worker"):
        for record in records:
            send(record.folder, process, signal.SIGSTOP)
    for record in records:
        kill_both(record.folder)
        as_after_reboot(record.folder)
    found = list_runs(store)
    assert {(record.status, record.reason) for record in found} == {(Status.CRASHED, "the machine was rebooted")}
    gate.touch()
    for record in found:
        resume(record, TOY_WORKER)
    assert {record.status for record in wait_for_end(*(record.folder for record in records))} == {Status.FINISHED}
    for record in records:
        assert newest(record.folder) == (30, expected_value(30))
    for record in running:
        first_steps = [row["step"] for row in read_events(record.folder.events_path).rows if row["attempt"] == 2]
        assert min(first_steps) == 10


def test_a_retried_run_waits_while_nvidia_smi_fails(store: Store, gpus: Path, gate: Path) -> None:
    """A driver that fails between two attempts does not move a run to the processor."""
    program = gpus.with_name("nvidia-smi")
    works = program.read_text()
    [record] = start(store, [toy(device="auto", retries=1)], TOY_WORKER)
    wait_for_step(record.folder, 10)
    program.write_text("#!/bin/sh\necho 'Driver/library version mismatch' >&2\nexit 18\n")
    send(record.folder, "worker", signal.SIGKILL)
    until(lambda: "(exit code 18: Driver/library version mismatch)" in (record.folder.state().reason or ""))
    assert look_at(record.folder).status is Status.QUEUED
    program.write_text(works)
    gate.touch()
    [done] = wait_for_end(record.folder)
    assert (done.status, done.device, record.folder.state().attempt) == (Status.FINISHED, "cuda:0", 2)


def test_a_run_whose_folder_is_deleted_ends_and_frees_its_device(store: Store, gpus: Path) -> None:
    [doomed] = start(store, [toy(steps=10_000, device="cuda:0")], TOY_WORKER)
    wait_for_step(doomed.folder, 3)
    [other] = start(store, [toy(device="cuda:0")], TOY_WORKER)
    worker, supervisor = doomed.folder.state().worker, doomed.folder.state().supervisor
    # Aside first: its processes go on writing while it is deleted.
    shutil.rmtree(doomed.folder.path.rename(store.root / "trash"))
    until(lambda: not (worker.alive() or supervisor.alive()), "the end of its processes")
    assert not doomed.folder.path.exists()
    [gone] = [record for record in list_runs(store) if record.id == doomed.id]
    assert (gone.status, gone.reason) == (Status.CRASHED, "run folder is gone")
    assert wait_for_end(other.folder)[0].status is Status.FINISHED


def test_a_damaged_specification_neither_ends_a_run_nor_keeps_it_from_being_resumed(store: Store) -> None:
    [record] = start(store, [toy(steps=30)], TOY_WORKER)
    folder = record.folder
    wait_for_step(folder, 3)
    whole = folder.spec_path.read_bytes()
    folder.spec_path.write_bytes(whole[: len(whole) // 2])
    assert look_at(folder).status is Status.RUNNING
    kill_both(folder)
    assert look_at(folder).reason == "its processes vanished (killed, or out of memory)"
    resume(record, TOY_WORKER)
    [done] = wait_for_end(folder)
    assert (done.status, done.step, newest(folder)) == (Status.FINISHED, 30, (30, expected_value(30)))
    assert folder.spec_path.read_bytes() == whole


@pytest.mark.parametrize("offset", [-86_400, 86_400])
def test_a_clock_that_jumps_changes_nothing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offset: int
) -> None:
    """The wall clock of the run's processes, though not of the reader, jumps by a day in mid-run."""
    jump = tmp_path / "jump"
    (tmp_path / "sitecustomize.py").write_text(
        f"import os, time\nreal = time.time\ntime.time = lambda: real() + {offset} * os.path.exists({str(jump)!r})\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    [record] = start(store, [toy(steps=150)], TOY_WORKER)
    wait_for_step(record.folder, 3)
    jump.touch()
    until(lambda: abs((record.folder.state().heartbeat or time.time()) - time.time() - offset) < 3600, "the jump")
    assert not look_at(record.folder).stalled
    send(record.folder, "supervisor", signal.SIGSTOP)
    monkeypatch.setattr("engine.runs.state.uptime", lambda: time.clock_gettime(time.CLOCK_BOOTTIME) + 3600)
    assert look_at(record.folder).stalled
    monkeypatch.undo()
    send(record.folder, "supervisor", signal.SIGCONT)
    [done] = wait_for_end(record.folder)
    assert (done.status, done.attempt) == (Status.FINISHED, 1)
    usage = record.folder.state().usage
    assert usage is not None
    assert usage.wall_seconds < 3600


def test_what_a_run_took_is_recorded(store: Store) -> None:
    work = (sys.executable, "-c", f"x = bytearray(50_000_000); {ONE_SECOND_OF_WORK}; import os; os.abort()")
    [record] = start(store, [toy()], work)
    [done] = wait_for_end(record.folder)
    assert done.reason == "killed by SIGABRT"
    usage = record.folder.state().usage
    assert usage is not None
    assert usage.peak_resident_mib > 50
    assert 0.05 < usage.cpu_seconds <= usage.wall_seconds + 0.1


def test_a_stop_that_nobody_asked_for_is_a_preemption(store: Store) -> None:
    [record] = start(store, [toy(steps=10_000, retries=3)], TOY_WORKER)
    wait_for_step(record.folder, 3)
    send(record.folder, "supervisor", signal.SIGTERM)
    [done] = wait_for_end(record.folder)
    assert (done.status, done.attempt) == (Status.STOPPED, 1)
    assert "preempted" in (done.reason or "")
    assert newest(record.folder)[0] == done.step


def test_too_little_address_space_is_a_failure_with_traceback(store: Store) -> None:
    program = "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**29, 2**29)); x = bytearray(2**30)"
    [record] = start(store, [toy()], (sys.executable, "-c", program))
    [done] = wait_for_end(record.folder)
    assert done.status is Status.FAILED
    assert done.reason is not None
    assert "MemoryError" in done.reason
    assert (record.folder.state().traceback or "").startswith("Traceback")


def test_the_kernel_killing_for_memory_is_named(store: Store) -> None:
    group = memory_group("crtui-test", 60 * 2**20)
    if group is None:
        pytest.skip("no memory control group can be made here")
    processes = group.path / "cgroup.procs"
    try:
        swap = group.path / "memory.swap.max"
        if swap.exists():
            swap.write_text("0")
        # The supervisor enters the group, and its worker with it.
        enter = f"open({str(processes)!r}, 'w').write('0')"
        impatient = Path(__file__).parent / "impatient_supervisor.py"
        program = (
            f"import runpy, sys; {enter}; sys.argv[0] = 'x'; runpy.run_path({str(impatient)!r}, run_name='__main__')"
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("engine.launch.spawning._SUPERVISOR", (sys.executable, "-P", "-c", program))
            greedy = (sys.executable, "-c", "x = bytearray(2**30); x[::4096] = b'1' * len(x[::4096])")
            [record] = start(store, [toy()], greedy)
        [done] = wait_for_end(record.folder)
        assert done.status is Status.CRASHED
        assert (done.reason or "").startswith("out of memory")
        until(lambda: not record.folder.state().supervisor.alive())
    finally:
        until(lambda: not processes.read_text())
        group.remove()


def test_the_queue_survives_the_death_of_a_waiting_supervisor(store: Store, gpus: Path, gate: Path) -> None:
    """Nobody resumes the run by hand: the supervisor of a run that trains puts it back."""
    [first] = start(store, [toy(device="cuda:0")], TOY_WORKER)
    wait_for_step(first.folder, 10)
    [second] = start(store, [toy(steps=10, device="cuda:0")], TOY_WORKER)
    until(lambda: second.folder.state().supervisor)
    send(second.folder, "supervisor", signal.SIGKILL)
    until(lambda: look_at(second.folder).attempt == 2, "the adoption")
    gate.touch()
    assert {record.status for record in wait_for_end(first.folder, second.folder)} == {Status.FINISHED}
    assert newest(second.folder) == (10, expected_value(10))


def test_a_run_that_lost_both_processes_is_put_back_if_it_may_be_retried(store: Store, gpus: Path, gate: Path) -> None:
    keeper, retried = start(store, [toy(device="cuda:0"), toy(device="cuda:1", retries=1)], TOY_WORKER)
    for record in (keeper, retried):
        wait_for_step(record.folder, 10)
    [left] = start(store, [toy(device="cuda:1")], TOY_WORKER)
    kill_both(retried.folder)
    until(lambda: look_at(retried.folder).attempt == 2, "the adoption")
    gate.touch()
    assert {record.status for record in wait_for_end(keeper.folder, left.folder)} == {Status.FINISHED}
    until(lambda: look_at(retried.folder).status is Status.FINISHED, "the retry")
    assert retried.folder.state().attempt == 2
    assert newest(retried.folder) == (40, expected_value(40))


def _with_values(program: str, store: Store) -> str:
    """A program that starts runs in another process, with the values that it uses before it."""
    values = {
        "SUPERVISOR": list(spawning._SUPERVISOR),
        "STORE": str(store.root),
        "WORKER": list(TOY_WORKER),
    }
    return "".join(f"{name} = {value!r}\n" for name, value in values.items()) + program


LAUNCHER = """
import sys, time
from engine.launch import spawning
from engine.launch.supervising.watched_run import Pace
from engine.launch.supervisor import _shorten_log
from engine.launch.local import start
from engine.storage.store import Store
from tests.toys import toy
spawning._SUPERVISOR = tuple(SUPERVISOR)
start(Store.open(STORE), [toy(steps=30, device="cuda", retries=2, seed=seed) for seed in range(6)], tuple(WORKER))
print("started", flush=True)
time.sleep(600)
"""


def test_a_sweep_over_two_devices_finishes_though_launcher_and_a_run_are_killed(
    store: Store, gpus: Path, tmp_path: Path
) -> None:
    occupied = tmp_path / "occupied"
    occupied.mkdir()
    command = [sys.executable, "-P", "-c", _with_values(LAUNCHER, store)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env=environment(TOY_OCCUPIED=str(occupied)), start_new_session=True
    ) as launcher:
        assert launcher.stdout is not None
        assert launcher.stdout.readline() == b"started\n"
        launcher.kill()
    folders = [record.folder for record in list_runs(store)]
    assert len(folders) == 6
    most, killed = 0, None
    while not all_ended(store):
        running = [record for record in map(look_at, folders) if record.status is Status.RUNNING]
        most = max(most, len(running))
        if killed is None and running and running[0].step >= 6:
            killed = running[0].folder
            assert send(killed, "worker", signal.SIGKILL)
        time.sleep(0.05)
    assert killed is not None
    assert killed.state().attempt == 2
    assert most == 2
    assert not (occupied / "shared-device").exists()
    assert {look_at(folder).status for folder in folders} == {Status.FINISHED}
    assert {newest(folder) for folder in folders} == {(30, expected_value(30))}
    until(lambda: {row.status for row in Registry(store).rows()} == {Status.FINISHED})


def test_resource_usage_of_a_process_is_its_own(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    worker = WorkerProcess([sys.executable, "-c", ONE_SECOND_OF_WORK], (), environment())
    until(worker.has_ended)
    after = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    assert worker.code == 0
    assert worker.usage is not None
    assert worker.usage.cpu_seconds >= after - before - 0.01


def test_a_store_that_is_away_for_a_moment_ends_nothing(store: Store, gate: Path) -> None:
    """As a file system that is mounted again, or a ticket that has expired; both processes live on."""
    [running] = start(store, [toy()], TOY_WORKER)
    wait_for_step(running.folder, 1)
    [waiting] = start(store, [toy(threads=usable_cores())], TOY_WORKER)
    until((running.folder.checkpoints / "00000010.json").exists)
    until(lambda: waiting.folder.state().supervisor is not None)
    before = [running.folder.state(), waiting.folder.state()]
    aside = store.root.with_name("away")
    store.root.rename(aside)
    time.sleep(1.0)
    aside.rename(store.root)
    for state in before:
        assert state.supervisor is not None
        assert state.supervisor.alive()
    gate.touch()
    for done in wait_for_end(running.folder, waiting.folder):
        assert (done.status, done.step, done.attempt) == (Status.FINISHED, 40, 1)


def test_a_log_that_was_replaced_by_a_link_is_neither_copied_nor_cut(store: Store, gate: Path) -> None:
    [record] = start(store, [toy()], TOY_WORKER)
    wait_for_step(record.folder, 10)
    secret = store.root.with_name("private")
    secret.write_bytes(b"private\n" * 1000)
    record.folder.log_path.unlink()
    record.folder.log_path.symlink_to(secret)
    with pytest.raises(OSError, match="symbolic link"):
        _shorten_log(record.folder.log_path, Pace(longest_log=10))
    assert secret.stat().st_size == 8000
    assert not (record.folder.path / "log.1.txt").exists()
    gate.touch()
    assert wait_for_end(record.folder)[0].status is Status.FINISHED
