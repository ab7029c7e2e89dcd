from __future__ import annotations

import tracemalloc
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.runs import event_stream
from engine.runs.event_log import EventLog
from engine.runs.event_stream import survey
from engine.runs.events import read_events

KINDS = ("train", "score")


def write(path: Path, count: int) -> None:
    with EventLog(path) as log:
        for step in range(count):
            log.write(step, "train", loss=1.0 / (step + 1), other=float(step))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 12), st.booleans()), max_size=40), st.integers(40, 400))
def test_what_stands_is_what_a_whole_reading_says(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, bool]], part: int
) -> None:
    """Whatever attempts begin where, and wherever the parts that are read begin."""
    path = tmp_path_factory.mktemp("log") / "events.jsonl"
    attempt = 1
    for number, (step, resumes) in enumerate(steps):
        attempt += resumes
        with EventLog(path, attempt) as log:
            if resumes:
                log.resumed(step)
            else:
                log.write(step, "train", loss=float(number), **{f"only{number % 3}": 1.0})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(event_stream, "_PART_BYTES", part)
        found = survey(path, KINDS)
        expected = read_events(path, KINDS).rows
        assert list(found.rows()) == expected
        assert set(found.names) == {name for row in expected for name in row if name.startswith(("loss", "only"))}
        assert list(found.rows(["only1"])) == read_events(path, KINDS, ["only1"]).rows


def test_memory_does_not_grow_with_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "_PART_BYTES", 2**16)
    peaks = []
    for count in (2_000, 20_000):
        write(tmp_path / f"{count}.jsonl", count)
        tracemalloc.start()
        found = survey(tmp_path / f"{count}.jsonl", KINDS)
        assert sum(1 for _ in found.rows()) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_damage_is_counted_and_a_missing_log_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert (survey(path, KINDS).names, list(survey(path, KINDS).rows())) == ([], [])
    write(path, 3)
    with path.open("ab") as file:
        file.write(b"nonsense\n" + orjson.dumps({"kind": "train"}) + b"\n")
    found = survey(path, KINDS)
    assert (found.bad_lines, found.names, len(list(found.rows()))) == (2, ["loss", "other"], 3)
