from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import threading
import time
from pathlib import Path

import pytest
from pydantic import BaseModel

from engine.errors import InputError, StoreError, WorkError
from engine.runs import folder as folder_module
from engine.runs import run_folders as run_folders_module
from engine.runs.catalogue import look_at
from engine.runs.folder import RunFolder
from engine.runs.run_folders import create_run_folders, new_run_ids, run_folders, sweep
from engine.runs.specification.resolving import resolve
from engine.runs.specification.summary import SPEC_VERSION
from engine.runs.state import Outcome, RunState, Status
from engine.storage.files import read_file
from engine.storage.store import Store
from tests.toys import toy

from .conftest import MakeRun


def close(made: list[tuple[RunFolder, int]]) -> list[RunFolder]:
    for _, lease in made:
        os.close(lease)
    return [folder for folder, _ in made]


def test_new_runs_are_private_queued_and_in_the_order_asked_for(store: Store) -> None:
    folders = close(create_run_folders(store, [toy(100, seed=seed) for seed in range(5)]))
    assert [folder.summary().seed for folder in folders] == list(range(5))
    assert folders == run_folders(store)
    state = folders[0].state()
    assert (state.status, state.total_steps, state.attempt) == (Status.QUEUED, 100, 1)
    assert stat.S_IMODE(folders[0].path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders[0].path.iterdir() if path.is_file()} == {0o600}


def test_taken_id_is_drawn_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    draws = iter(["aaaaaa", "aaaaaa", "bbbbbb"])
    monkeypatch.setattr(run_folders_module.secrets, "token_hex", lambda size: next(draws))
    monkeypatch.setattr(run_folders_module.time, "time", lambda: 1_800_000_000.0)
    close(create_run_folders(store, [toy()]))
    [folder] = close(create_run_folders(store, [toy()]))
    assert folder.id == "20270115-080000-bbbbbb"
    assert len(run_folders(store)) == 2


def test_ids_of_one_call_ascend() -> None:
    ids = new_run_ids(500, 0.0)
    assert ids == sorted(set(ids))
    assert len(ids) == 500


def test_failed_creation_leaves_nothing(store: Store) -> None:
    class Incomplete(BaseModel):
        name: str = "no method"

    with pytest.raises(InputError, match=r"spec\.json"):
        create_run_folders(store, [toy(), Incomplete()])
    assert list(store.runs.iterdir()) == []


def test_update_does_not_lose_another_change(make_run: MakeRun) -> None:
    folder = make_run()
    stale = folder.state()
    folder.update_state(lambda state: state.model_copy(update={"step": 5}))
    folder.update_state(lambda state: state.model_copy(update={"device": "cpu"}))
    assert (folder.state().step, folder.state().device, stale.step) == (5, "cpu", 0)


def test_damaged_state_may_be_waited_for(make_run: MakeRun) -> None:
    folder = make_run()
    state = folder.state()
    folder.state_path.write_text("{")
    repair = threading.Timer(0.4, folder.write_state, [state])
    repair.start()
    assert folder.state(patience=60.0) == state
    repair.join()
    shutil.rmtree(folder.path)
    with pytest.raises(InputError, match="missing"):
        folder.state(patience=3600.0)


def test_damaged_state_needs_a_fallback(make_run: MakeRun) -> None:
    folder = make_run()
    folder.state_path.write_bytes(folder.state_path.read_bytes()[:20])
    with pytest.raises(InputError, match=r"state\.json of run .* is damaged"):
        folder.update_state(lambda state: state)
    folder.update_state(lambda state: state, fallback=RunState(status=Status.RUNNING, created=1.0))
    assert folder.state().status is Status.RUNNING


def test_outcome_is_none_until_written(make_run: MakeRun) -> None:
    folder = make_run()
    assert folder.outcome() is None
    folder.write_outcome(Outcome(status=Status.STOPPED, step=3))
    assert folder.outcome() == Outcome(status=Status.STOPPED, step=3)
    folder.outcome_path.write_text('{"status": "running"}')
    with pytest.raises(InputError, match=r"outcome\.json"):
        folder.outcome()


def test_end_of_a_run_is_written_at_the_cost_of_the_reserve(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_run(Status.RUNNING)
    reserve = folder.path / ".reserve"
    assert reserve.stat().st_size == 64 * 1024
    replace_file = folder_module.replace_file

    def full_until_freed(path: Path, content: bytes, **options: bool) -> None:
        if reserve.exists():
            raise StoreError("full") from OSError(errno.ENOSPC, "No space left on device")
        replace_file(path, content, **options)

    monkeypatch.setattr(folder_module, "replace_file", full_until_freed)
    with pytest.raises(WorkError, match="full"):
        folder.update_state(lambda state: state.model_copy(update={"step": 5}))
    assert reserve.exists()
    folder.write_outcome(Outcome(status=Status.FAILED, reason="the disk is full"))
    folder.update_state(lambda state: state.ended_as(Status.FAILED, "the disk is full"))
    assert not reserve.exists()
    assert folder.state().reason == "the disk is full"
    folder.fill_reserve()
    assert reserve.exists()


def test_lease_has_one_holder(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "_LEASE_PATIENCE_SECONDS", 0.0)
    folder = make_run()
    assert not folder.lease_is_held()
    lease = folder.take_lease()
    inherited = os.dup(lease)
    os.close(lease)
    assert folder.lease_is_held()
    with pytest.raises(InputError, match="still has a live process"):
        folder.take_lease()
    os.close(inherited)
    os.close(folder.take_lease())


def test_links_and_odd_names_are_no_runs(store: Store, make_run: MakeRun, tmp_path: Path) -> None:
    folder = make_run()
    (store.runs / "linked").symlink_to(folder.path)
    for odd in (".new-x", "a\nb", "-rf", "x" * 81, "[red]"):
        (store.runs / odd).mkdir()
    (store.runs / "file").write_text("")
    assert run_folders(store) == [folder]
    with pytest.raises(InputError, match="symbolic link"):
        RunFolder(store.runs / "linked").require()
    with pytest.raises(InputError, match="gone"):
        RunFolder(store.runs / "missing").require()


def test_deleting_never_follows_links(store: Store, make_run: MakeRun, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("")
    folder = make_run()
    (folder.path / "checkpoints" / "step-00000001").symlink_to(outside)
    folder.delete()
    link = store.runs / "linked"
    link.symlink_to(outside)
    RunFolder(link).delete()
    RunFolder(store.runs / "missing").delete()
    assert list(store.runs.iterdir()) == []
    assert (outside / "precious").exists()


def test_sweep_deletes_only_what_was_abandoned(store: Store, make_run: MakeRun) -> None:
    folder = make_run()
    for name, age in ((".new-old", 7200), (".removed-old", 7200), (".new-young", 60), (".other", 7200)):
        (store.runs / name / "checkpoints").mkdir(parents=True)
        os.utime(store.runs / name, (time.time() - age, time.time() - age))
    for name, age in ((".new-old", 7200), ("20260101-000000-abcdef", 7200), ("cache", 7200)):
        (store.selections / name).mkdir()
        os.utime(store.selections / name, (time.time() - age, time.time() - age))
    os.utime(folder.path, (0, 0))
    sweep(store)
    assert {path.name for path in store.runs.iterdir()} == {".new-young", ".other", folder.id}
    assert {path.name for path in store.selections.iterdir()} == {"20260101-000000-abcdef", "cache"}


def test_state_of_a_deleted_run_cannot_be_written(make_run: MakeRun) -> None:
    folder = make_run()
    state = folder.state()
    folder.delete()
    with pytest.raises(WorkError):
        folder.write_state(state)
    assert not folder.path.exists()


@pytest.mark.parametrize(
    "content", [None, b"", b"\0" * 90, b'{"name": "t'], ids=["deleted", "emptied", "zeroed", "cut"]
)
def test_specification_that_is_damaged_is_read_from_its_copy_and_repaired(
    make_run: MakeRun, content: bytes | None
) -> None:
    folder = make_run()
    whole, expected = folder.spec_path.read_bytes(), folder.summary()
    folder.spec_path.unlink()
    if content is not None:
        folder.spec_path.write_bytes(content)
    assert folder.summary() == expected
    folder.repair_spec()
    assert folder.spec_path.read_bytes() == whole
    (folder.path / ".spec.json.bak").write_bytes(b"{")
    folder.repair_spec()
    assert folder.summary() == expected
    folder.spec_path.write_bytes(b"{")
    with pytest.raises(InputError, match=r"^spec\.json"):
        folder.summary()
    with pytest.raises(InputError, match=r"^spec\.json"):
        folder.repair_spec()


class TestVersionOfTheSpecification:
    def test_is_written_and_is_no_key_of_it(self, store: Store) -> None:
        [folder] = close(create_run_folders(store, resolve("vae", preset="quick")))
        assert json.loads(folder.spec_path.read_text())["version"] == SPEC_VERSION
        assert "version" not in folder.spec_tree()
        assert folder.spec() == resolve("vae", preset="quick", flags={"name": folder.spec().name})[0]

    def test_files_without_one_are_read(self, store: Store) -> None:
        [folder] = close(create_run_folders(store, resolve("vae", preset="quick")))
        folder.spec_path.write_text(folder.spec().model_dump_json())
        assert folder.summary().version == 0
        assert folder.spec().method.name == "vae"

    def test_a_newer_one_is_told_apart_from_damage(self, store: Store) -> None:
        [folder] = close(create_run_folders(store, resolve("vae", preset="quick")))
        newer = json.dumps(json.loads(folder.spec_path.read_text()) | {"version": SPEC_VERSION + 1})
        for path in (folder.spec_path, folder.path / ".spec.json.bak"):
            path.write_text(newer)
        with pytest.raises(InputError, match=r"spec\.json of run \S+ has version 2, and this crtui knows up to 1; use"):
            folder.summary()
        with pytest.raises(InputError, match=r"configuration file .* has version 2, and this crtui knows up to 1"):
            resolve(config=folder.spec_path)

    def test_a_setting_of_a_newer_one_is_named(self, store: Store) -> None:
        [folder] = close(create_run_folders(store, resolve("vae", preset="quick")))
        tree = json.loads(folder.spec_path.read_text())
        tree["training"]["mood"] = "good"
        for path in (folder.spec_path, folder.path / ".spec.json.bak"):
            path.write_text(json.dumps(tree))
        with pytest.raises(InputError, match=r"has 'training\.mood', which this crtui does not know: a newer one"):
            folder.spec()

    def test_a_run_can_be_repeated_from_its_file(self, store: Store) -> None:
        [folder] = close(create_run_folders(store, resolve("vae", preset="quick")))
        assert resolve(config=folder.spec_path) == [folder.spec()]


def test_a_look_at_a_run_opens_each_of_its_files_once(
    store: Store, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    folder = make_run()
    monkeypatch.setattr(
        folder_module, "read_file", lambda path, limit: opened.append(path.name) or read_file(path, limit)
    )
    look_at(folder)
    assert sorted(opened) == ["changes.json", "spec.json", "state.json"]
