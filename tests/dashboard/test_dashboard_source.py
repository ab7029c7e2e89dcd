"""The store as the dashboard reads it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from pydantic import BaseModel

from cr_tui.dashboard.model.data import DiskUse
from cr_tui.dashboard.model.new_runs import NewRuns
from cr_tui.dashboard.runs.actions import disk_use_text
from cr_tui.dashboard.store.source import StoreSource
from engine.errors import ChangedDataError, InputError
from engine.launch import launchers
from engine.machine.processes import ProcessIdentity
from engine.runs.data_record import WAY_ON
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
    method: dict[str, Any] = {"name": "infogan"}
    data: dict[str, str] = {"name": "tiny"}
    training: dict[str, int] = {"steps": 100}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


@pytest.fixture
def make_run(store: Store) -> Callable[..., RunFolder]:
    """Makes a run that has ended."""

    def make(name: str = "one", **changes: Any) -> RunFolder:
        ((folder, lease),) = create_run_folders(store, [_Spec(name=name)])
        os.close(lease)
        state = {"status": Status.FINISHED, "step": 100, **changes}
        folder.update_state(lambda present: present.model_copy(update=state))
        Registry(store).add_runs([folder])
        return folder

    return make


def _read_all(follower: Any) -> None:
    while follower.poll():
        pass


def test_lists_runs_with_all_that_the_table_shows(store: Store, make_run: Callable[..., RunFolder]) -> None:
    folder = make_run(status=Status.FAILED, reason="diverged", scores={"mig": 0.25, "sap": None})
    (run,) = StoreSource(store).runs()
    assert (run.id, run.name, run.group, run.method, run.data, run.seed) == (
        folder.id,
        "one",
        "pool",
        "infogan",
        "tiny",
        3,
    )
    assert (run.status, run.step, run.total_steps, run.reason) == ("failed", 100, 100, "diverged")
    assert run.scores == {"mig": 0.25}
    assert run.eta is None
    assert abs(run.created - time.time()) < 60


def test_running_runs_show_their_newest_scores(store: Store, make_run: Callable[..., RunFolder]) -> None:
    folder = make_run(status=Status.RUNNING, scores={"mig": 0.1, "sap": 0.2}, supervisor=ProcessIdentity.own())
    source = StoreSource(store)
    with EventLog(folder.events_path) as events:
        events.write(10, "score", mig=0.3, factor_vae=0.5)
        events.write(20, "score", mig=0.4)
    (run,) = source.runs()
    assert run.status == "running"
    assert run.scores == {"mig": 0.4, "sap": 0.2, "factor_vae": 0.5}
    with EventLog(folder.events_path) as events:
        events.write(30, "score", mig=0.6)
    assert source.runs()[0].scores["mig"] == 0.6


def test_a_running_run_says_at_the_first_look_how_long_it_will_take(
    store: Store, make_run: Callable[..., RunFolder]
) -> None:
    folder = make_run(status=Status.RUNNING, supervisor=ProcessIdentity.own())
    with EventLog(folder.events_path) as events:
        events.write(20, "train", loss=1.0, iterations_per_second=0.5)
        events.write(20, "score", mig=0.3)
    (run,) = StoreSource(store).runs()
    assert run.eta == pytest.approx((run.total_steps - 20) / 0.5, abs=1)


def test_a_damaged_registry_is_named(store: Store, make_run: Callable[..., RunFolder]) -> None:
    make_run()
    store.registry_path.write_bytes(b"\0" * 100)
    with pytest.raises(InputError, match="reindex"):
        StoreSource(store).runs()


def test_follows_events_and_log_as_they_grow(store: Store, make_run: Callable[..., RunFolder]) -> None:
    folder = make_run()
    follower = StoreSource(store).follow(folder.id)
    assert not follower.poll()
    with EventLog(folder.events_path) as events:
        for step in range(3000):
            events.write(step, "train", loss_a=float(step))
    folder.log_path.write_text("first\nstep 1\rstep 2\rstep 3\n")
    _read_all(follower)
    assert follower.history.points("train", "loss_a")[0].size == 3000
    assert list(follower.log) == ["first", "step 3"]
    with EventLog(folder.events_path, attempt=2) as events:
        events.resumed(1000)
        events.write(1001, "train", loss_a=float("nan"))
    _read_all(follower)
    steps, values = follower.history.points("train", "loss_a")
    assert steps[-1] == 1001
    assert steps.size == 1002
    assert np.isnan(values[-1])


def test_one_poll_reads_a_bounded_piece(store: Store, make_run: Callable[..., RunFolder]) -> None:
    folder = make_run()
    with EventLog(folder.events_path) as events:
        for step in range(3000):
            events.write(step, "train", loss_a=float(step))
    follower = StoreSource(store).follow(folder.id)
    assert follower.poll()
    assert 0 < follower.history.points("train", "loss_a")[0].size < 1000


def test_a_log_that_is_replaced_removed_or_a_link_does_no_harm(
    store: Store, make_run: Callable[..., RunFolder], tmp_path: Path
) -> None:
    folder = make_run()
    follower = StoreSource(store).follow(folder.id)
    folder.log_path.write_text("a\n")
    _read_all(follower)
    folder.log_path.unlink()
    assert follower.poll()
    assert list(follower.log) == []
    (tmp_path / "secret").write_text("secret\n")
    folder.log_path.symlink_to(tmp_path / "secret")
    _read_all(follower)
    assert list(follower.log) == []
    folder.log_path.unlink()
    folder.log_path.write_bytes(b"x" * 100_000 + b"\nlast \xff\x1b[2J\n")
    _read_all(follower)
    assert list(follower.log) == ["last \ufffd\x1b[2J"]


def test_reads_stored_selections_newest_first_and_passes_over_damage(store: Store) -> None:
    def keep(name: str, content: object, age: float) -> None:
        (store.selections / name).mkdir()
        path = store.selections / name / "ranking.json"
        path.write_bytes(content if isinstance(content, bytes) else orjson.dumps(content))
        os.utime(path, (time.time() - age,) * 2)

    verdict = {"scores": [0.5, None], "ranking": ["a"], "pick": "a"}
    good = {"runs": ["a", "b"], "methods": {"model-centrality": verdict}, "matrix": [[1.0, 0.5], [None, 1.0]]}
    keep("old", {**good, "methods": {"udr-lasso": verdict}, "matrix": None} | {}, 100)
    keep("new", good, 10)
    keep("torn", orjson.dumps(good)[:-5], 1)
    keep("wrong", {**good, "matrix": [[1.0]]}, 1)
    keep("foreign", {**good, "methods": {"x": {"scores": [1, 2], "ranking": ["c"]}}}, 1)
    keep("list", [1, 2], 1)
    (store.selections / "cache").mkdir()
    found = StoreSource(store).selections()
    assert [selection.id for selection in found] == ["new"]
    assert found[0].runs == ("a", "b")
    assert found[0].in_order[0][1].ranking == ("a",)
    assert np.isnan(found[0].in_order[0][1].scores[1])
    assert found[0].matrix is not None
    assert np.isnan(found[0].matrix[1, 0])


def test_a_deleted_selection_goes(store: Store) -> None:
    (store.selections / "s").mkdir()
    verdict = {"scores": [0.5, 0.6], "ranking": ["b", "a"]}
    path = store.selections / "s" / "ranking.json"
    path.write_bytes(orjson.dumps({"runs": ["a", "b"], "methods": {"m": verdict}}))
    source = StoreSource(store)
    assert len(source.selections()) == 1
    path.unlink()
    (store.selections / "s").rmdir()
    assert source.selections() == []


def test_offers_every_method_with_its_presets(store: Store) -> None:
    source = StoreSource(store)
    assert {"infogan-cr", "infogan"} <= {choice.name for choice in source.methods()}
    assert {"quick", "paper"} <= {preset.name for preset in source.method_form("infogan-cr").presets}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"method": "nope"}, "nope"),
        ({"texts": {"training.steps": "many"}}, "many"),
        ({"texts": {"seed": "4-2"}}, "4-2"),
        ({"texts": {"name": "../x"}}, "name"),
        ({"texts": {"name": "a\x1bb"}}, "name"),
        ({"texts": {"data.name": "nowhere"}}, "nowhere"),
        ({"preset": "fast"}, "fast"),
    ],
)
def test_refuses_what_the_command_line_refuses(store: Store, wrong: dict[str, Any], message: str) -> None:
    request = NewRuns(**{"method": "infogan-cr", "preset": "quick", **wrong})
    with pytest.raises(InputError, match=message):
        StoreSource(store).start(request)
    assert list(store.runs.iterdir()) == []


def test_removes_a_run(store: Store, make_run: Callable[..., RunFolder]) -> None:
    folder = make_run()
    source = StoreSource(store)
    source.remove(folder.id)
    assert source.runs() == []
    assert not folder.path.exists()
    source.bring_back(folder.id)
    assert [run.id for run in source.runs()] == [folder.id]
    source.remove(folder.id)
    source.close()
    assert list(store.trash.iterdir()) == []


def test_weighs_what_would_be_lost(store: Store, make_run: Callable[..., RunFolder]) -> None:
    folder = make_run()
    for step in (1, 2):
        (folder.checkpoints / f"step-{step:08}").mkdir(parents=True)
        (folder.checkpoints / f"step-{step:08}" / "weights").write_bytes(b"x" * 10_000_000)
    found = StoreSource(store).disk_use([folder.id, "gone"])
    assert found.checkpoints == 2
    assert disk_use_text(found) == "2 checkpoints, 20.1 MB"
    assert disk_use_text(DiskUse()) == "no checkpoint, 0 bytes"


def test_a_run_that_failed_because_its_data_changed_goes_on_only_if_they_are_accepted(
    store: Store, make_run: Callable[..., RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(status=Status.FAILED, reason=f"the data are others; put them back, or {WAY_ON}")
    asked: list[bool] = []
    monkeypatch.setattr(launchers, "resume", lambda record, accept_data: asked.append(accept_data))
    source = StoreSource(store)
    with pytest.raises(ChangedDataError, match="the data are others"):
        source.resume(folder.id)
    source.resume(folder.id, accept_data=True)
    assert asked == [True]
    source.close()
