from __future__ import annotations

import numpy as np
import pytest

from cr_tui.render.curves.smooth import Smoothed


def _by_definition(values: np.ndarray, weight: float) -> list[float]:
    total = share = 0.0
    averages = []
    for value in values:
        if np.isfinite(value):
            total = weight * total + (1 - weight) * value
            share = weight * share + (1 - weight)
        averages.append(total / share if share else np.nan)
    return averages


@pytest.mark.parametrize("weight", [0.1, 0.6, 0.9, 0.99, 0.999])
def test_is_the_debiased_average_however_it_grew(weight: float) -> None:
    values = np.random.default_rng(0).standard_normal(3000) + 5
    values[[0, 100, 101]], values[200] = np.nan, np.inf
    average = Smoothed(weight)
    for at in range(0, len(values), 37):
        average.extend(values[at : at + 37])
    np.testing.assert_allclose(average.levels.values, _by_definition(values, weight), rtol=1e-9)


def test_a_constant_stays_what_it_is() -> None:
    average = Smoothed(0.99)
    average.extend(np.full(50, 3.25))
    np.testing.assert_allclose(average.levels.values, 3.25)


def test_only_nan_has_no_average() -> None:
    average = Smoothed(0.9)
    average.extend(np.full(3, np.nan))
    assert np.isnan(average.levels.values).all()
    average.extend(np.array([2.0]))
    assert average.levels.values[-1] == pytest.approx(2.0)
