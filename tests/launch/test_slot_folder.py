"""Where the slots are, whatever others have made in the shared temporary folder."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

from engine.errors import InputError, WorkError
from engine.launch import local
from engine.launch.slot_folder import slot_folder
from engine.runs.catalogue import list_runs
from engine.storage.store import Store
from tests.toys import TOY_WORKER, toy, until


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder and a home of the test's own; the folder that is the user's in it."""
    monkeypatch.delenv("CRTUI_SLOTS", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "shared").mkdir()
    monkeypatch.setattr("engine.launch.slot_folder._SHARED", tmp_path / "shared")
    return tmp_path / "shared" / f"crtui-{os.getuid()}"


def private(tmp_path: Path) -> Path:
    return tmp_path / "home" / ".local" / "state" / "crtui" / f"slots-{socket.gethostname()}"


def test_a_folder_that_was_given_must_be_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = tmp_path / "slots"
    monkeypatch.setenv("CRTUI_SLOTS", str(given))
    assert slot_folder() == given
    given.chmod(0o777)
    with pytest.raises(InputError, match="CRTUI_SLOTS"):
        slot_folder()
    given.chmod(0o700)
    (tmp_path / "link").symlink_to(given)
    monkeypatch.setenv("CRTUI_SLOTS", str(tmp_path / "link"))
    with pytest.raises(InputError, match="CRTUI_SLOTS"):
        slot_folder()


def test_runs_are_refused_before_they_are_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slots").write_text("")
    monkeypatch.setenv("CRTUI_SLOTS", str(tmp_path / "slots"))
    store = Store.open(tmp_path / "store")
    with pytest.raises(InputError, match="CRTUI_SLOTS"):
        local.start(store, [toy()], TOY_WORKER)
    assert list_runs(store) == []


def test_it_is_local_where_nobody_is_in_the_way(shared: Path) -> None:
    assert slot_folder() == shared / "slots"
    assert (shared / "slots").is_dir()


@pytest.mark.parametrize("planted", ["file", "link", "open to all"])
def test_whoever_takes_the_name_first_blocks_nobody(shared: Path, planted: str, tmp_path: Path) -> None:
    if planted == "file":
        shared.write_text("")
    elif planted == "link":
        (tmp_path / "theirs").mkdir()
        shared.symlink_to(tmp_path / "theirs")
    else:
        shared.mkdir()
        shared.chmod(0o777)
    assert slot_folder() == private(tmp_path)
    # Giving the name back does not lead later programs away from those that have slots by now.
    shutil.rmtree(shared) if planted == "open to all" else shared.unlink()
    assert slot_folder() == private(tmp_path)
    assert not shared.exists()


def test_no_folder_at_all_is_one_sentence(shared: Path, tmp_path: Path) -> None:
    shared.write_text("")
    (tmp_path / "home").write_text("")
    with pytest.raises(WorkError, match="cannot be used: Not a directory; set CRTUI_SLOTS"):
        slot_folder()


def test_run_whose_slots_are_taken_away_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slots = tmp_path / "slots"
    monkeypatch.setenv("CRTUI_SLOTS", str(slots))
    store = Store.open(tmp_path / "store")
    (store.pause_path).write_text("")
    [record] = local.start(store, [toy(steps=2)], TOY_WORKER)
    shutil.rmtree(slots, ignore_errors=True)
    slots.write_text("in the way")
    store.pause_path.unlink()
    until(lambda: record.folder.state().reason is not None, "the reason")
    state = record.folder.state()
    assert state.status == "queued"
    assert state.reason is not None
    assert "slots" in state.reason
    slots.unlink()
    until(lambda: record.folder.state().status == "finished", "the end")
    assert record.folder.state().reason is None
