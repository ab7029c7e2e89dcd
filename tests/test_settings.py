"""Moments and schedules: as they are written, and what they come to in a run of some length."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from engine.settings import MomentField, ScheduleField, ShareField, constant, moment, schedule

SCHEDULE: TypeAdapter[Any] = TypeAdapter(ScheduleField)
MOMENT: TypeAdapter[Any] = TypeAdapter(MomentField)


@pytest.mark.parametrize(
    "written", [2.0, [[0, 0.0], [288_000, 2.0]], [[0, 0.0], ["90%", 2.0]], [[0, 1.0], [5, 2.0], ["37.5%", 3.0]]]
)
def test_a_schedule_is_written_as_it_was_read(written: Any) -> None:
    assert SCHEDULE.dump_python(SCHEDULE.validate_python(written), mode="json") == written


@pytest.mark.parametrize(
    ("written", "steps", "iteration"),
    [(7, 3, 7), ("0%", 9, 0), ("50%", 9, 5), ("37.5%", 4_000, 1_500), ("100%", 12, 12), (" 12.50 % ", 80, 10)],
)
def test_a_moment_is_the_nearest_iteration(written: Any, steps: int, iteration: int) -> None:
    assert MOMENT.validate_python(written).in_run_of(steps) == iteration
    assert MOMENT.validate_python(written).fixed(steps) == moment(iteration)


@pytest.mark.parametrize(
    ("percent", "steps", "iteration"),
    [
        ("89.2857%", 322_560, 288_000),
        ("40%", 125_000, 50_000),
        ("68%", 125_000, 85_000),
        ("88.7174%", 90_174, 80_000),
        ("75%", 288_000, 216_000),
        ("33.3333%", 300_000, 100_000),
        ("66.6667%", 150_000, 100_000),
    ],
)
def test_the_shares_of_published_presets_are_the_published_iterations(percent: str, steps: int, iteration: int) -> None:
    assert moment(percent).in_run_of(steps) == iteration


@pytest.mark.parametrize(
    "written",
    ["90", "101%", "-1%", "9e1%", "%", "half", -1, 0.5, True, None, [1], "1" * 400 + "%", "nan%", "٩%%"],
)
def test_what_is_no_moment_is_refused(written: Any) -> None:
    with pytest.raises(ValidationError):
        MOMENT.validate_python(written)


@pytest.mark.parametrize(
    "written",
    [
        [],
        [[1, 2.0]],
        [["5%", 2.0]],
        [[0, 1.0], ["0%", 2.0]],
        [[0, 1.0], ["50%", 2.0], ["50%", 3.0]],
        [[0, 1.0], [5, 2.0], [4, 3.0]],
        [[0, -1.0]],
        [[0, 1.0, 2.0]],
        "[[0, 1], [90%, 2]]",
        True,
    ],
)
def test_what_is_no_schedule_is_refused(written: Any) -> None:
    with pytest.raises(ValidationError):
        SCHEDULE.validate_python(written)


def test_values_hold_from_their_moment_on() -> None:
    timetable = schedule((0, 0), ("50%", 1), ("75%", 2)).over(8)
    assert [timetable.at(iteration) for iteration in range(8)] == [0, 0, 0, 0, 1, 1, 2, 2]
    assert timetable.turning_points == (4, 6)
    assert [iteration for iteration in range(8) if timetable.changes_at(iteration)] == [4, 6]
    assert constant(3).over(5).turning_points == ()


@given(st.integers(1, 10**6), st.lists(st.integers(1, 100), max_size=4, unique=True))
def test_every_schedule_of_shares_fits_every_length(steps: int, shares: list[int]) -> None:
    written = schedule((0, 0), *((f"{share}%", share) for share in sorted(shares)))
    timetable = written.over(steps)
    assert written.ascends_over(steps)
    assert list(timetable.turning_points) == sorted(set(timetable.turning_points))
    assert timetable.at(steps) == max([0, *shares])
    assert written.fixed(steps).over(steps + 1) == timetable


def test_mixed_moments_ascend_in_long_runs_only() -> None:
    mixed = schedule((0, 0), (100, 1), ("50%", 2))
    assert not mixed.ascends_over(50)
    assert mixed.ascends_over(500)


def test_a_share_of_one_may_be_written_in_per_cent() -> None:
    share: TypeAdapter[Any] = TypeAdapter(ShareField)
    assert share.validate_python("40%") == share.validate_python(0.4) == 0.4
