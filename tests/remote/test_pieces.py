from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.remote.pieces import Copy, Piece, read_piece


@pytest.fixture
def original(tmp_path: Path) -> Path:
    return tmp_path / "original"


@pytest.fixture
def copied(tmp_path: Path) -> Copy:
    return Copy(tmp_path / "copies" / "run" / "copy")


def carry(original: Path, copy: Copy, most: int = 100, first: int | None = None) -> bool:
    return copy.take(read_piece(original, copy.have, copy.digest, most, first))


def test_a_growing_file_is_copied_piece_by_piece(original: Path, copied: Copy) -> None:
    original.write_bytes(os.urandom(250))
    assert [carry(original, copied) for _ in range(4)] == [True, True, True, False]
    with original.open("ab") as file:
        file.write(b"more")
    assert carry(original, copied)
    assert copied.path.read_bytes() == original.read_bytes()


def test_a_copy_goes_on_where_an_earlier_program_left_it(original: Path, copied: Copy) -> None:
    original.write_bytes(os.urandom(250))
    carry(original, copied)
    later = Copy(copied.path)
    piece = read_piece(original, later.have, later.digest, 1000)
    assert (piece.start, len(piece.content)) == (100, 150)
    later.take(piece)
    assert copied.path.read_bytes() == original.read_bytes()


def test_a_replaced_file_is_copied_anew_into_a_new_file(original: Path, copied: Copy) -> None:
    original.write_bytes(os.urandom(80))
    carry(original, copied)
    before = copied.path.stat().st_ino
    holder = copied.path.open("rb")
    original.write_bytes(os.urandom(90))
    assert carry(original, copied)
    assert copied.path.read_bytes() == original.read_bytes()
    assert copied.path.stat().st_ino != before
    holder.close()


def test_a_file_that_was_cut_is_cut_here(original: Path, copied: Copy) -> None:
    original.write_bytes(b"12345678")
    carry(original, copied)
    original.write_bytes(b"")
    assert carry(original, copied)
    assert copied.path.read_bytes() == b""


def test_of_a_long_log_only_the_end_is_copied_to_its_own_place(original: Path, copied: Copy) -> None:
    original.write_bytes(b"x" * 100_000 + b"y" * 2000)
    carry(original, copied, 4000, first=2000)
    assert copied.path.stat().st_size == 102_000
    assert copied.path.read_bytes()[-2000:] == b"y" * 2000
    assert copied.path.stat().st_blocks * 512 < 50_000
    assert not carry(original, copied, 4000, first=2000)


@pytest.mark.parametrize("kind", ["missing", "link", "pipe", "folder"])
def test_what_is_no_regular_file_counts_as_empty(original: Path, tmp_path: Path, kind: str) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"not for others")
    if kind == "link":
        original.symlink_to(secret)
    elif kind == "pipe":
        os.mkfifo(original)
    elif kind == "folder":
        original.mkdir()
    assert read_piece(original, 0, "", 100) == Piece(0, 0)
