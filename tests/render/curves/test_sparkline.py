from __future__ import annotations

import numpy as np

from cr_tui.render.curves.sparkline import sparkline


def test_low_to_high() -> None:
    assert sparkline(np.arange(8.0), 8) == "▁▂▃▄▅▆▇█"
    assert sparkline(np.arange(8.0), 8, mode="ascii") == "_.-~=+*#"


def test_fewer_values_than_cells_are_not_stretched() -> None:
    assert sparkline(np.array([1.0, 2.0]), 10) == "▁█"


def test_a_single_spike_among_thousands_survives() -> None:
    values = np.zeros(5000)
    values[1234] = 1.0
    assert sparkline(values, 10).count("█") == 1
    assert sparkline(-values, 10).count("▁") == 1


def test_what_is_not_finite_is_marked() -> None:
    assert sparkline(np.array([0.0, np.nan, 1.0]), 3) == "▁×█"
    assert sparkline(np.array([np.inf, np.nan]), 5) == "××"


def test_constant_and_empty_series() -> None:
    assert len(set(sparkline(np.ones(5), 5))) == 1
    assert sparkline(np.array([]), 5) == ""
