"""Half-made files: what is continued after a kill, and what is made anew."""

import errno
import json
import os
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.data import partial
from engine.data.prepared import PreparedFile
from engine.errors import InputError, StoreError

from .conftest import CONTENT, kill_once_stalled


@pytest.fixture(autouse=True)
def _note_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partial, "NOTE_SECONDS", 0.0)


@pytest.fixture
def file(tmp_path: Path) -> PreparedFile:
    return PreparedFile(tmp_path / "numbers.v1.npy", CONTENT.dtype, CONTENT.shape)


def rows(start: int) -> Generator[NDArray[Any], None, None]:
    for first in range(start, 20, 5):
        yield CONTENT[first : first + 5]


def visible(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.endswith(".lock")}


def interrupted_after_ten(start: int) -> Generator[NDArray[Any], None, None]:
    assert start == 0
    yield CONTENT[:5]
    yield CONTENT[5:10]
    raise KeyboardInterrupt


def begin(file: PreparedFile, source: str = "a") -> None:
    with pytest.raises(KeyboardInterrupt):
        file.resume(interrupted_after_ten, source)


def finish(file: PreparedFile, source: str = "a") -> list[int]:
    """Make the file; returns the images that the work was started at."""
    started = []

    def spied(start: int) -> Generator[NDArray[Any], None, None]:
        started.append(start)
        yield from rows(start)

    assert np.array_equal(file.resume(spied, source), CONTENT)
    assert np.array_equal(np.load(file.path), CONTENT)
    assert visible(file.path.parent) == {"numbers.v1.npy"}
    return started


def test_uninterrupted_file_is_the_same_as_one_that_cannot_be_continued(file: PreparedFile) -> None:
    assert finish(file) == [0]
    content = file.path.read_bytes()
    file.path.unlink()
    file.open(lambda: rows(0))
    assert file.path.read_bytes() == content
    assert finish(file) == []


def test_interrupted_work_goes_on_where_it_was(file: PreparedFile) -> None:
    begin(file)
    assert not file.is_present()
    told: list[tuple[int, int]] = []
    file.resume(rows, "a", lambda done, total: told.append((done, total)))
    assert told == [(10, 20), (15, 20), (20, 20)]
    assert finish(file) == []


def test_every_interruption_is_survived(file: PreparedFile) -> None:
    def one_more(start: int) -> Generator[NDArray[Any], None, None]:
        yield CONTENT[start : start + 1]
        raise KeyboardInterrupt

    for _ in range(19):
        with pytest.raises(KeyboardInterrupt):
            file.resume(one_more, "a")
    assert finish(file) == [19]


def test_other_source_is_started_anew(file: PreparedFile) -> None:
    begin(file, "a")
    assert finish(file, "b") == [0]


def note_of(file: PreparedFile) -> Path:
    return file.path.with_name(f".{file.path.name}.part.json")


def part_of(file: PreparedFile) -> Path:
    return file.path.with_name(f".{file.path.name}.part")


def cut(file: PreparedFile) -> None:
    os.truncate(part_of(file), 100)


def damage(file: PreparedFile) -> None:
    content = bytearray(part_of(file).read_bytes())
    content[-500 if len(content) > 600 else 140] ^= 1
    part_of(file).write_bytes(content)


def lose_the_part(file: PreparedFile) -> None:
    part_of(file).unlink()


def lose_the_note(file: PreparedFile) -> None:
    note_of(file).unlink()


def tear_the_note(file: PreparedFile) -> None:
    note_of(file).write_bytes(note_of(file).read_bytes()[:-9])


def claim_more(file: PreparedFile) -> None:
    note = json.loads(note_of(file).read_bytes())
    note_of(file).write_text(json.dumps(note | {"done": 15}))


def claim_nonsense(file: PreparedFile) -> None:
    note_of(file).write_text('{"source": "a", "done": 1e999, "sha256": []}')


def nest_the_note(file: PreparedFile) -> None:
    note_of(file).write_text("[" * 4000)


@pytest.mark.parametrize(
    "spoil",
    [cut, damage, lose_the_part, lose_the_note, tear_the_note, claim_more, claim_nonsense, nest_the_note],
    ids=lambda f: f.__name__,
)
def test_what_cannot_be_believed_is_started_anew(file: PreparedFile, spoil: Any) -> None:
    begin(file)
    spoil(file)
    assert finish(file) == [0]


@pytest.mark.parametrize("raised", [InputError, ValueError, OSError])
def test_failure_leaves_nothing(file: PreparedFile, raised: type[Exception]) -> None:
    begin(file)

    def failing(start: int) -> Generator[NDArray[Any], None, None]:
        yield CONTENT[start : start + 5]
        raise raised("in the middle")

    with pytest.raises(Exception, match="in the middle"):
        file.resume(failing, "a")
    assert visible(file.path.parent) == set()
    assert finish(file) == [0]


def test_what_a_disk_refused_for_a_moment_goes_on_where_it_was(file: PreparedFile) -> None:
    begin(file)

    def refused(start: int) -> Generator[NDArray[Any], None, None]:
        yield CONTENT[start : start + 5]
        raise OSError(errno.ESTALE, "Stale file handle")

    with pytest.raises(StoreError, match=r"numbers\.v1\.npy cannot be written to .*: Stale file handle"):
        file.resume(refused, "a")
    assert finish(file) == [15]


def _work_and_stall(file: PreparedFile, stalled: Any) -> None:
    def stalling(start: int) -> Generator[NDArray[Any], None, None]:
        yield CONTENT[:5]
        yield CONTENT[5:10]
        stalled.set()
        time.sleep(60)

    file.resume(stalling, "a")


def test_killed_work_goes_on_where_it_was(file: PreparedFile) -> None:
    kill_once_stalled(_work_and_stall, file)
    assert finish(file) == [10]
