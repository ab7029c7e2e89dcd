"""Of what changes several files of a run, one step counts: before it nothing has happened, after it everything has."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.errors import CrtuiError, WorkError
from engine.launch import launchers, local, trash
from engine.runs import folder as folder_module
from engine.runs import run_folders as run_folders_module
from engine.runs.catalogue import RunRecord, add_scores, list_runs, look_at
from engine.runs.folder import RunFolder
from engine.runs.registry import Registry
from engine.runs.run_folders import create_run_folders, run_folders, sweep
from engine.runs.state import Status
from engine.storage import descriptors, files
from engine.storage.store import Store
from tests.toys import TOY_WORKER, toy, until


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("CRTUI_SLOTS", str(tmp_path / "slots"))
    return Store.open(tmp_path / "store")


@pytest.fixture
def stopped(store: Store) -> RunFolder:
    [(folder, lease)] = create_run_folders(store, [toy(steps=2)])
    os.close(lease)
    folder.update_state(lambda state: state.ended_as(Status.STOPPED))
    Registry(store).add_runs([folder])
    return folder


@pytest.fixture
def without_registry(store: Store, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let every write of the registry fail from now on, or after so many writes."""

    def begin(after: int = 0) -> None:
        commit, left = Registry._commit, [after]

        def refuse(registry: Registry, database: Any) -> None:
            if not left[0]:
                raise WorkError("registry.json cannot be written: No space left on device")
            left[0] -= 1
            commit(registry, database)

        monkeypatch.setattr(Registry, "_commit", refuse)

    return begin


def listed(store: Store) -> dict[str, str]:
    return {record.id: record.status for record in list_runs(store)}


def test_a_folder_that_cannot_be_synced_makes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.replace_file(tmp_path / "old", b"old")

    def refuse(_: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(files, "sync_folder", refuse)
    for name in ("old", "new"):
        with pytest.raises(WorkError, match="Input/output error"):
            files.replace_file(tmp_path / name, b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"old": b"old"}


def test_what_was_written_is_not_taken_back_for_a_close_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.replace_file(tmp_path / "file", b"old")
    close = os.close

    def refuse(descriptor: int) -> None:
        close(descriptor)
        raise OSError(errno.EINTR, "Interrupted system call")

    monkeypatch.setattr(os, "close", refuse)
    files.replace_file(tmp_path / "file", b"new")
    monkeypatch.undo()
    assert (tmp_path / "file").read_bytes() == b"new"


def test_runs_are_made_all_or_none(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []

    def sync(path: Path) -> None:
        if path == store.runs:
            synced.append(path)
            if len(synced) == 2:
                raise OSError(errno.EIO, "Input/output error")
        descriptors.sync_folder(path)

    monkeypatch.setattr(run_folders_module, "sync_folder", sync)
    with pytest.raises(WorkError, match="Input/output error"):
        create_run_folders(store, [toy(seed=seed) for seed in range(3)])
    assert len(synced) == 2
    assert run_folders(store) == []
    assert list(store.runs.iterdir()) == []


def test_a_run_that_cannot_be_registered_is_not_resumed(
    store: Store, stopped: RunFolder, without_registry: Callable[..., None]
) -> None:
    before = stopped.state()
    without_registry()
    with pytest.raises(WorkError, match="No space left"):
        local.resume(look_at(stopped), TOY_WORKER)
    assert stopped.state() == before
    assert not stopped.lease_is_held()
    assert listed(store) == {stopped.id: "stopped"}


def test_a_run_whose_process_cannot_be_started_is_as_it_was(
    store: Store, stopped: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stopped.state()
    monkeypatch.setattr("engine.launch.spawning._SUPERVISOR", (str(store.root / "no-such-program"),))
    with pytest.raises(WorkError, match="cannot go on: its supervisor cannot be started: No such file"):
        local.resume(look_at(stopped), TOY_WORKER)
    assert stopped.state() == before
    assert listed(store) == {stopped.id: "stopped"}
    # Of new runs it is told at once, and the others of their sweep go on.
    [record] = local.start(store, [toy()], TOY_WORKER)
    assert (record.status, record.reason) == ("failed", "its supervisor cannot be started: No such file or directory")


def test_a_run_that_was_resumed_is_listed_so_without_its_row(
    store: Store, stopped: RunFolder, without_registry: Callable[..., None]
) -> None:
    without_registry(after=1)
    local.resume(look_at(stopped), TOY_WORKER)
    until(lambda: look_at(stopped).status is Status.FINISHED, "the end")
    assert listed(store) == {stopped.id: "finished"}


def test_a_state_that_cannot_be_written_leaves_the_run_stopped(
    store: Store, stopped: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise WorkError(f"{path} cannot be written: No space left on device")

    monkeypatch.setattr(folder_module, "_write", refuse)
    with pytest.raises(WorkError, match="No space left"):
        local.resume(look_at(stopped), TOY_WORKER)
    assert listed(store) == {stopped.id: "stopped"}
    assert stopped.state().attempt == 1


def test_scores_are_listed_once_they_are_kept(
    store: Store, stopped: RunFolder, without_registry: Callable[..., None]
) -> None:
    without_registry(after=1)
    add_scores(look_at(stopped), {"mig": 0.5})
    assert list_runs(store)[0].scores == {"mig": 0.5}


@pytest.mark.parametrize("remove", [launchers.remove, trash.discard])
def test_a_run_whose_row_cannot_be_removed_stays(
    store: Store, stopped: RunFolder, without_registry: Callable[..., None], remove: Callable[[Store, RunRecord], None]
) -> None:
    without_registry()
    with pytest.raises(CrtuiError):
        remove(store, look_at(stopped))
    assert listed(store) == {stopped.id: "stopped"}
    assert stopped.spec_path.is_file()


def test_a_deletion_that_was_interrupted_counts_and_is_finished(
    store: Store, stopped: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(launchers, "delete_aside", interrupt)
        with pytest.raises(KeyboardInterrupt):
            launchers.remove(store, look_at(stopped))
    assert listed(store) == {}
    assert len(list(store.runs.iterdir())) == 1
    sweep(store)
    assert list(store.runs.iterdir()) == []


def test_a_deletion_that_was_killed_before_it_reached_the_registry_counts(store: Store, stopped: RunFolder) -> None:
    stopped.set_aside()
    assert listed(store) == {}
    assert [row.id for row in Registry(store).rows()] == []


def test_a_run_that_is_being_deleted_is_left_to_whoever_does_it(store: Store, stopped: RunFolder) -> None:
    lease = stopped.take_lease()
    aside = stopped.set_aside()
    sweep(store)
    assert aside is not None
    assert (aside / "spec.json").is_file()
    os.close(lease)
    sweep(store)
    assert not aside.exists()
