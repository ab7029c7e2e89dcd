"""Where a store is, and whose: its user's, or a group's."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
from pathlib import Path

import pytest

from engine.errors import InputError
from engine.storage.files import make_folders, replace_file
from engine.storage.locks import try_lock_file
from engine.storage.store import Store


def test_path_wins_over_variable_and_variable_over_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRTUI_STORE", str(tmp_path / "variable"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    assert Store.open(tmp_path / "given").root == tmp_path / "given"
    assert Store.open().root == tmp_path / "variable"
    monkeypatch.delenv("CRTUI_STORE")
    assert Store.open().root == tmp_path / "home" / "crtui"


def test_store_is_private(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "store")
    for folder in (store.root, store.runs, store.selections, store.data):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("path", ["file", "file/below", "/proc/nowhere", "nul\0byte", ""])
def test_unusable_store_is_refused_by_name(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_text("")
    given = path if not path or path.startswith("/") else f"{tmp_path}/{path}"
    with pytest.raises(InputError, match="store") as refusal:
        Store.open(given)
    assert "\0" not in str(refusal.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_store_whose_folder_is_the_groups_is_shared_throughout(tmp_path: Path) -> None:
    root = tmp_path / "store"
    root.mkdir()
    root.chmod(0o2770)
    store = Store.open(root)
    assert store.shared
    assert store.umask == 0o007
    for folder in (store.runs, store.selections, store.data):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o2770
    replace_file(store.registry_path, b"{}")
    lock = try_lock_file(root / "registry.lock")
    assert lock is not None
    os.close(lock)
    assert {stat.S_IMODE(path.stat().st_mode) for path in root.iterdir() if path.is_file()} == {0o660}


def test_a_store_becomes_a_groups_by_what_the_handbook_says(tmp_path: Path) -> None:
    root = tmp_path / "store"
    store = Store.open(root)
    make_folders(store.runs / "one" / "checkpoints")
    replace_file(store.runs / "one" / "state.json", b"{}")
    handbook = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    recipe = handbook.partition("let the group write its folders (`")[2].partition("`)")[0]
    recipe = recipe.replace("GROUP", str(os.getgid())).replace("STORE", str(root))
    subprocess.run(["sh", "-euc", recipe], check=True)
    assert Store.open(root).shared
    make_folders(store.runs / "two" / "checkpoints")
    replace_file(store.runs / "one" / "state.json", b"[]")
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in root.rglob("*")}
    assert {path: oct(mode) for path, mode in modes.items() if mode != (0o2770 if path.is_dir() else 0o660)} == {}


@pytest.mark.parametrize("mode", [0o2770, 0o1777, 0o775])
def test_new_store_is_its_users_whosever_the_folder_above_is(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    store = Store.open(tmp_path / "store")
    replace_file(store.registry_path, b"{}")
    assert not store.shared
    assert {folder.stat().st_mode & 0o777 for folder in (store.root, store.runs, store.data)} == {0o700}
    assert stat.S_IMODE(store.registry_path.stat().st_mode) == 0o600


def test_folder_that_others_can_only_read_makes_no_shared_store(tmp_path: Path) -> None:
    root = tmp_path / "store"
    root.mkdir()
    root.chmod(0o755)
    store = Store.open(root)
    assert not store.shared
    assert store.umask == 0o077
    assert stat.S_IMODE(store.runs.stat().st_mode) == 0o700


def test_a_store_that_cannot_be_written_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a file system that is mounted for reading; root may write everywhere, so the answer is replaced."""
    root = Store.open(tmp_path / "store").root
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK and access(path, mode))
    with pytest.raises(InputError, match="cannot be written"):
        Store.open(root)
    assert Store.open(root, writing=False).root == root

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    (root / "selections").rmdir()
    monkeypatch.setattr(os, "mkdir", refuse)
    assert Store.open(root, writing=False).root == root
    with pytest.raises(InputError, match="Read-only file system"):
        Store.open(tmp_path / "other", writing=False)
