"""The worker process: exact continuation, stopping, and truthful endings."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from engine.choosing.scoring import score_run
from engine.errors import InputError, StoreError
from engine.launch import worker
from engine.machine.processor import processor_name
from engine.metrics.independent_components import IndependentComponents
from engine.runs import folder as folder_module
from engine.runs.catalogue import list_runs
from engine.runs.events import last_row, read_events
from engine.runs.folder import RunFolder
from engine.runs.registry import Registry
from engine.runs.run_folders import create_run_folders
from engine.runs.specification.resolving import resolve
from engine.runs.state import Outcome, RunState, Status
from engine.selection import common_codes
from engine.storage.store import Store
from engine.training import checkpoints, estimate

STEPS = 60


def new_run(store: Store, *overrides: str, steps: int = STEPS, preset: str | None = None) -> RunFolder:
    small = [] if preset else ["generator.dense=[32]", "discriminator.dense=[32]", "contrastive.dense=[32]"]
    settings = ["checkpoint_every=20", "log_every=5", "score_every=0", "batch_size=16", *small, *overrides]
    (spec,) = resolve(preset=preset, overrides=settings, flags={"training.steps": steps, "threads": 1, "device": "cpu"})
    ((folder, lease),) = create_run_folders(store, [spec])
    os.close(lease)
    return folder


def start_worker(folder: RunFolder) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "engine.launch.worker", str(folder.path)]
    with folder.log_path.open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, cwd=Path(__file__).parents[2])


def work(folder: RunFolder) -> int:
    """What a worker does, without the seconds in which a process of its own loads PyTorch."""
    return worker.main([str(folder.path)])


def wait_for(condition, alive) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + 120
    while not condition():
        assert alive(), "the worker ended before the test could act"
        assert time.monotonic() < deadline
        time.sleep(0.005)


def next_attempt(folder: RunFolder) -> None:
    folder.update_state(lambda state: state.model_copy(update={"attempt": state.attempt + 1}))


def final_weights(folder: RunFolder, step: int = STEPS) -> dict[str, torch.Tensor]:
    return load_file(folder.checkpoints / f"step-{step:08d}" / checkpoints.WEIGHTS)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_killed_and_resumed_equals_uninterrupted_bit_for_bit(tmp_path: Path, precision: str) -> None:
    store = Store.open(tmp_path / "store")
    settings = ("lambda_cr=[[0,0],[30,0.5]]", f"precision={precision}")
    whole, broken = new_run(store, *settings), new_run(store, *settings)
    assert work(whole) == 0
    # A copy of this process, which has PyTorch loaded.
    process = multiprocessing.get_context("fork").Process(target=work, args=(broken,))
    process.start()
    wait_for(lambda: checkpoints.steps(broken.checkpoints), process.is_alive)
    process.kill()
    process.join()
    assert broken.outcome() is None
    reached = checkpoints.steps(broken.checkpoints)[-1]
    assert reached < STEPS
    next_attempt(broken)
    assert work(broken) == 0

    ours, expected = final_weights(broken), final_weights(whole)
    assert ours.keys() == expected.keys()
    assert all(torch.equal(ours[name], expected[name]) for name in ours)
    states = [checkpoints.load(f.checkpoints / f"step-{STEPS:08d}").trainer_state() for f in (whole, broken)]
    assert torch.equal(states[0]["draws"]["pairs"], states[1]["draws"]["pairs"])
    steps = [row["step"] for row in read_events(broken.events_path, kinds=["train"]).rows]
    assert steps == sorted(set(steps))
    assert steps[-1] == STEPS


def test_the_precision_is_in_events_checkpoints_outcome_and_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = new_run(Store.open(tmp_path / "store"), "precision=auto", "score_every=3", steps=3)
    assert list_runs(folder.store)[0].precision == "auto"
    monkeypatch.setattr(worker, "choose", lambda setting, device: "bfloat16")
    never: Any = SimpleNamespace(requested=False)
    outcome = worker.run(folder, never)
    assert outcome.precision == "bfloat16"
    notes = [row["text"] for row in read_events(folder.events_path, kinds=["note"]).rows]
    assert "hidden layers compute in bfloat16" in notes
    assert f"computed by {processor_name()} with PyTorch {torch.__version__}" in notes
    checkpoint = checkpoints.load(folder.checkpoints / "step-00000003")
    assert checkpoint.description["precision"] == "bfloat16"
    assert {tensor.dtype for tensor in checkpoint.weights().values()} == {torch.float32}
    folder.update_state(lambda state: state.completed_from(outcome))
    Registry(folder.store).update_runs([folder])
    assert list_runs(folder.store)[0].precision == "bfloat16"


def test_auto_keeps_what_it_came_to_where_the_run_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = new_run(Store.open(tmp_path / "store"), "precision=auto", "checkpoint_every=2", steps=4)
    chosen, requested = iter(["bfloat16", "float32"]), iter([False, True])
    monkeypatch.setattr(worker, "choose", lambda setting, device: next(chosen))

    class StopsAfterTwo:
        @property
        def requested(self) -> bool:
            return next(requested, False)

    stops: Any = StopsAfterTwo()
    assert worker.run(folder, stops).status is Status.STOPPED
    # On another machine, whose processor cannot.
    next_attempt(folder)
    assert worker.run(folder, stops).precision == "bfloat16"


def test_events_are_safe_before_the_checkpoint_that_they_led_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = new_run(Store.open(tmp_path / "store"), steps=50)
    save, seen = checkpoints.save, {}

    def look(path: Path, step: int, *rest: Any, **more: Any) -> checkpoints.Checkpoint:
        row = last_row(folder.events_path)
        seen[step] = row["step"] if row else None
        return save(path, step, *rest, **more)

    monkeypatch.setattr(checkpoints, "save", look)
    never: Any = SimpleNamespace(requested=False)
    worker.run(folder, never)
    # The one at 19, before the regulariser comes on, is between two rows: 15, and 20 which is not made yet.
    assert seen == {19: 15, 20: 20, 40: 40, 50: 50}


def test_a_state_that_is_lost_before_it_is_read_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = new_run(Store.open(tmp_path / "store"), steps=2)
    state = folder.state()
    folder.state_path.unlink()
    waits = []

    def repair(seconds: float) -> None:
        """As a supervisor does with its next heartbeat."""
        waits.append(seconds)
        if len(waits) == 3:
            folder.write_state(state)

    monkeypatch.setattr(folder_module.time, "sleep", repair)
    never: Any = SimpleNamespace(requested=False)
    outcome = worker.run(folder, never)
    assert (outcome.status, outcome.step) == (Status.FINISHED, 2)
    assert len(waits) >= 3


def test_sigterm_stops_after_a_checkpoint(tmp_path: Path) -> None:
    folder = new_run(Store.open(tmp_path / "store"), steps=1_000_000)
    process = start_worker(folder)
    wait_for(lambda: checkpoints.steps(folder.checkpoints), lambda: process.poll() is None)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    outcome = folder.outcome()
    assert outcome is not None
    assert outcome.status is Status.STOPPED
    assert outcome.step == checkpoints.steps(folder.checkpoints)[-1]


def test_the_model_before_a_schedule_change_is_kept(tmp_path: Path) -> None:
    folder = new_run(Store.open(tmp_path / "store"), "lambda_cr=[[0,0],[7,0.5]]", "keep_checkpoints=1", steps=50)
    assert work(folder) == 0
    assert checkpoints.steps(folder.checkpoints) == [7, 50]
    notes = [row["text"] for row in read_events(folder.events_path, kinds=["note"]).rows]
    assert "lambda_cr becomes 0.5" in notes
    assert "H is re-initialised" in notes


def test_a_diverging_run_fails_with_its_reason_and_shows_the_nan(tmp_path: Path) -> None:
    large = ("generator.dense=[128,256]", "discriminator.dense=[512,256]")
    folder = new_run(Store.open(tmp_path / "store"), "generator_learning_rate=1e30", "log_eps=0", *large)
    assert work(folder) == 1
    outcome = folder.outcome()
    assert outcome is not None
    assert outcome.status is Status.FAILED
    assert "diverged" in (outcome.reason or "")
    assert "Traceback" in (outcome.traceback or "")
    assert '"NaN"' in folder.events_path.read_text()


def test_a_damaged_newest_checkpoint_is_passed_over(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "store")
    whole, folder = new_run(store, steps=60), new_run(store, steps=60)
    for run in (whole, folder):
        assert work(run) == 0
    (folder.checkpoints / "step-00000060" / checkpoints.WEIGHTS).write_bytes(b"x")
    next_attempt(folder)
    assert work(folder) == 0
    assert (folder.checkpoints / "step-00000060.damaged").is_dir()
    ours, expected = final_weights(folder, 60), final_weights(whole, 60)
    assert all(torch.equal(ours[name], expected[name]) for name in ours)


def test_a_specification_that_cannot_be_built_is_one_sentence(tmp_path: Path) -> None:
    folder = new_run(Store.open(tmp_path / "store"), "method.generator.channels=[8,8,8,8,8]")
    assert work(folder) == 1
    outcome = folder.outcome()
    assert outcome is not None
    assert "32 cannot be halved 6 times" in (outcome.reason or "")
    assert isinstance(folder.state(), RunState)
    assert json.loads(folder.spec_path.read_text())["method"]["generator"]["channels"] == [8, 8, 8, 8, 8]


def test_components_are_scored_when_training_is_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common_codes, "COMMON_IMAGES", 1000)  # which is faster
    folder = new_run(Store.open(tmp_path / "store"), "score_codes=ica", steps=3, preset="quick")
    never: Any = SimpleNamespace(requested=False)
    outcome = worker.run(folder, never)
    folder.update_state(lambda state: state.completed_from(outcome))
    Registry(folder.store).update_runs([folder])
    [record] = list_runs(folder.store)
    by_command = score_run(folder.store, record, ["factor_vae"], codes="ica")["scores"]["factor_vae"]
    assert record.scores == {"factor_vae_ica": by_command}
    [row] = read_events(folder.events_path, kinds=["score"]).rows
    assert (row["step"], row["factor_vae_ica"]) == (3, by_command)

    # An attempt that finds the run trained, as after a crash before the score; and codes that cannot be known.
    unknown = IndependentComponents(np.eye(4), np.zeros(4), np.ones(4, dtype=np.bool_), 0.5, 4, settled=True)
    monkeypatch.setattr(worker, "find_components", lambda *_, **__: unknown)
    next_attempt(folder)
    assert worker.run(folder, never).scores == {}
    notes = [row["text"] for row in read_events(folder.events_path, kinds=["note"]).rows]
    assert any("components are not scored" in note and "ICA cannot know" in note for note in notes)


def test_no_run_trains_for_a_score_that_cannot_be_had(tmp_path: Path) -> None:
    np.save(tmp_path / "photos.npy", np.tile(np.arange(256, dtype=np.uint8), (20, 64, 1))[:, :, ::4])
    store = Store.open(tmp_path / "store")
    for settings in ([f"data.name={tmp_path / 'photos.npy'}"], ["codes=0", "lambda_cr=0", "categorical_codes=[3,3]"]):
        folder = new_run(store, "score_codes=ica", *settings, steps=3, preset="quick")
        never: Any = SimpleNamespace(requested=False)
        with pytest.raises(InputError, match=r"(no known factors|no continuous codes).*score_codes=own"):
            worker.run(folder, never)


def test_a_long_run_says_how_long_it_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "LONG_SECONDS", 0.0)
    monkeypatch.setattr(estimate, "LEAST_SECONDS", 0.0)
    overrides = ("lambda_cr=[[0,0],[15,0.5]]", "checkpoint_every=100")
    folder = new_run(Store.open(tmp_path / "store"), *overrides, steps=30)
    never: Any = SimpleNamespace(requested=False)
    worker.run(folder, never)
    told = [row for row in read_events(folder.events_path, kinds=["note"]).rows if "estimated_seconds" in row]
    # Once at the beginning, and again when the regulariser has made updates longer.
    assert [row["step"] for row in told] == [10, 25]
    assert told[0]["text"].startswith("about ")
    assert "to go: 20 updates at" in told[0]["text"]


def test_a_store_that_refuses_the_outcome_for_a_moment_makes_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = new_run(Store.open(tmp_path / "store"))
    monkeypatch.setattr(worker, "run", lambda folder, stop, patience: Outcome(status=Status.FINISHED, step=STEPS))
    write, refusals = RunFolder.write_outcome, [StoreError("outcome.json cannot be written: Permission denied")]

    def refuse_once(self: RunFolder, outcome: Outcome) -> None:
        if refusals:
            raise refusals.pop()
        write(self, outcome)

    monkeypatch.setattr(RunFolder, "write_outcome", refuse_once)
    assert worker.main([str(folder.path)]) == 0
    outcome = folder.outcome()
    assert outcome is not None
    assert outcome.status is Status.FINISHED
    # Nobody waits for a run that was deleted, and nobody sees a traceback.
    folder.delete()
    assert worker.main([str(folder.path)]) == 1
    assert capfd.readouterr().err.splitlines() == [
        f"error: how this attempt ended cannot be kept: run folder {folder.path} is gone"
    ]
