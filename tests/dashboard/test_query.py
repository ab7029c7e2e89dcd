"""The filter of the runs: what it finds, and what it says of terms that it cannot read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cr_tui.dashboard.model.data import Run
from cr_tui.dashboard.runs.query import parse

RUN = Run("20260101-000000-aaaaaa", "pool-s1", "pool", "infogan-cr", "dsprites", 1, "running", 50, 100, 1e9, 1e9)
RUNS = [
    replace(RUN, id="1", name="a", status="failed", scores={"mig": 0.1}, settings={"training.steps": 4}),
    replace(RUN, id="2", name="b", status="finished", group="other", scores={"mig": 0.5, "factor_vae": 0.9}),
    replace(RUN, id="3", name="c", status="crashed", seed=2),
]


def found(query: str) -> str:
    return "".join(run.name for run in RUNS if parse(query).passes(run))


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("status:failed or status:crashed", "ac"),
        ("status:failed | status:finished", "ab"),
        ("not status:failed", "bc"),
        ("!status:failed", "bc"),
        ("not (status:failed or seed=2)", "b"),
        ("group:pool (status:failed or status:finished)", "a"),
        ("group:pool and status:failed or score.mig>0.2", "ab"),
        ("(status:failed", "a"),
        ("status:failed)", "a"),
        ("not", "abc"),
        ("status:failed or", "a"),
        ("seed!=2", "ab"),
        ('"pool" seed=2', "c"),
    ],
)
def test_or_not_and_parentheses(query: str, names: str) -> None:
    assert found(query) == names


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("score.nope>1", "no run has a score 'nope'; there are factor_vae, mig"),
        ("score.mig>abc", "'abc' is no number"),
        ("status>failed", "a status has no order"),
        ("status:walking", "no status begins with 'walking'; there are crashed, failed, finished"),
        ("learning_rata=3", "no run has a setting 'learning_rata'"),
        (">5", "'>5' is taken for text"),
        ("(status:failed", "'(' is not closed"),
        ("status:failed)", "')' closes nothing"),
        ("status:failed or", "nothing stands after 'or'"),
        ("or status:failed", "nothing stands before 'or'"),
        ("not", "nothing stands after 'not'"),
        ("(" * 5000, "nested too deeply"),
    ],
)
def test_a_word_about_what_it_cannot_read(query: str, part: str) -> None:
    assert part in parse(query).remark(RUNS)


@pytest.mark.parametrize("query", ["", "pool", "status:failed or score.mig>0.2", "steps=4", "seed=7"])
def test_no_word_about_what_it_can_read(query: str) -> None:
    assert parse(query).remark(RUNS) == ""
