from __future__ import annotations

import errno
import math
import os
import stat
import time
from pathlib import Path

import numpy as np
import orjson
import pytest

from engine.errors import StoreError, WorkError
from engine.runs import events as events_module
from engine.runs.event_log import EventLog
from engine.runs.events import SPEED, EventBatch, EventTail, last_row, last_step, read_events, speed_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def line(step: int, attempt: int = 1, kind: str = "train", **numbers: object) -> bytes:
    return orjson.dumps({"step": step, "time": 1.0, "kind": kind, "attempt": attempt, **numbers}) + b"\n"


def steps(path: Path) -> list[int]:
    return [row["step"] for row in read_events(path).rows]


def test_rows_come_back_with_their_numbers(path: Path) -> None:
    with EventLog(path) as log:
        log.write(0, "train", loss=np.float32(0.5), count=np.int64(3), exact=7)
        log.write(1, "note", text="Infinity")
    first, second = read_events(path).rows
    assert {"step": 0, "kind": "train", "attempt": 1, "loss": 0.5, "count": 3, "exact": 7}.items() <= first.items()
    assert second["text"] == "Infinity"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_numbers_that_json_lacks_survive(path: Path) -> None:
    with EventLog(path) as log:
        log.write(0, "train", nan=math.nan, up=math.inf, down=-math.inf, big=2**70, huge=10**400, text="\ud800")
    (raw,) = path.read_bytes().splitlines()
    assert orjson.loads(raw)["nan"] == "NaN"
    (row,) = read_events(path).rows
    assert math.isnan(row["nan"])
    assert (row["up"], row["down"], row["huge"]) == (math.inf, -math.inf, math.inf)
    assert row["big"] == float(2**70)


def test_training_rows_are_buffered_and_others_written_at_once(path: Path) -> None:
    with EventLog(path) as log:
        log.write(1, "train", loss=1.0)
        log.write(2, "score", factor_vae=0.5)
        assert steps(path) == [1, 2]
        for step in range(3, 103):
            log.write(step, "train", loss=1.0)
        assert steps(path)[-1] == 102


def test_caller_may_not_forge_the_time_or_kind(path: Path) -> None:
    with EventLog(path) as log:
        with pytest.raises(ValueError, match="attempt"):
            log.write(0, "train", attempt=5)
        with pytest.raises(ValueError, match="train"):
            log.write(0, "gossip", loss=1.0)  # type: ignore[arg-type]


def test_torn_tail_costs_one_line_and_not_the_next(path: Path) -> None:
    path.write_bytes(line(1) + line(2)[:-9])
    assert read_events(path).bad_lines == 0
    with EventLog(path) as log:
        log.write(3, "train", loss=1.0)
    events = read_events(path)
    assert [row["step"] for row in events.rows] == [1, 3]
    assert events.bad_lines == 1


@pytest.mark.parametrize(
    "bad",
    [
        b"\0" * 40,
        b"null",
        b"[1, 2]",
        b'{"step": "1", "time": 1.0, "kind": "train"}',
        b'{"step": -1, "time": 1.0, "kind": "train"}',
        b'{"step": 1, "time": 1.0, "kind": ["train"]}',
        b'{"step": 99999999999999999999, "time": 1.0, "kind": "train"}',
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b"x" * 3_000_000, id="long"),
        b"\xff\xfe",
    ],
)
def test_bad_lines_are_counted_and_skipped(path: Path, bad: bytes) -> None:
    path.write_bytes(line(1) + bad + b"\n" + line(2))
    events = read_events(path)
    assert [row["step"] for row in events.rows] == [1, 2]
    assert events.bad_lines == 1
    assert last_step(path) == 2


def test_full_disk_is_a_work_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = EventLog(path)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(WorkError, match="No space left"):
        log.write(1, "score", mig=0.1)


@pytest.mark.parametrize("name", ["write", "fsync"])
def test_rows_that_the_disk_refused_are_written_later_in_their_place(
    path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    log = EventLog(path)
    log.note(1, "safe")
    log.sync()
    safe = path.read_bytes()
    refuse_after_half(monkeypatch, name, path)
    with pytest.raises(StoreError, match="Input/output error"):
        written_safely(log)
    monkeypatch.undo()
    # What a failed sync has left of it in the system's memory need not be what is on the disk.
    path.write_bytes(safe + b"\0" * 7)
    log.note(3, "later")
    assert steps(path) == [1, 2, 3]
    log.close()
    assert read_events(path).bad_lines == 0


def written_safely(log: EventLog) -> None:
    log.write(2, "score", mig=0.5)
    log.sync()


def refuse_after_half(monkeypatch: pytest.MonkeyPatch, name: str, path: Path) -> None:
    """Let the system write half of what it is given, and then refuse."""
    half = [True]
    act = getattr(os, name)

    def refuse(descriptor: int, *content: bytes) -> int:
        if content and half.pop():
            half.append(False)
            return act(descriptor, content[0][: len(content[0]) // 2])
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, name, refuse)


def test_resumed_attempt_supersedes_later_steps(path: Path) -> None:
    with EventLog(path) as log:
        for step in range(1, 9):
            log.write(step, "train", loss=1.0)
    with EventLog(path, attempt=2) as log:
        log.note(0, "a damaged checkpoint was set aside")
        log.resumed(5)
        for step in range(6, 8):
            log.write(step, "train", loss=2.0)
    loss_steps, losses = read_events(path).series("loss")
    assert loss_steps.tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert losses.tolist() == [1.0] * 5 + [2.0] * 2


def test_attempt_that_does_not_say_where_it_continues_supersedes_from_its_first_row(path: Path) -> None:
    path.write_bytes(b"".join([line(1), line(2), line(3), line(3, 2, "note"), line(2, 2), line(3, 1), line(4, 2)]))
    assert [(row["step"], row["attempt"]) for row in read_events(path, kinds=["train"]).rows] == [
        (1, 1),
        (2, 2),
        (4, 2),
    ]


def test_kinds_and_names_narrow_what_is_read(path: Path) -> None:
    path.write_bytes(line(1, loss=1.0, gap=0.5) + line(2, kind="score", mig=0.1) + line(3, gap=0.7))
    assert [row["step"] for row in read_events(path, kinds={"score"}).rows] == [2]
    rows = read_events(path, names=["loss", "mig"]).rows
    assert [row["step"] for row in rows] == [1, 2]
    assert "gap" not in rows[0]


def test_tail_gives_whole_new_lines_only(path: Path) -> None:
    tail = EventTail(path)
    assert tail.read().rows == []
    whole = line(1) + line(2)
    path.write_bytes(whole[:-10])
    assert [row["step"] for row in tail.read().rows] == [1]
    with path.open("ab") as file:
        file.write(whole[-10:] + line(3))
    batch = tail.read()
    assert [row["step"] for row in batch.rows] == [2, 3]
    assert not batch.restarted
    assert tail.read().rows == []


def test_tail_takes_at_most_32_kb_a_call(path: Path) -> None:
    path.write_bytes(b"".join(line(step) for step in range(2000)))
    tail, seen, calls = EventTail(path), [], 0
    while True:
        batch = tail.read()
        calls += 1
        assert sum(len(orjson.dumps(row)) for row in batch.rows) <= 33 * 1024
        seen += [row["step"] for row in batch.rows]
        if not batch.more:
            break
    assert seen == list(range(2000))
    assert calls == -(-path.stat().st_size // (32 * 1024))


def test_tail_notices_truncation_and_replacement(path: Path) -> None:
    path.write_bytes(line(1) + line(2))
    tail = EventTail(path)
    tail.read()
    path.write_bytes(line(7))
    batch = tail.read()
    assert batch.restarted
    assert [row["step"] for row in batch.rows] == [7]
    other = path.with_name("other")
    other.write_bytes(line(8) + line(9) + line(10))
    other.replace(path)
    batch = tail.read()
    assert batch.restarted
    assert [row["step"] for row in batch.rows] == [8, 9, 10]
    path.unlink()
    assert tail.read().restarted


def test_tail_tells_what_a_later_attempt_superseded(path: Path) -> None:
    with EventLog(path) as log:
        log.write(1, "train", loss=1.0)
        log.write(4, "train", loss=1.0)
    tail = EventTail(path)
    tail.read()
    with EventLog(path, attempt=2) as log:
        log.resumed(2)
        log.write(3, "train", loss=2.0)
    batch = tail.read()
    assert batch.resumed_step == 2
    assert [row["step"] for row in batch.rows] == [2, 3]


def test_the_last_row_that_has_a_number_is_found_behind_others(path: Path) -> None:
    with EventLog(path) as log:
        log.write(10, "train", iterations_per_second=3.0)
        log.write(20, "train", iterations_per_second=4.0)
        log.write(20, "system", resident_mib=9.0)
    assert speed_of(last_row(path, SPEED)) == 4.0
    assert last_row(path) == last_row(path, "resident_mib")
    assert last_row(path, "mig") is None


@pytest.mark.parametrize("said", [None, 0.0, -1.0, math.nan, math.inf, "fast", True])
def test_a_speed_that_can_be_none_is_none(said: object) -> None:
    assert speed_of({"step": 1, SPEED: said}) is None
    assert speed_of({"step": 1}) is None
    assert speed_of(None) is None


def test_last_step_looks_only_at_the_end(path: Path) -> None:
    assert last_step(path) is None
    path.write_bytes(b"".join(line(step) for step in range(5000)) + line(9999)[:-5])
    assert last_step(path) == 4999
    path.write_bytes(line(7, text="x" * 9000))
    assert last_step(path) == 7


def test_a_link_or_pipe_in_place_of_the_log_is_not_followed(path: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(line(1))
    path.symlink_to(elsewhere)
    assert read_events(path).rows == []
    assert last_step(path) is None
    with pytest.raises(WorkError):
        EventLog(path)
    path.unlink()
    os.mkfifo(path)
    assert read_events(path).rows == []
    assert last_step(path) is None


def test_a_log_of_nothing_but_resumes_is_read_in_one_pass(path: Path) -> None:
    """Where each resume looked at every row before it, 40,000 of them took most of a minute."""
    resumes = (line(step, kind="note", resumed_step=step, attempt=1 + step) for step in range(40_000))
    path.write_bytes(b"".join([line(10**9, loss=1.0), *resumes]))
    begun = time.process_time()
    events = read_events(path)
    assert time.process_time() - begun < 5.0
    assert len(events.rows) == 40_000


def test_the_hole_of_a_sparse_log_is_skipped(path: Path) -> None:
    with path.open("wb") as file:
        file.write(line(1, loss=1.0))
        file.truncate(2**40)
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + line(2, loss=2.0))
    events = read_events(path)
    assert [row["step"] for row in events.rows] == [1, 2]
    assert events.bad_lines == 1


def test_a_log_that_cannot_be_looked_at_for_a_moment_is_not_an_empty_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(line(1))
    tail = EventTail(path)
    assert len(tail.read().rows) == 1

    def refuse(path: Path) -> None:
        raise StoreError("events.jsonl cannot be looked at: Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(events_module, "status", refuse)
        assert tail.read() == EventBatch()
    assert tail.read() == EventBatch()
