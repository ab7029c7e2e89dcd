"""The times of log lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cr_tui.dashboard.store import log_tail
from cr_tui.dashboard.store.timed_log import TimedLog
from engine.runs.folder import RunFolder


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    found = RunFolder(tmp_path / "runs" / "20260101-000000-aaaaaa")
    found.path.mkdir(parents=True)
    return found


def write_rows(folder: RunFolder, *rows: tuple[int, float, int]) -> None:
    with folder.events_path.open("a") as file:
        for step, at, attempt in rows:
            row = {"step": step, "time": at, "kind": "train", "attempt": attempt, "loss": 0.5}
            file.write(json.dumps(row, separators=(",", ":")) + "\n")


def read(log: TimedLog) -> None:
    while log.poll():
        pass


def test_what_happens_at_a_step_has_its_time(folder: RunFolder) -> None:
    write_rows(folder, (50, 100.0, 1), (100, 200.5, 1))
    folder.log_path.write_text("attempt 1\nstep 100: checkpoint\nstep 70: nothing known\n")
    log = TimedLog(folder.log_path, folder.events_path)
    read(log)
    assert list(log.lines) == ["attempt 1", "step 100: checkpoint", "step 70: nothing known"]
    assert log.times == [None, 200.5, None]


def test_lines_that_come_have_the_time_of_their_coming(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.log_path.write_text("before\n")
    log = TimedLog(folder.log_path, folder.events_path)
    read(log)
    monkeypatch.setattr(log_tail.time, "time", lambda: 777.0)
    with folder.log_path.open("a") as file:
        file.write("after\n")
    read(log)
    assert log.times == [None, 777.0]


def test_a_step_of_several_attempts_has_no_time(folder: RunFolder) -> None:
    write_rows(folder, (50, 100.0, 1), (100, 200.0, 1), (100, 900.0, 2))
    folder.log_path.write_text("step 50: a\nstep 100: b\n")
    log = TimedLog(folder.log_path, folder.events_path)
    read(log)
    assert log.times == [100.0, None]


def test_damage_gives_no_times(folder: RunFolder) -> None:
    folder.events_path.write_bytes(b"\xff\x00" * 100 + b'\n{"step":1,"time":"x"}\n')
    folder.log_path.write_text("step 1: a\n")
    log = TimedLog(folder.log_path, folder.events_path)
    read(log)
    assert log.times == [None]
