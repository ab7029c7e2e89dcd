"""Runs that are deleted and brought back."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from engine.errors import InputError
from engine.launch import trash
from engine.runs.catalogue import list_runs, look_at
from engine.runs.folder import RunFolder
from engine.runs.registry import Registry
from engine.runs.run_folders import create_run_folders
from engine.runs.state import Status
from engine.storage.store import Store


class _Spec(BaseModel):
    name: str = "one"
    group: str | None = None
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
    def make(status: Status = Status.FINISHED) -> RunFolder:
        ((folder, lease),) = create_run_folders(store, [_Spec()])
        os.close(lease)
        folder.update_state(lambda present: present.model_copy(update={"status": status}))
        (folder.checkpoints / "step-00000001").mkdir(parents=True)
        (folder.checkpoints / "step-00000001" / "weights").write_text("precious")
        Registry(store).add_runs([folder])
        return folder

    return make


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_discarded_run_is_out_of_every_list_and_comes_back_whole(
    store: Store, make_run: Callable[..., RunFolder]
) -> None:
    folder, other = make_run(), make_run()
    before = contents(folder.path)
    trash.discard(store, look_at(folder))
    assert [record.id for record in list_runs(store)] == [other.id]
    assert [row.id for row in Registry(store).rows()] == [other.id]
    Registry(store).reindex()
    assert [record.id for record in list_runs(store)] == [other.id]
    restored = trash.restore(store, folder.id)
    assert (restored.id, restored.status) == (folder.id, Status.FINISHED)
    assert {record.id for record in list_runs(store)} == {folder.id, other.id}
    assert contents(folder.path) == before


def test_what_was_purged_is_gone_and_says_so(store: Store, make_run: Callable[..., RunFolder]) -> None:
    folder, kept = make_run(), make_run()
    trash.discard(store, look_at(folder))
    trash.discard(store, look_at(kept))
    trash.purge(store, [folder.id])
    assert [path.name for path in store.trash.iterdir()] == [kept.id]
    with pytest.raises(InputError, match=folder.id):
        trash.restore(store, folder.id)
    trash.restore(store, kept.id)


def test_what_nobody_came_back_for_goes_after_a_day(store: Store, make_run: Callable[..., RunFolder]) -> None:
    old, new = make_run(), make_run()
    os.utime(old.path, (1.0, 1.0))
    trash.discard(store, look_at(old))
    trash.discard(store, look_at(new))
    trash.purge(store)
    assert len(list(store.trash.iterdir())) == 2
    os.utime(store.trash / old.id, (1.0, 1.0))
    trash.purge(store)
    assert [path.name for path in store.trash.iterdir()] == [new.id]


def test_a_run_that_lives_is_not_discarded_and_one_that_is_gone_leaves_the_registry(
    store: Store, make_run: Callable[..., RunFolder]
) -> None:
    folder = make_run()
    lease = folder.take_lease()
    try:
        with pytest.raises(InputError, match="stop it first"):
            trash.discard(store, look_at(folder))
    finally:
        os.close(lease)
    assert folder.path.is_dir()
    shutil.rmtree(folder.path)
    trash.discard(store, look_at(folder))
    assert folder.id not in {row.id for row in Registry(store).rows()}
    assert not store.trash.exists()


def test_a_run_is_never_put_over_another(store: Store, make_run: Callable[..., RunFolder]) -> None:
    folder = make_run()
    trash.discard(store, look_at(folder))
    folder.path.mkdir()
    with pytest.raises(InputError, match="cannot be brought back"):
        trash.restore(store, folder.id)
    assert (store.trash / folder.id / "spec.json").exists()


def test_purging_an_empty_store_does_nothing(store: Store) -> None:
    trash.purge(store, ["none"])
    assert not store.trash.exists()
