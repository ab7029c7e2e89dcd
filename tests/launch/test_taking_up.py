"""Taking up runs: what is new is started, what ended early is resumed, and nothing else is touched."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.launch import launchers
from engine.launch.taking_up import earlier_runs, take_up
from engine.runs.catalogue import RunRecord, look_at
from engine.runs.registry import Registry
from engine.runs.run_folders import create_run_folders
from engine.runs.specification.resolving import resolve
from engine.runs.specification.spec import RunSpec
from engine.runs.state import Status
from engine.storage.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[object]]:
    """What launchers were asked to start and to resume."""
    calls: dict[str, list[object]] = {"start": [], "resume": []}

    def start(store: Store, specs: Sequence[RunSpec]) -> list[RunRecord]:
        calls["start"] += specs
        return [made(store, spec, Status.FINISHED) for spec in specs]

    def resume(record: RunRecord) -> RunRecord:
        calls["resume"].append(record.id)
        return record

    monkeypatch.setattr(launchers, "start", start)
    monkeypatch.setattr(launchers, "resume", resume)
    return calls


def made(store: Store, spec: RunSpec, status: Status) -> RunRecord:
    ((folder, lease),) = create_run_folders(store, [spec])
    os.close(lease)
    folder.update_state(lambda state: state.ended_as(status))
    Registry(store).add_runs([folder])
    return look_at(folder)


def wanted(group: str = "mine", seeds: Sequence[int] = (0, 1, 2)) -> list[RunSpec]:
    return resolve("vae", preset="quick", seeds=seeds, flags={"group": group, "name": "vae"})


def test_each_specification_gets_one_run_in_its_place(store: Store, asked: dict[str, list[object]]) -> None:
    specs = wanted()
    stopped, finished = made(store, specs[0], Status.STOPPED), made(store, specs[2], Status.FINISHED)
    pool = take_up(store, specs, earlier_runs(store, specs))
    assert (asked["start"], asked["resume"]) == ([specs[1]], [stopped.id])
    assert [pool[0].id, pool[2].id] == [stopped.id, finished.id]
    assert [record.seed for record in pool] == [0, 1, 2]
    asked["start"].clear()
    take_up(store, specs, earlier_runs(store, specs))
    assert asked["start"] == []


def test_of_several_runs_the_one_that_got_farthest_is_taken(store: Store) -> None:
    (spec,) = wanted(seeds=[0])
    made(store, spec, Status.FAILED)
    finished = made(store, spec, Status.FINISHED)
    made(store, spec, Status.CRASHED)
    assert [record and record.id for record in earlier_runs(store, [spec])] == [finished.id]


def test_runs_of_other_settings_and_damaged_ones_are_not_taken(store: Store) -> None:
    (spec,) = wanted(seeds=[0])
    made(store, wanted("other", [0])[0], Status.FINISHED)
    made(store, spec.model_copy(update={"seed": 7}), Status.FINISHED)
    for path in made(store, spec, Status.FINISHED).folder.path.rglob("*spec*"):
        path.write_text("{")
    assert earlier_runs(store, [spec]) == [None]
