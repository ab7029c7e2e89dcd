"""Links that others could plant, pipes, second names: what is reached below a store, and what is refused."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import InputError, StoreError
from engine.storage import descriptors
from engine.storage.descriptors import (
    WrongKindError,
    is_file,
    is_folder,
    is_there,
    make_folder,
    move,
    names_in,
    new_file,
    open_file,
    open_folder,
    open_regular,
    opened_folder,
    remove_tree,
    rename,
    unlink,
)
from engine.storage.files import read_file, replace_file
from engine.storage.locks import is_locked, lock_file


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "private"
    path.write_text("private")
    path.chmod(0o600)
    return path


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder where every member of a group can put anything."""
    path = tmp_path / "shared"
    path.mkdir()
    path.chmod(0o2770)
    return path


def test_a_link_that_others_could_have_made_is_not_followed(tmp_path: Path, shared: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_bytes(b"x")
    (shared / "folder").symlink_to(elsewhere)
    path = shared / "folder" / "file"
    for refused in (
        lambda: open_regular(path),
        lambda: open_file(path, os.O_WRONLY),
        lambda: new_file(path),
        lambda: unlink(path),
        lambda: rename(path, shared / "mine"),
        lambda: make_folder(shared / "folder" / "new"),
        lambda: names_in(shared / "folder"),
    ):
        with pytest.raises(WrongKindError, match="'folder' on the way is a symbolic link"):
            refused()
    # In a folder of one's own it is one's own.
    shared.chmod(0o700)
    assert is_file(path)
    with os.fdopen(open_regular(path), "rb") as file:
        assert file.read() == b"x"
    assert not is_folder(shared / "folder")
    with pytest.raises(WrongKindError):
        make_folder(shared / "folder", exist_ok=True)


def test_a_link_of_ones_own_where_others_write_but_cannot_move_it_is_followed(tmp_path: Path) -> None:
    """As in /tmp."""
    place = tmp_path / "place"
    place.mkdir()
    (tmp_path / "real").mkdir()
    (place / "link").symlink_to("../real")
    place.chmod(0o1777)
    assert names_in(place / "link") == []


def test_links_that_lead_round_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match=r"symbolic link|levels"):
        open_folder(tmp_path / "a")


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda path, secret: path.symlink_to(secret), "a symbolic link"),
        (lambda path, secret: os.mkfifo(path), "a pipe"),
        (lambda path, secret: path.mkdir(), "a folder"),
    ],
)
def test_only_a_regular_file_is_opened(
    tmp_path: Path, secret: Path, make: Callable[[Path, Path], None], kind: str
) -> None:
    path = tmp_path / "state.json"
    make(path, secret)
    for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR | os.O_APPEND, os.O_WRONLY | os.O_TRUNC):
        with pytest.raises(WrongKindError, match=f"it is {kind}, where a file belongs"):
            open_file(path, flags)
    with pytest.raises(InputError, match=kind):
        read_file(path, 10)
    assert not is_locked(path)
    assert secret.read_text() == "private"


def test_a_file_with_a_second_name_is_read_but_not_written(tmp_path: Path, secret: Path) -> None:
    path = tmp_path / "log.txt"
    path.hardlink_to(secret)
    assert read_file(path, 10) == b"private"
    for flags in (os.O_WRONLY | os.O_TRUNC, os.O_RDWR | os.O_APPEND):
        with pytest.raises(WrongKindError, match="second name"):
            open_file(path, flags)
    replace_file(path, b"new")
    assert secret.read_text() == "private"


def test_what_was_planted_under_a_temporary_name_is_replaced(tmp_path: Path, secret: Path) -> None:
    path, temporary = tmp_path / "state.json", tmp_path / ".state.json.tmp"
    for plant in (temporary.symlink_to, temporary.hardlink_to):
        plant(secret)
        replace_file(path, b"mine")
        assert stat.S_ISREG(path.lstat().st_mode)
        assert (path.read_bytes(), secret.read_text()) == (b"mine", "private")
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_deleting_a_link_leaves_what_it_leads_to(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    (kept / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(kept)
    remove_tree(tmp_path / "link")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "link").symlink_to(kept)
    remove_tree(tmp_path / "tree")
    remove_tree(tmp_path / "tree")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept"]
    assert (kept / "deep").is_dir()


def test_an_open_folder_is_meant_whatever_takes_its_place(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").write_bytes(b"first")
    with opened_folder(folder) as descriptor:
        folder.rename(tmp_path / "moved")
        folder.mkdir()
        (folder / "file").write_bytes(b"second")
        with os.fdopen(os.open("file", os.O_RDONLY, dir_fd=descriptor), "rb") as file:
            assert file.read() == b"first"


def test_what_cannot_be_looked_at_is_not_called_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")

    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(descriptors.os, "open", refuse)
        patched.setattr(descriptors.os, "lstat", refuse)
        for ask in (lambda: is_there(path), lambda: is_folder(path), lambda: is_locked(path)):
            with pytest.raises(StoreError, match="cannot be looked at: Permission denied"):
                ask()
        with pytest.raises(StoreError, match="file cannot be read: Permission denied"):
            read_file(path, 10)
        with pytest.raises(StoreError, match="cannot be locked: Permission denied"):
            lock_file(path)
    assert not is_there(path / "below")
    assert not is_there(tmp_path / "none" / "below")


def test_a_file_of_a_terabyte_that_holds_nothing_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(InputError, match="larger than 10 bytes"):
        read_file(path, 10)


def test_a_move_is_on_disk_in_both_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    (tmp_path / "old" / "run").mkdir()
    synced, fsync = [], os.fsync

    def note(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    move(tmp_path / "old" / "run", tmp_path / "new" / "run")
    assert synced == [(tmp_path / name).stat().st_ino for name in ("new", "old")]
    assert names_in(tmp_path / "new") == ["run"]


def test_a_move_that_cannot_be_synced_has_not_happened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    (tmp_path / "old" / "run").mkdir()

    def refuse(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="Input/output error"):
        move(tmp_path / "old" / "run", tmp_path / "new" / "run")
    assert (names_in(tmp_path / "old"), names_in(tmp_path / "new")) == (["run"], [])


def test_the_walk_opens_what_the_path_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system does not say where a descriptor leads, as without /proc."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.setattr(descriptors, "_real_path", lambda descriptor: None)
    (tmp_path / "a" / "up").symlink_to("..")
    make_folder(tmp_path / "a" / "up" / "a" / "b" / "c")
    assert names_in(tmp_path / "a" / "b") == ["c"]
    assert "tmp" in names_in(Path("/")) or "proc" in names_in(Path("/"))
