"""Curves of several seeds as one."""

from __future__ import annotations

import numpy as np

from cr_tui.figures.seeds import over_seeds


def curve(steps: list[int], values: list[float]) -> tuple[np.ndarray, np.ndarray]:
    return np.array(steps, dtype=np.int64), np.array(values, dtype=np.float64)


def test_mean_and_deviation_are_those_over_seeds() -> None:
    found = over_seeds([curve([10, 20], [1.0, 4.0]), curve([10, 20], [3.0, 4.0]), curve([10, 20], [5.0, 7.0])])
    assert found is not None
    assert found.seeds == 3
    np.testing.assert_allclose(found.steps, [10, 20])
    np.testing.assert_allclose(found.mean, [3.0, 5.0])
    np.testing.assert_allclose(found.deviation, [2.0, np.std([4.0, 4.0, 7.0], ddof=1)])


def test_a_single_seed_has_no_deviation() -> None:
    found = over_seeds([curve([10, 20], [1.0, 4.0])])
    assert found is not None
    assert np.isnan(found.deviation).all()


def test_a_seed_that_ended_early_counts_only_as_far_as_it_went() -> None:
    found = over_seeds([curve([10, 20, 30], [1.0, 1.0, 9.0]), curve([10, 20], [3.0, 3.0])])
    assert found is not None
    np.testing.assert_allclose(found.mean, [2.0, 2.0, 9.0])
    assert np.isnan(found.deviation[2])


def test_seeds_that_logged_at_other_steps_meet_on_straight_lines() -> None:
    found = over_seeds([curve([0, 10, 20], [0.0, 1.0, 2.0]), curve([0, 20], [0.0, 4.0])])
    assert found is not None
    np.testing.assert_allclose(found.steps, [0, 10, 20])
    np.testing.assert_allclose(found.mean, [0.0, 1.5, 3.0])


def test_long_curves_become_means_of_bins() -> None:
    steps = np.arange(10_000, dtype=np.int64)
    found = over_seeds([(steps, steps.astype(np.float64))], points=100)
    assert found is not None
    assert len(found.steps) == 100
    np.testing.assert_allclose(found.mean, found.steps, atol=1.0)


def test_values_that_are_not_finite_are_left_out() -> None:
    found = over_seeds([curve([1, 2, 3], [1.0, np.nan, 3.0]), curve([1, 2, 3], [np.inf, np.nan, np.nan])])
    assert found is not None
    assert found.seeds == 1
    np.testing.assert_allclose(found.mean, [1.0, 3.0])
    assert over_seeds([curve([1], [np.nan]), curve([], [])]) is None
