"""Files that are replaced whole, read with distrust, and of their folder's group."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from engine.errors import InputError, WorkError
from engine.storage.files import make_folders, read_file, replace_file, replacing, save_file


def test_replaced_file_is_private_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    replace_file(path, b"old")
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_failed_write_keeps_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    replace_file(path, b"old")
    (tmp_path / ".state.json.tmp").mkdir()
    with pytest.raises(WorkError, match=r"state\.json cannot be written"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"


def test_only_regular_files_of_reasonable_size_are_read(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 11)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "large")
    (tmp_path / "folder").mkdir()
    for name in ("large", "pipe", "link", "folder"):
        with pytest.raises(InputError, match=name):
            read_file(tmp_path / name, limit=10)
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "missing", limit=10)


@pytest.mark.parametrize("mode", [0o1777, 0o775, 0o2777, 0o2755])
def test_only_a_groups_own_folder_makes_what_is_in_it_the_groups(tmp_path: Path, mode: int) -> None:
    """Not one where everybody may write, nor one that a umask of 002 leaves."""
    tmp_path.chmod(mode)
    make_folders(tmp_path / "a" / "b")
    with replacing(tmp_path / "file") as file:
        file.write(b"x")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600), (0o002, 0o664)])
def test_what_the_user_saves_follows_the_umask(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        save_file(tmp_path / "figure.pdf", b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "figure.pdf").stat().st_mode) == mode
    assert [path.name for path in tmp_path.iterdir()] == ["figure.pdf"]


def test_a_saved_file_keeps_the_rights_and_the_place_it_had(tmp_path: Path) -> None:
    there = tmp_path / "there.csv"
    there.write_bytes(b"old")
    there.chmod(0o640)
    (tmp_path / "link.csv").symlink_to(there)
    save_file(tmp_path / "link.csv", b"new")
    assert (tmp_path / "link.csv").is_symlink()
    assert there.read_bytes() == b"new"
    assert stat.S_IMODE(there.stat().st_mode) == 0o640


def test_a_file_with_the_longest_possible_name_is_saved(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 251 + ".pdf")
    save_file(path, b"new")
    assert path.read_bytes() == b"new"


def test_what_cannot_be_saved_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="none/x"):
        save_file(tmp_path / "none" / "x", b"new")
    (tmp_path / "x").write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WorkError, match=r"cannot write '.*x': No space left"):
        save_file(tmp_path / "x", b"new")
    assert (tmp_path / "x").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
