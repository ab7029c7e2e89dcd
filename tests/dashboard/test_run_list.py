"""The list of runs of a store that changes, suffers and comes back."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from pydantic import BaseModel

from cr_tui.dashboard.app import Dashboard
from cr_tui.dashboard.model.data import Run
from cr_tui.dashboard.runs.run_detail import headline
from cr_tui.dashboard.runs.run_table import RunTable
from cr_tui.dashboard.store import run_list
from cr_tui.dashboard.store.source import StoreSource
from engine.errors import InputError
from engine.launch.owners import Owner
from engine.launch.waits import Holder, Wait
from engine.machine.processes import ProcessIdentity
from engine.runs.event_log import EventLog
from engine.runs.folder import RunFolder
from engine.runs.registry import Registry
from engine.runs.run_folders import create_run_folders
from engine.runs.state import Status
from engine.storage.store import Store


class _Spec(BaseModel):
    name: str
    group: str | None = "pool"
    seed: int = 3
    device: str = "cpu"
    threads: int = 1
    method: dict[str, Any] = {"name": "infogan", "noise": 5, "unset": None}
    data: dict[str, str] = {"name": "tiny"}
    training: dict[str, int] = {"steps": 100}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


@pytest.fixture
def make_run(store: Store) -> Callable[..., RunFolder]:
    def make(name: str = "one", **changes: Any) -> RunFolder:
        ((folder, lease),) = create_run_folders(store, [_Spec(name=name)])
        os.close(lease)
        state = {"status": Status.FINISHED, "step": 100, **changes}
        folder.update_state(lambda present: present.model_copy(update=state))
        Registry(store).add_runs([folder])
        return folder

    return make


def named(runs: list[Run]) -> dict[str, Run]:
    """Runs by name: those of one second have no particular order."""
    return {run.name: run for run in runs}


def test_runs_that_did_not_change_are_the_same_objects(store: Store, make_run: Callable[..., RunFolder]) -> None:
    make_run("a")
    live = make_run("b", status=Status.RUNNING, supervisor=ProcessIdentity.own())
    source = StoreSource(store)
    source.runs()
    before = source.runs()
    after = source.runs()
    assert [one is other for one, other in zip(before, after, strict=True)] == [True, True]
    with EventLog(live.events_path) as events:
        events.write(42, "train", loss_a=1.0)
    changed = source.runs()
    assert {run.name: run in after and run is after[after.index(run)] for run in changed} == {"a": True, "b": False}
    assert named(changed)["b"].step == 42


def test_what_is_new_ended_or_gone_is_seen_at_the_next_look(store: Store, make_run: Callable[..., RunFolder]) -> None:
    first = make_run("a", status=Status.RUNNING, supervisor=ProcessIdentity.own())
    source = StoreSource(store)
    assert [run.status for run in source.runs()] == ["running"]
    second = make_run("b")
    assert set(named(source.runs())) == {"a", "b"}
    # The supervisor is gone and nobody says so.
    vanished = ProcessIdentity(host="h", boot_id=ProcessIdentity.own().boot_id, pid=2**30, start_time=1.0)
    first.update_state(lambda state: state.model_copy(update={"supervisor": vanished}))
    runs = named(source.runs())
    assert (runs["a"].status, runs["b"].status) == ("crashed", "finished")
    assert "vanished" in runs["a"].reason
    shutil.rmtree(second.path)
    assert named(source.runs())["b"].reason == "run folder is gone"
    source.remove(second.id)
    assert [run.name for run in source.runs()] == ["a"]


def test_settings_are_read_after_the_first_look_and_never_again(
    store: Store, make_run: Callable[..., RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run("a")
    source = StoreSource(store)
    assert source.runs()[0].settings == {}
    (run,) = source.runs()
    assert run.settings["method.noise"] == 5
    assert run.settings["training.steps"] == 100
    assert "method.unset" not in run.settings
    monkeypatch.setattr(run_list, "values_of", lambda *_: pytest.fail("read again"))
    source.runs()
    assert source.settings(folder.id) is run.settings


def test_losses_are_read_only_of_runs_on_the_screen(store: Store, make_run: Callable[..., RunFolder]) -> None:
    folders = [make_run("a"), make_run("b")]
    for folder in folders:
        with EventLog(folder.events_path) as events:
            for step in range(20):
                events.write(step, "train", loss_a=20.0 - step)
    source = StoreSource(store)
    source.watch([folders[1].id])
    runs = named(source.runs())
    assert runs["a"].losses == ()
    assert runs["b"].losses[0] == 20.0
    assert runs["b"].losses[-1] < 3.0


def test_ranks_come_from_the_newest_selection(store: Store, make_run: Callable[..., RunFolder]) -> None:
    ids = [make_run(name).id for name in "abc"]
    for number, ranking in enumerate([[ids[0], ids[1]], [ids[1], ids[0]]]):
        folder = store.selections / f"s{number}"
        folder.mkdir()
        verdict = {"model-centrality": {"scores": [0.5, 0.6], "ranking": ranking}}
        (folder / "ranking.json").write_bytes(orjson.dumps({"runs": ids[:2], "methods": verdict}))
        os.utime(folder / "ranking.json", (time.time() - 100 + number,) * 2)
    ranks = {run.id: run.rank for run in StoreSource(store).runs()}
    assert [ranks[run_id] for run_id in ids] == [2, 1, None]


def test_a_store_that_goes_is_named_and_one_that_returns_is_read(
    store: Store, make_run: Callable[..., RunFolder]
) -> None:
    make_run("a")
    source = StoreSource(store)
    source.runs()
    aside = store.root.with_name("aside")
    store.root.rename(aside)
    with pytest.raises(InputError, match=r"is gone; waiting for"):
        source.runs()
    aside.rename(store.root)
    assert [run.name for run in source.runs()] == ["a"]


def test_events_that_are_torn_cut_and_written_at_once(store: Store, make_run: Callable[..., RunFolder]) -> None:
    folder = make_run("a")
    follower = StoreSource(store).follow(folder.id)

    def read() -> tuple[list[float], list[float]]:
        while follower.poll():
            pass
        steps, values = follower.history.points("train", "loss_a")
        return steps.tolist(), values.tolist()

    path = folder.events_path
    path.write_bytes(b'{"step":1,"time":1,"kind":"train","loss_a":1.0}\n\xff\xfe\n[1]\n{"step":2,"time":2,"ki')
    assert read() == ([1.0], [1.0])
    with path.open("ab") as file:
        file.write(b'nd":"train","loss_a":"NaN"}\n')
    steps, values = read()
    assert steps == [1.0, 2.0]
    assert np.isnan(values[1])
    path.write_bytes(b'{"step":7,"time":1,"kind":"train","loss_a":5.0}\n')
    assert read() == ([7.0], [5.0])
    path.unlink()
    assert read() == ([], [])
    path.mkdir()
    assert read() == ([], [])


async def test_the_dashboard_outlives_its_store(
    store: Store, make_run: Callable[..., RunFolder], drive: Any, tmp_path: Path
) -> None:
    folder = make_run("steady")
    with EventLog(folder.events_path) as events:
        for step in range(50):
            events.write(step, "train", loss_a=1.0 / (step + 1))
    app = Dashboard(StoreSource(store), refresh_seconds=0.1, state_path=tmp_path / "state" / "dashboard.json")
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await drive.settle(pilot, lambda: "steady" in drive.text(app) and "losses" in drive.text(app))
        aside = store.root.with_name("aside")
        store.root.rename(aside)
        await drive.settle(pilot, lambda: "waiting for" in drive.text(app))
        for key in "26543215":
            drive.press(app, key)
            await drive.settle(pilot)
        drive.press(app, "1")
        await drive.settle(pilot, lambda: "steady" in drive.text(app))
        aside.rename(store.root)
        await drive.settle(pilot, lambda: "waiting for" not in drive.text(app) and "1 run" in drive.text(app))
        drive.press(app, "o", *"status", "enter")
        await drive.settle(pilot, lambda: app.session.view.sort == "status")
        drive.press(app, "space")
        await drive.settle(pilot, lambda: app.session.marked == [folder.id])
    again = Dashboard(StoreSource(store), refresh_seconds=60, state_path=tmp_path / "state" / "dashboard.json")
    async with again.run_test(size=(120, 40), notifications=True) as pilot:
        await drive.settle(pilot, lambda: again.screen.query(RunTable).first().row_count == 1)
        assert again.session.marked == [folder.id]
        assert again.session.view.sort == app.session.view.sort == "status"


def test_a_queued_run_says_who_has_its_device(
    store: Store, make_run: Callable[..., RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(status=Status.QUEUED, supervisor=ProcessIdentity.own())
    holders = (Holder(2, Owner("20260101-000000-abc", "theirs", "/their/store")),)
    monkeypatch.setattr(run_list, "waits_of", lambda records: {folder.id: Wait(1, "cpu", holders)})
    source = StoreSource(store)
    sentence = "first in line for cores, held by theirs (20260101-000000-abc) of the store /their/store"
    [run] = source.runs()
    assert run.reason == sentence
    run = source.runs()[0]  # with its settings, which the second look reads
    assert source.runs()[0] is run
    assert sentence in str(headline(run, 200))
    monkeypatch.setattr(run_list, "waits_of", lambda records: {})
    assert source.runs()[0].reason == ""
    source.close()
