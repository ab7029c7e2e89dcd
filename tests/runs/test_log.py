"""What is written to a run's log, and how often."""

from __future__ import annotations

import errno
import os

import pytest

from engine.errors import StoreError
from engine.launch.supervising.alarm import Alarm
from engine.launch.supervising.watched_run import WatchedRun
from engine.runs import log
from engine.runs.folder import RunFolder
from engine.runs.log import Seldom

from .conftest import MakeRun


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(log.time, "monotonic", lambda: now[0])
    return now


def test_lines_that_take_turns_are_written_once_an_hour(capfd: pytest.CaptureFixture[str], clock: list[float]) -> None:
    seldom = Seldom()
    for _ in range(719):
        for line in ("the state cannot be written", "the registry cannot be written"):
            seldom.say(line)
        clock[0] += 5
    assert len(capfd.readouterr().out.splitlines()) == 2
    clock[0] += 5
    assert seldom.say("the state cannot be written")


def test_lines_that_are_always_different_do_not_fill_a_disk(
    capfd: pytest.CaptureFixture[str], clock: list[float]
) -> None:
    seldom = Seldom()
    for number in range(24 * 720):
        seldom.say(f"{number} bytes are free")
        clock[0] += 5
    lines = capfd.readouterr().out.splitlines()
    assert lines[:2] == ["0 bytes are free", "1 bytes are free"]
    assert 24 * 20 <= len(lines) <= 24 * 21
    assert "left out" in lines[20]


def test_a_supervisor_whose_state_and_row_are_refused_in_turn_writes_two_lines(
    make_run: MakeRun, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = WatchedRun(RunFolder(make_run().path), Alarm(()))

    def refuse(what: str) -> None:
        raise StoreError(f"{what} cannot be written: {os.strerror(errno.ENOSPC)}")

    monkeypatch.setattr(RunFolder, "update_state", lambda folder, change, **options: refuse("state.json"))
    monkeypatch.setattr(run._registry, "update_runs", lambda folders: refuse("registry.json"))
    for reason in ("slots cannot be read", None) * 50:
        run.update(lambda state: state)
        run.index()
        run.wait_because(reason)
    assert sorted(capfd.readouterr().out.splitlines()) == [
        "supervisor: it waits for a slot again",
        "supervisor: registry.json cannot be written: No space left on device",
        "supervisor: slots cannot be read",
        "supervisor: state.json cannot be written: No space left on device",
    ]
