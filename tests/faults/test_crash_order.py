"""A few of the states of ``python -m tests.faults.crash_order``, and that one that must not be is found."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.storage import descriptors, files

from .crash_order.__main__ import main
from .crash_order.recording import Recording, State, build, states

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs O_PATH")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


@pytest.fixture
def cuts(folder: Path) -> Iterator[list[State]]:
    """Every state that was possible while the test wrote into the folder."""
    found: list[State] = []
    (folder / "old").write_bytes(b"old")
    (folder / "below").mkdir()
    recording = Recording(folder, lambda recording: found.extend(states(recording)))
    with recording.running():
        yield found
    recording.close()


def contents(cuts: list[State], name: str) -> set[bytes | None]:
    return {state[name][1] if name in state else None for state in cuts}


def test_what_is_replaced_without_a_sync_may_be_empty(folder: Path, cuts: list[State]) -> None:
    (folder / "new").write_bytes(b"newer")
    os.replace(folder / "new", folder / "old")  # noqa: PTH105  # what is recorded
    assert contents(cuts, "old") == {b"old", b"", b"ne", b"newer"}


def test_what_is_replaced_as_the_store_does_is_old_or_new(folder: Path, cuts: list[State]) -> None:
    files.replace_file(folder / "old", b"newer")
    assert contents(cuts, "old") == {b"old", b"newer"}
    cuts.clear()
    descriptors.sync_folder(folder)
    assert contents(cuts, "old") == {b"newer"}


def test_what_is_moved_is_never_in_neither_folder(folder: Path, cuts: list[State]) -> None:
    descriptors.move(folder / "old", folder / "below" / "moved")
    places = {("old" in state, "below/moved" in state) for state in cuts}
    assert places == {(True, False), (True, True), (False, True)}


def test_a_state_is_built_as_it_was(folder: Path, cuts: list[State]) -> None:
    files.replace_file(folder / "below" / "new", b"content")
    build(cuts[-3], folder)
    assert (folder / "below" / "new").read_bytes() == b"content"
    assert (folder / "old").read_bytes() == b"old"


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    main(["--json", *arguments])
    return json.loads(capsys.readouterr().out)


def test_power_cuts_lose_nothing_that_was_promised(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, "--most", "40", "--seed", "1")
    assert found["broken"] == []
    assert sum(found["states"].values()) == 40


def test_a_promise_before_the_disk_has_it_is_found(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "sync_folder", lambda path: None)
    broken = told(capsys, "--most", "60", "--seed", "1")["broken"]
    assert any("there is" in rule for one in broken for rule in one["broken"])


@pytest.mark.slow
def test_no_power_cut_loses_what_was_promised(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys)
    assert found["broken"] == []
    assert sum(found["states"].values()) > 1000
