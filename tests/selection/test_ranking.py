"""Rankings, and how far they can be told."""

from __future__ import annotations

import math

import pytest

from engine.selection.ranking import rank_ranges

RANGES = [
    pytest.param([(0.9, 0.95), (0.7, 0.8), (0.1, 0.2)], [(1, 1), (2, 2), (3, 3)], id="all apart"),
    pytest.param([(0.7, 0.95), (0.7, 0.8), (0.1, 0.2)], [(1, 2), (1, 2), (3, 3)], id="two overlap"),
    pytest.param([(0.8, 0.9), (0.7, 0.8), (0.5, 0.75)], [(1, 2), (1, 3), (2, 3)], id="a chain, and ends that touch"),
    pytest.param([(0.5, 0.5), (0.5, 0.5)], [(1, 2), (1, 2)], id="equal"),
    pytest.param([(math.nan, math.nan), (0.1, 0.2)], [(2, 2), (1, 1)], id="one without a score"),
    pytest.param([(0.3, 0.4)], [(1, 1)], id="alone"),
]


@pytest.mark.parametrize(("intervals", "expected"), RANGES)
def test_a_rank_is_as_wide_as_the_intervals_leave_it(
    intervals: list[tuple[float, float]], expected: list[tuple[int, int]]
) -> None:
    assert [tuple(one) for one in rank_ranges(intervals)] == expected
