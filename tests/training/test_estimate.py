"""How long training takes, told from the first updates of each phase by a clock that the test turns."""

from __future__ import annotations

import pytest
import torch

from engine.training.estimate import FEWEST, WARM_UP, Estimate


class Clock:
    """A clock on which an update takes so many seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def answers(estimate: Estimate, clock: Clock, seconds: float, updates: int) -> list[tuple[int, float]]:
    found = []
    for number in range(1, updates + 1):
        clock.now += seconds
        if (rate := estimate.update_done()) is not None:
            found.append((number, rate))
    return found


@pytest.mark.parametrize(("seconds", "at"), [(1.0, WARM_UP + FEWEST), (0.1, WARM_UP + 20), (0.0001, WARM_UP + 500)])
def test_the_rate_is_told_once_after_enough_updates_or_seconds(seconds: float, at: int) -> None:
    clock = Clock()
    [(number, rate)] = answers(Estimate(torch.device("cpu"), clock), clock, seconds, 2_000)
    assert number == pytest.approx(at, abs=1)
    assert rate == pytest.approx(1 / seconds)


def test_slow_first_updates_do_not_count_and_each_phase_is_timed_anew() -> None:
    clock = Clock()
    estimate = Estimate(torch.device("cpu"), clock)
    assert answers(estimate, clock, 30.0, WARM_UP) == []
    assert [rate for _, rate in answers(estimate, clock, 0.5, 20)] == [2.0]
    estimate.begin_phase()
    assert [rate for _, rate in answers(estimate, clock, 1.0, 20)] == [1.0]


def test_a_checkpoint_amid_the_timing_is_left_out() -> None:
    clock = Clock()
    estimate = Estimate(torch.device("cpu"), clock)
    assert answers(estimate, clock, 1.0, WARM_UP + 2) == []
    clock.now += 500.0
    estimate.interrupt()
    assert [rate for _, rate in answers(estimate, clock, 1.0, 30)] == [1.0]
    estimate.interrupt()
    assert answers(estimate, clock, 1.0, 30) == []
