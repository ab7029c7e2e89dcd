from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from cr_tui.dashboard.far import run_changes
from cr_tui.dashboard.far.run_changes import KnownRuns, SentRuns
from cr_tui.dashboard.model.data import Run
from engine.errors import CrtuiError


def run(number: int, **changed: object) -> Run:
    made = Run(
        f"20260101-{number:06}-abcdef", f"r{number}", "g", "infogan", "dsprites", number, "running", 0, 100, 1.0, 1.0
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def carry(sent: SentRuns, known: KnownRuns, runs: list[Run]) -> int:
    """Send until there is nothing left; return the length of the messages."""
    length = 0
    while (change := sent.changes(runs)) is not None:
        text = json.dumps(change)
        known.take(json.loads(text))
        length += len(text)
    return length


def test_a_list_comes_as_it_is_whatever_happens_to_it() -> None:
    sent, known = SentRuns(), KnownRuns()
    history = [
        [run(1), run(2, scores={"mig": 0.5, "odd": float("nan")}, losses=(1.0, float("inf")))],
        [run(1, step=5), run(2, status="crashed", reason="gone", stalled=True), run(3)],
        [run(2, settings={"a": [1, None], "b": "x"}, rank=1), run(3)],
        [],
        [run(1, eta=3.0, pid=5)],
    ]
    for runs in history:
        carry(sent, known, runs)
        assert repr(known.runs) == repr(runs)


def test_what_has_not_changed_is_not_sent_again() -> None:
    sent, known = SentRuns(), KnownRuns()
    runs = [run(number, settings={f"key{key}": key for key in range(50)}) for number in range(20)]
    whole = carry(sent, known, runs)
    assert carry(sent, known, runs) == 0
    runs[3] = replace(runs[3], step=7)
    assert 0 < carry(sent, known, runs) < whole / 100
    runs[3] = replace(runs[3], updated=99.0)
    assert carry(sent, known, runs) == 0


def test_a_long_list_comes_in_parts_and_is_shown_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_changes, "_RUNS_A_MESSAGE", 4)
    sent, known = SentRuns(), KnownRuns()
    runs = [run(number) for number in range(10)]
    seen = []
    for _ in range(3):
        change = sent.changes(runs)
        assert change is not None
        known.take(change)
        seen.append(None if known.runs is None else len(known.runs))
    assert seen == [None, None, 10]


def test_times_are_given_by_the_clock_here(monkeypatch: pytest.MonkeyPatch) -> None:
    sent, known = SentRuns(), KnownRuns()
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    change = sent.changes([run(1, created=900.0, updated=950.0)])
    assert change is not None
    monkeypatch.setattr(time, "time", lambda: 5000.0)
    known.take(change)
    assert known.runs is not None
    assert (known.runs[0].created, known.runs[0].updated) == (4900.0, 4950.0)


def test_a_new_connection_replaces_the_list_when_it_has_come_whole() -> None:
    known = KnownRuns()
    carry(SentRuns(), known, [run(1), run(2)])
    carry(SentRuns(), known, [run(2)])
    assert known.runs == [run(2)]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"first": True, "now": 0, "runs": [{"id": "../x"}], "gone": [], "more": False},
        {"first": True, "now": 0, "runs": [{"id": "a"}], "gone": [], "more": False},
        {"first": True, "now": 0, "runs": [{"id": "a", "seed": "x" * 99}], "gone": [], "more": False},
        {"first": True, "now": 0, "runs": ["a"], "gone": [], "more": False},
        {"first": True, "now": 0, "runs": 3, "gone": [], "more": False},
        {"first": True, "now": 0, "runs": [], "gone": [[]], "more": False},
    ],
)
def test_what_is_no_list_of_runs_is_one_sentence(change: dict[str, object]) -> None:
    with pytest.raises(CrtuiError):
        KnownRuns().take(change)
