"""Runs handed over to other tools: every row once, after interruptions, resumed runs and refusals as well."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.errors import InputError
from engine.runs.event_log import EventLog
from engine.runs.events import Row
from engine.runs.folder import RunFolder
from engine.runs.run_folders import create_run_folders
from engine.runs.specification.resolving import resolve
from engine.storage.store import Store
from engine.tracking import follow, handover, tracker
from engine.tracking.handover import Handover, handover_lock, remove_copies
from tests.toys import until

Curve = list[tuple[int, float]]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    spec = resolve("vae", preset="quick", flags={"name": "one", "log": ["tensorboard"]})[0]
    [(made, lease)] = create_run_folders(Store.open(tmp_path / "store"), [spec])
    os.close(lease)
    return made


def train(folder: RunFolder, steps: Sequence[int], attempt: int = 1, resumed: int | None = None) -> None:
    """Write what a run writes at these steps: a loss that tells step and attempt."""
    with EventLog(folder.events_path, attempt) as log:
        if resumed is not None:
            log.resumed(resumed)
        for step in steps:
            log.write(step, "train", loss=step + attempt / 10)


class Memory:
    """A tool that keeps rows in memory, and cannot forget."""

    PACKAGE = "json"
    REWINDS = False

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.refuses = False
        self.opened = 0

    def place(self, run: tracker.TrackedRun) -> None:
        return None

    def open_run(self, run: tracker.TrackedRun, place: Path | None) -> Memory:
        self.opened += 1
        return self

    def write(self, rows: Sequence[Row]) -> None:
        if self.refuses:
            raise ConnectionError("no route to the tool")
        self.rows += rows

    def close(self) -> None:
        pass

    @property
    def steps(self) -> list[int]:
        return [row["step"] for row in self.rows]


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    tool = Memory()
    monkeypatch.setattr(handover, "tracker", lambda name: tool)
    return tool


def hand_over(folder: RunFolder, tool: str) -> int:
    opened = Handover(folder, tool)
    count = opened.catch_up()
    opened.close()
    return count


def test_every_row_is_handed_over_once(folder: RunFolder, memory: Memory) -> None:
    assert hand_over(folder, "memory") == 0
    train(folder, [10, 20])
    assert hand_over(folder, "memory") == 2
    assert hand_over(folder, "memory") == 0
    train(folder, [30])
    assert hand_over(folder, "memory") == 1
    assert memory.steps == [10, 20, 30]
    assert memory.opened == 2, "the tool is opened without anything to tell"


def test_steps_computed_again_are_not_handed_over_twice(folder: RunFolder, memory: Memory) -> None:
    train(folder, [10, 20, 30])
    live = Handover(folder, "memory")
    live.catch_up()
    train(folder, [20, 30, 40], attempt=2, resumed=10)
    live.catch_up()
    assert memory.steps == [10, 20, 30, 40]
    train(folder, [30, 40, 50], attempt=3, resumed=20)
    hand_over(folder, "memory")
    assert memory.steps == [10, 20, 30, 40, 50]


def test_after_a_refusal_the_rest_is_handed_over(folder: RunFolder, memory: Memory) -> None:
    train(folder, [10, 20])
    memory.refuses = True
    with pytest.raises(ConnectionError):
        hand_over(folder, "memory")
    memory.refuses = False
    assert hand_over(folder, "memory") == 2


def test_a_tool_that_fails_is_said_once_and_harms_nothing(
    folder: RunFolder, memory: Memory, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    train(folder, [10, 20])
    memory.refuses = True
    monkeypatch.setattr(follow, "_RETRY_SECONDS", 0.0)
    follower = follow.Follower(folder, "memory")
    follower.catch_up()
    follower.catch_up()
    said = capsys.readouterr().out
    assert said.count("ConnectionError: no route to the tool; the run goes on") == 1
    memory.refuses = False
    follower.catch_up(last=True)
    assert memory.steps == [10, 20]


def test_a_damaged_position_only_means_that_all_is_handed_over_again(folder: RunFolder, memory: Memory) -> None:
    train(folder, [10])
    hand_over(folder, "memory")
    (folder.path / "tracking" / "memory.json").write_text("{")
    assert hand_over(folder, "memory") == 1


def test_only_one_process_at_a_time_hands_a_run_over(folder: RunFolder) -> None:
    with handover_lock(folder) as first, handover_lock(folder) as second:
        assert (first, second) == (True, False)
    with handover_lock(folder) as third:
        assert third


def test_following_ends_with_the_run(folder: RunFolder, memory: Memory) -> None:
    train(folder, [10])
    calls = iter([False, False, True])
    follow.follow(folder, ["memory"], lambda: next(calls, True), poll_seconds=0.0)
    assert memory.steps == [10]


@pytest.mark.parametrize(
    ("name", "message"), [("nonsense", "there is no tool 'nonsense'"), ("wandb", "pip install x_")]
)
def test_a_tool_that_is_not_there_is_named(name: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.tracking import wandb

    monkeypatch.setattr(wandb, "PACKAGE", "x_not_installed")
    with pytest.raises(InputError, match=message):
        tracker.tracker(name)


# TensorBoard, read back by itself.


def scalars(folder: RunFolder, tag: str = "train/loss") -> Curve:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    (place,) = (folder.store.root / "tensorboard").iterdir()
    read = accumulator.EventAccumulator(str(place), size_guidance={"scalars": 0})
    read.Reload()
    return [(event.step, round(event.value, 3)) for event in read.Scalars(tag)]


def test_tensorboard_has_every_row_once(folder: RunFolder) -> None:
    pytest.importorskip("tensorboard")
    train(folder, [10, 20])
    assert hand_over(folder, "tensorboard") == 2
    train(folder, [30])
    assert hand_over(folder, "tensorboard") == 1
    assert hand_over(folder, "tensorboard") == 0
    assert scalars(folder) == [(10, 10.1), (20, 20.1), (30, 30.1)]


@pytest.mark.parametrize("live", [True, False])
def test_tensorboard_forgets_what_a_resumed_run_computes_again(folder: RunFolder, live: bool) -> None:
    pytest.importorskip("tensorboard")
    train(folder, [10, 20, 30])
    opened = Handover(folder, "tensorboard")
    opened.catch_up()
    if not live:
        opened.close()
        opened = Handover(folder, "tensorboard")
    train(folder, [20, 30, 40], attempt=2, resumed=10)
    opened.catch_up()
    opened.close()
    assert scalars(folder) == [(10, 10.1), (20, 20.2), (30, 30.2), (40, 40.2)]


def test_rows_that_were_written_before_a_kill_are_not_there_twice(folder: RunFolder) -> None:
    pytest.importorskip("tensorboard")
    train(folder, [10])
    hand_over(folder, "tensorboard")
    position = folder.path / "tracking" / "tensorboard.json"
    before = position.read_bytes()
    train(folder, [20, 30])
    hand_over(folder, "tensorboard")
    position.write_bytes(before)
    hand_over(folder, "tensorboard")
    assert scalars(folder) == [(10, 10.1), (20, 20.1), (30, 30.1)]


def test_tensorboard_starts_again_where_its_folder_is_gone(folder: RunFolder) -> None:
    pytest.importorskip("tensorboard")
    train(folder, [10])
    hand_over(folder, "tensorboard")
    remove_copies(folder)
    assert not list((folder.store.root / "tensorboard").iterdir())
    assert hand_over(folder, "tensorboard") == 1
    assert scalars(folder) == [(10, 10.1)]


def test_weights_and_biases_keeps_a_run_offline(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", exc_type=ImportError)
    monkeypatch.setenv("WANDB_MODE", "offline")
    train(folder, [10, 20])
    assert hand_over(folder, "wandb") == 2
    assert hand_over(folder, "wandb") == 0
    (kept,) = (folder.store.root / "wandb").glob(f"offline-run-*-{folder.id}/run-{folder.id}.wandb")
    # Its own process writes the file, and is not waited for when an offline run ends.
    until(lambda: b"train/loss" in kept.read_bytes(), "what was handed over")


def test_trackio_is_given_numbers_and_steps(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a stand-in with Trackio's calls: the package itself pins an older Pillow than our tests have."""
    given: list[tuple[dict[str, float], int]] = []
    asked: dict[str, Any] = {}

    def init(**options: Any) -> SimpleNamespace:
        asked.update(options)
        return SimpleNamespace(log=lambda numbers, step: given.append((numbers, step)), finish=lambda: None)

    monkeypatch.setitem(sys.modules, "trackio", SimpleNamespace(init=init))
    monkeypatch.setattr("engine.tracking.trackio.PACKAGE", "json")
    train(folder, [10, 20])
    assert hand_over(folder, "trackio") == 2
    assert given == [({"train/loss": 10.1}, 10), ({"train/loss": 20.1}, 20)]
    assert (asked["project"], asked["name"], asked["resume"]) == ("crtui", f"one-{folder.id[-6:]}", "allow")


def test_numbers_have_the_kind_of_their_row_before_them() -> None:
    row = {"step": 1, "time": 2.0, "kind": "score", "attempt": 1, "factor_vae": 0.5, "text": "no number", "yes": True}
    assert tracker.numbers_of(row) == {"score/factor_vae": 0.5}
