"""Tags and notes of runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import InputError
from engine.runs.folder import RunFolder
from engine.runs.labels import LONGEST_NOTE, MOST_TAGS, Labels, change_labels, labels_path, read_labels


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    found = RunFolder(tmp_path / "runs" / "20260101-000000-aaaaaa")
    found.path.mkdir(parents=True)
    return found


def test_tags_are_added_once_and_taken_away_and_the_note_is_replaced(folder: RunFolder) -> None:
    assert read_labels(folder) == Labels()
    change_labels(folder, ["keep", "図"], note="the one in the figure\nand in the talk")
    assert change_labels(folder, ["keep", "third"], ["図", "never-there"]).tags == ("keep", "third")
    assert read_labels(folder).note == "the one in the figure\nand in the talk"
    assert change_labels(folder, note="").note == ""


@pytest.mark.parametrize("tag", ["", " ", "two words", "a,b", "x" * 41, "esc\x1b[2J", '"', "(a)", "a|b"])
def test_what_is_no_tag_is_refused_in_a_sentence(folder: RunFolder, tag: str) -> None:
    with pytest.raises(InputError, match="is no tag; a tag is one word"):
        change_labels(folder, [tag])
    assert not labels_path(folder).exists()


def test_too_much_is_refused_and_nothing_is_lost(folder: RunFolder) -> None:
    change_labels(folder, ["kept"], note="kept")
    with pytest.raises(InputError, match="at most 20"):
        change_labels(folder, [f"t{number}" for number in range(MOST_TAGS)])
    with pytest.raises(InputError, match="at most 4,000"):
        change_labels(folder, note="x" * (LONGEST_NOTE + 1))
    assert read_labels(folder) == Labels(tags=("kept",), note="kept")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"tags": 3}', b"\xff", b"x" * 100_000])
def test_damage_is_no_labels(folder: RunFolder, content: bytes) -> None:
    labels_path(folder).write_bytes(content)
    assert read_labels(folder) == Labels()


def test_a_run_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        change_labels(RunFolder(tmp_path / "runs" / "20260101-000000-bbbbbb"), ["a"])
