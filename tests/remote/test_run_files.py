from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import InputError
from engine.remote.room import inner_path
from engine.remote.run_files import copy_of, file_of
from engine.storage.store import Store


@pytest.mark.parametrize("run_id", ["", "..", "../x", "a/b", "/etc", ".hidden", "a\n", 3, None, "a" * 81])
def test_a_name_that_is_no_id_is_no_path(tmp_path: Path, run_id: object) -> None:
    with pytest.raises(InputError):
        file_of(Store(tmp_path), "events", run_id)


@pytest.mark.parametrize("step", [-1, True, "1", 1.0, None, 2**63])
def test_what_is_no_step_is_no_path(tmp_path: Path, step: object) -> None:
    with pytest.raises(InputError):
        file_of(Store(tmp_path), "weights", "run", step)


@pytest.mark.parametrize("kind", ["../events", "spec.json", "trainer", None, []])
def test_only_known_kinds_of_files_are_given(tmp_path: Path, kind: object) -> None:
    with pytest.raises(InputError):
        file_of(Store(tmp_path), kind, "run", 1)


def test_the_two_copies_of_a_log_are_two_files(tmp_path: Path) -> None:
    copies = Store(tmp_path)
    assert file_of(copies, "log", "run") == file_of(copies, "whole-log", "run")
    assert copy_of(copies, "log", "run") != copy_of(copies, "whole-log", "run")


@pytest.mark.parametrize(
    "word", ["", "/etc/passwd", "..", "a/../b", "a//b", "./a", "a\n", "a\0", 3, "a/" * 9 + "a", "é" * 128]
)
def test_a_path_that_leads_out_of_a_folder_is_refused(word: object) -> None:
    with pytest.raises(InputError):
        inner_path(word)
