"""Real training under faults: the final weights are those of a run that nothing happened to.

The worker runs in a forked copy of this process, which has PyTorch loaded, so that an attempt costs a second.
"""

from __future__ import annotations

import errno
import itertools
import multiprocessing
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from engine.launch import worker
from engine.launch.patience import Patience
from engine.machine.processes import ProcessIdentity
from engine.runs.catalogue import look_at
from engine.runs.events import last_step, read_events
from engine.runs.folder import RunFolder
from engine.runs.registry import Registry
from engine.runs.run_folders import create_run_folders
from engine.runs.specification.resolving import resolve
from engine.runs.state import RunState, Status
from engine.storage.store import Store
from engine.training import checkpoints
from tests.toys import PATIENCE_SECONDS, until

from .campaign.limits import enlarge_disk, may_mount, mount_small_disk
from .campaign.stories import CHECKPOINT_EVERY, TINY

STEPS = 60
fork = multiprocessing.get_context("fork")


def new_run(store: Store, *overrides: str, steps: int = STEPS) -> RunFolder:
    flags = {"training.steps": steps, "threads": 1, "device": "cpu"}
    [spec] = resolve("infogan", preset="quick", overrides=[*TINY, *overrides], flags=flags)
    ((folder, lease),) = create_run_folders(store, [spec])
    os.close(lease)
    Registry(store).add_runs([folder])
    return folder


def _work(folder: RunFolder, prepare: Callable[[], object]) -> None:
    with folder.log_path.open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    lease = folder.take_lease()
    prepare()
    folder.update_state(
        lambda state: state.model_copy(update={"status": Status.RUNNING, "worker": ProcessIdentity.own()})
    )
    code = worker.main([str(folder.path)])
    os.close(lease)
    os._exit(code)


def start_worker(folder: RunFolder, prepare: Callable[[], object] = lambda: None) -> BaseProcess:
    process = fork.Process(target=_work, args=(folder, prepare))
    process.start()
    return process


def final_weights(folder: RunFolder) -> dict[str, torch.Tensor]:
    return load_file(folder.checkpoints / f"step-{STEPS:08d}" / checkpoints.WEIGHTS)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    """The final weights of a run that nothing happened to."""
    folder = new_run(Store.open(tmp_path_factory.mktemp("reference") / "store"))
    process = start_worker(folder)
    process.join()
    assert process.exitcode == 0, folder.log_path.read_text()
    return final_weights(folder)


def _cut(path: Path, dice: random.Random) -> None:
    # Killed early, a worker has not begun it.
    if path.exists():
        content = path.read_bytes()
        path.write_bytes(content[: dice.randrange(len(content) + 1)])


def _flip(path: Path, dice: random.Random) -> None:
    content = bytearray(path.read_bytes())
    if content:
        content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
        path.write_bytes(content)


def _damage_newest_checkpoint(
    folder: RunFolder, dice: random.Random, act: Callable[[Path, random.Random], None]
) -> None:
    present = checkpoints.steps(folder.checkpoints)
    # Of a single one, nothing older could take the place; that costs the run's whole work, and no more.
    if present:
        newest = folder.checkpoints / f"step-{present[-1]:08d}"
        act(newest / dice.choice([checkpoints.WEIGHTS, checkpoints.TRAINER, checkpoints.MANIFEST]), dice)


Injection = Callable[[RunFolder, random.Random], None]
DAMAGES: dict[str, Injection] = {
    "nothing more": lambda folder, dice: None,
    "truncated checkpoint": lambda folder, dice: _damage_newest_checkpoint(folder, dice, _cut),
    "bit flip in checkpoint": lambda folder, dice: _damage_newest_checkpoint(folder, dice, _flip),
    "truncated events": lambda folder, dice: _cut(folder.events_path, dice),
    "garbage in events": lambda folder, dice: folder.events_path.write_bytes(dice.randbytes(300)),
    "truncated state": lambda folder, dice: _cut(folder.state_path, dice),
    "state gone": lambda folder, dice: folder.state_path.unlink(),
    "truncated registry": lambda folder, dice: _cut(folder.store.registry_path, dice),
}
EVENT_DAMAGES = {"truncated events", "garbage in events"}


def strike(folder: RunFolder, dice: random.Random, injections: int) -> int:
    """Kill and damage a run at random moments and continue it each time, until it finishes; how often it was hit."""
    struck = 0
    while True:
        before = checkpoints.steps(folder.checkpoints)
        process = start_worker(folder)
        if struck < injections:
            process.join(dice.uniform(0.1, 0.6))
            if process.is_alive() and dice.random() < 0.3:
                os.kill(process.pid or 0, signal.SIGSTOP)
                stalls = look_at_stalls(folder)
                # It may have ended between the two.
                until(lambda: not process.is_alive() or stalls(), "the stall")  # noqa: B023 (called at once)
            process.kill()
        process.join()
        if folder.outcome() is not None:
            return struck
        struck += 1
        kept = checkpoints.steps(folder.checkpoints)
        # The newest from before may have been damaged, which counts for one interval.
        assert len(before) < 2 or kept[-1] >= before[-2]
        crashed = look_at(folder)
        assert crashed.status is Status.CRASHED
        assert crashed.reason
        # With its last checkpoint written, a run trains no further, so that nothing would write lost rows again.
        trained = kept[-1:] == [STEPS]
        DAMAGES[dice.choice([name for name in DAMAGES if not (trained and name in EVENT_DAMAGES)])](folder, dice)
        assert look_at(folder).status is Status.CRASHED
        Registry(folder.store).reindex()
        assert [row.id for row in Registry(folder.store).rows() if row.id == folder.id] == [folder.id]
        blank = RunState(status=Status.CRASHED, total_steps=STEPS, created=time.time())
        folder.update_state(lambda state: state.next_attempt(time.time(), automatic=False), fallback=blank)


def look_at_stalls(folder: RunFolder) -> Callable[[], bool]:
    def stalls() -> bool:
        record = look_at(folder)
        # Halted before it had said who it is, it cannot be known to stand still.
        return record.stalled or folder.state().worker is None

    return stalls


def check_random_faults(store: Store, reference: dict[str, torch.Tensor], injections: int, seed: int) -> None:
    dice = random.Random(seed)
    struck = 0
    while struck < injections:
        folder = new_run(store)
        struck += strike(folder, dice, min(5, injections - struck))
        outcome = folder.outcome()
        assert outcome is not None
        assert (outcome.status, outcome.step) == (Status.FINISHED, STEPS), outcome.reason
        ours = final_weights(folder)
        assert all(torch.equal(ours[name], reference[name]) for name in reference)
        steps = [row["step"] for row in read_events(folder.events_path, kinds=["train"]).rows]
        assert steps == sorted(set(steps))
        assert steps[-1] == STEPS


def test_training_survives_random_faults(store: Store, reference: dict[str, torch.Tensor]) -> None:
    check_random_faults(store, reference, injections=5, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_training_survives_many_random_faults(store: Store, reference: dict[str, torch.Tensor], seed: int) -> None:
    check_random_faults(store, reference, injections=25, seed=100 + seed)


def test_an_attempt_whose_number_is_lost_repeats_no_step_in_the_event_log(
    store: Store, reference: dict[str, torch.Tensor]
) -> None:
    folder = new_run(store)
    process = start_worker(folder)
    until(lambda: (last_step(folder.events_path) or 0) >= CHECKPOINT_EVERY + 5, "the middle")
    process.kill()
    process.join()
    folder.state_path.unlink()
    folder.write_state(RunState(status=Status.QUEUED, total_steps=STEPS, created=time.time()))
    start_worker(folder).join()
    ours = final_weights(folder)
    assert all(torch.equal(ours[name], reference[name]) for name in reference)
    steps = [row["step"] for row in read_events(folder.events_path, kinds=["train"]).rows]
    assert steps == list(range(1, STEPS + 1))


class _Refusing:
    """Lets a store refuse everything, again and again, until the worker has waited twice.

    Args:
        calls: after how many calls of the system it refuses again: more than a checkpoint takes.
    """

    def __init__(self, calls: int) -> None:
        self._errors = itertools.cycle([errno.EACCES, errno.EIO, errno.ESTALE])
        self._calls = self._left = calls
        self._waits = 0

    def __call__(self) -> None:
        usual = worker.patience_of

        def patience_of(folder: RunFolder) -> Patience:
            patience = usual(folder)
            patience._wait = self._wait
            return patience

        worker.patience_of = patience_of
        for name in ("open", "write", "fsync", "lstat", "rename", "unlink", "mkdir"):
            setattr(os, name, self._unless_refused(getattr(os, name)))

    def _unless_refused(self, act: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **more: object) -> object:
            self._left -= 1
            if self._left < 0:
                error = next(self._errors)
                raise OSError(error, os.strerror(error))
            return act(*arguments, **more)

        return call

    def _wait(self, seconds: float) -> None:
        assert self._left < 0, "it waited though nothing was refused"
        self._waits += 1
        if self._waits % 2 == 0:
            self._left = self._calls


def test_a_store_that_refuses_for_a_while_is_waited_for_wherever_it_happens(
    store: Store, reference: dict[str, torch.Tensor]
) -> None:
    folder = new_run(store)
    process = start_worker(folder, _Refusing(80))
    process.join(PATIENCE_SECONDS)
    process.kill()
    outcome = folder.outcome()
    assert outcome is not None, folder.log_path.read_text()
    assert (outcome.status, outcome.step) == (Status.FINISHED, STEPS), outcome.traceback
    ours = final_weights(folder)
    assert all(torch.equal(ours[name], reference[name]) for name in reference)
    events = read_events(folder.events_path)
    assert [row["step"] for row in events.rows if row["kind"] == "train"] == list(range(1, STEPS + 1))
    assert events.bad_lines == 0
    assert any("refused to be written" in row.get("text", "") for row in events.rows)


def _limit_file_size() -> None:
    # A quota of its own kind: Python ignores SIGXFSZ, so that writes fail with EFBIG.
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))


def test_a_checkpoint_that_cannot_be_written_ends_the_run_with_the_last_good_one(store: Store) -> None:
    folder = new_run(store, steps=10_000)
    process = start_worker(folder)
    until(lambda: checkpoints.steps(folder.checkpoints), "a checkpoint")
    process.kill()
    process.join()
    reached = checkpoints.steps(folder.checkpoints)
    assert look_at(folder).status is Status.CRASHED
    folder.update_state(lambda state: state.next_attempt(time.time(), automatic=False))
    limited = start_worker(folder, _limit_file_size)
    limited.join()
    outcome = folder.outcome()
    assert outcome is not None
    assert outcome.status is Status.FAILED
    assert "could not be written" in (outcome.reason or "")
    assert checkpoints.steps(folder.checkpoints) == reached
    assert checkpoints.load(folder.checkpoints / f"step-{reached[-1]:08d}").step == reached[-1]
    assert sorted(path.name for path in folder.checkpoints.iterdir()) == [f"step-{step:08d}" for step in reached]


def _fill_small_disk(target: Path, size: int, answers: Connection) -> None:
    """Train on a disk of a few checkpoints in a mount namespace of this process's own; then enlarge it and go on."""
    if not (may_mount() and mount_small_disk(target, size)):
        answers.send("not permitted")
        return
    folder = new_run(Store.open(target / "store"), "keep_checkpoints=1000")
    code = worker.main([str(folder.path)])
    outcome, kept = folder.outcome(), checkpoints.steps(folder.checkpoints)
    names = sorted(path.name for path in folder.checkpoints.iterdir())
    steps = [checkpoints.load(folder.checkpoints / name).step for name in names]
    free = os.statvfs(target).f_bavail * os.statvfs(target).f_bsize
    (target / "rest").write_bytes(b"x" * free)
    folder.update_state(lambda state: state.completed_from(outcome) if outcome else state)
    ended = look_at(folder).status
    (target / "rest").unlink()
    answers.send((code, outcome, kept, steps, ended))
    enlarge_disk(target, 100 * size)
    folder.fill_reserve()
    folder.update_state(lambda state: state.next_attempt(time.time(), automatic=False))
    worker.main([str(folder.path)])
    answers.send({name: tensor.numpy() for name, tensor in final_weights(folder).items()})


def test_a_full_disk_ends_the_run_cleanly_and_space_lets_it_go_on(
    tmp_path: Path, reference: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory
) -> None:
    example = next(tmp_path_factory.getbasetemp().glob("reference*/store/runs/*/checkpoints/step-00000060"))
    size = sum(path.stat().st_size for path in example.iterdir())
    receiving, sending = fork.Pipe(duplex=False)
    process = fork.Process(target=_fill_small_disk, args=(tmp_path, 3 * size + 300_000, sending))
    process.start()
    sending.close()
    answer = receiving.recv()
    if answer == "not permitted":
        process.join()
        pytest.skip("this system lets nobody mount a tmpfs in a namespace of their own")
    code, outcome, kept, whole, ended = answer
    assert code == 1
    assert outcome.status is Status.FAILED
    assert "could not be written" in outcome.reason
    assert kept == whole == [10, 20, 30]
    # Written though not a byte was free: at the cost of the reserve.
    assert ended is Status.FAILED
    weights = receiving.recv()
    process.join()
    assert all((weights[name] == reference[name].numpy()).all() for name in reference)


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + 40 * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def test_too_little_memory_is_named_with_its_remedy(store: Store) -> None:
    folder = new_run(store, "batch_size=16000")
    process = start_worker(folder, _limit_memory)
    process.join()
    outcome = folder.outcome()
    assert process.exitcode == 1
    assert outcome is not None
    assert outcome.status is Status.FAILED
    assert "out of memory" in (outcome.reason or "")
    assert "batch" in (outcome.reason or "")
    assert (outcome.traceback or "").startswith("Traceback")
    assert outcome.usage is not None


def _fill_log() -> None:
    sys.stdout = sys.stderr = os.fdopen(os.open("/dev/full", os.O_WRONLY), "w")


def test_a_log_that_cannot_be_written_costs_nothing_but_the_log(
    store: Store, reference: dict[str, torch.Tensor]
) -> None:
    folder = new_run(store)
    start_worker(folder, _fill_log).join()
    outcome = folder.outcome()
    assert outcome is not None
    assert (outcome.status, outcome.step) == (Status.FINISHED, STEPS), outcome.reason
    ours = final_weights(folder)
    assert all(torch.equal(ours[name], reference[name]) for name in reference)


def test_the_reason_of_a_failure_is_kept_though_the_log_cannot_be_written(store: Store) -> None:
    folder = new_run(store, "batch_size=65536")
    start_worker(folder, _fill_log).join()
    outcome = folder.outcome()
    assert outcome is not None
    assert outcome.status is Status.FAILED
    assert "batch" in (outcome.reason or "")
    assert (outcome.traceback or "").startswith("Traceback")
