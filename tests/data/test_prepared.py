"""Prepared files: made once, whole or not there, and made again when damaged."""

import errno
import os
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.data.prepared import PreparedFile
from engine.errors import InputError, WorkError

from .conftest import CONTENT, fork, kill_once_stalled

Blocks = Callable[[], Iterator[NDArray[Any]]]


@pytest.fixture
def file(tmp_path: Path) -> PreparedFile:
    return PreparedFile(tmp_path / "data" / "numbers.v1.npy", CONTENT.dtype, CONTENT.shape)


def blocks() -> Iterator[NDArray[Any]]:
    yield from np.split(CONTENT, 4)


def never() -> Iterator[NDArray[Any]]:
    pytest.fail("a whole file was made again")
    yield


def visible(folder: Path) -> list[str]:
    """All names in a folder but those of locks, which stay."""
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock")) if folder.exists() else []


def test_file_is_made_once_and_then_mapped(file: PreparedFile) -> None:
    assert not file.is_present()
    told: list[tuple[int, int]] = []
    assert np.array_equal(file.open(blocks, lambda done, total: told.append((done, total))), CONTENT)
    assert told == [(5, 20), (10, 20), (15, 20), (20, 20)]
    assert file.is_present()
    again = file.open(never)
    assert np.array_equal(again, CONTENT)
    assert not again.flags.writeable
    assert visible(file.path.parent) == ["numbers.v1.npy"]


def test_file_is_private_and_readable_by_numpy(file: PreparedFile) -> None:
    file.open(blocks)
    assert np.array_equal(np.load(file.path), CONTENT)
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.path.parent.stat().st_mode & 0o777 == 0o700


def flip_a_bit(content: bytearray) -> None:
    content[-50] ^= 1


def flip_a_bit_of_the_hash(content: bytearray) -> None:
    content[-1] ^= 0x80


def spoil_the_header(content: bytearray) -> None:
    content[20:24] = b"evil"


def cut(content: bytearray) -> None:
    del content[-7:]


def empty(content: bytearray) -> None:
    content.clear()


def append(content: bytearray) -> None:
    content += b"x"


def blank(content: bytearray) -> None:
    content[:] = bytes(len(content))


@pytest.mark.parametrize(
    "damage",
    [flip_a_bit, flip_a_bit_of_the_hash, spoil_the_header, cut, empty, append, blank],
    ids=lambda f: f.__name__,
)
def test_damaged_file_is_named_and_made_again(file: PreparedFile, damage: Callable[[bytearray], None]) -> None:
    file.open(blocks)
    content = bytearray(file.path.read_bytes())
    damage(content)
    file.path.write_bytes(content)
    with pytest.warns(UserWarning, match=r"numbers\.v1\.npy .*making it again"):
        assert np.array_equal(file.open(blocks), CONTENT)
    assert np.array_equal(file.open(never), CONTENT)


def test_file_of_another_shape_is_not_taken(file: PreparedFile) -> None:
    file.open(blocks)
    other = PreparedFile(file.path, CONTENT.dtype, (10, 6))
    assert not other.is_present()
    with pytest.warns(UserWarning, match="damaged header"):
        assert other.open(lambda: iter([CONTENT.reshape(10, 6)])).shape == (10, 6)


@pytest.mark.parametrize("raised", [KeyboardInterrupt, InputError, ValueError])
def test_interrupted_preparation_leaves_nothing(file: PreparedFile, raised: type[BaseException]) -> None:
    def interrupted() -> Iterator[NDArray[Any]]:
        yield CONTENT[:5]
        raise raised("in the middle")

    with pytest.raises(raised, match="in the middle"):
        file.open(interrupted)
    assert visible(file.path.parent) == []
    assert np.array_equal(file.open(blocks), CONTENT)


def test_incomplete_content_is_refused(file: PreparedFile) -> None:
    with pytest.raises(WorkError, match="15 images instead of 20"):
        file.open(lambda: iter([CONTENT[:15]]))
    assert visible(file.path.parent) == []


@pytest.mark.parametrize("call", ["posix_fallocate", "fsync"])
def test_full_disk_is_said_and_leaves_nothing(file: PreparedFile, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(WorkError, match="No space left on device"):
            file.open(blocks)
    assert visible(file.path.parent) == []
    assert np.array_equal(file.open(blocks), CONTENT)


def test_file_system_that_cannot_reserve_room_is_fine(file: PreparedFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*arguments: object) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(os, "posix_fallocate", unsupported)
    assert np.array_equal(file.open(blocks), CONTENT)


def test_folder_that_cannot_be_made_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    file = PreparedFile(tmp_path / "taken" / "x.npy", CONTENT.dtype, CONTENT.shape)
    assert not file.is_present()
    with pytest.raises(InputError, match="taken"):
        file.open(blocks)


def test_folder_in_the_files_place_is_bad_input(file: PreparedFile) -> None:
    file.path.mkdir(parents=True)
    with pytest.raises(InputError, match=r"numbers\.v1\.npy cannot be read: it is a folder"):
        file.open(blocks)


def test_whole_file_needs_no_lock(file: PreparedFile) -> None:
    file.open(blocks)
    for path in file.path.parent.glob(".*"):
        path.unlink()
    assert np.array_equal(file.open(never), CONTENT)
    assert [path.name for path in file.path.parent.iterdir()] == ["numbers.v1.npy"]


def _open_slowly(file: PreparedFile, start: Any, results: Any) -> None:
    made = 0

    def slowly() -> Iterator[NDArray[Any]]:
        nonlocal made
        for block in blocks():
            time.sleep(0.05)
            made += len(block)
            yield block

    start.wait(10)
    results.put((made_right := np.array_equal(file.open(slowly), CONTENT), made if made_right else -1))


def test_two_processes_at_once_make_it_once(file: PreparedFile) -> None:
    start, results = fork.Barrier(2), fork.Queue()
    processes = [fork.Process(target=_open_slowly, args=(file, start, results)) for _ in range(2)]
    for process in processes:
        process.start()
    outcomes = sorted(results.get(timeout=20) for _ in processes)
    for process in processes:
        process.join(20)
    assert outcomes == [(True, 0), (True, 20)]


def _open_and_stall(file: PreparedFile, stalled: Any) -> None:
    def stalling() -> Iterator[NDArray[Any]]:
        yield CONTENT[:5]
        stalled.set()
        time.sleep(60)

    file.open(stalling)


def test_killed_preparation_is_done_by_the_next(file: PreparedFile) -> None:
    kill_once_stalled(_open_and_stall, file)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(file.open(blocks), CONTENT)
    assert visible(file.path.parent) == ["numbers.v1.npy"]
