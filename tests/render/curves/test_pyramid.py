from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from cr_tui.render.curves.decimate import Columns, decimate
from cr_tui.render.curves.pyramid import Growing, Pyramid

VIEWS = [(160, 0.0, 1.0), (3, 0.2, 0.21), (1, 0.0, 1.0), (500, 0.1, 0.9), (7, -1.0, 2.0), (5, 0.5, 0.5)]


def _hostile(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Uneven positions with a long pause, and values among which some are not finite."""
    generator = np.random.default_rng(n)
    x = np.cumsum(generator.exponential(1.0, n))
    y = generator.standard_normal(n)
    if n > 20:
        x[n // 2 :] += x[-1]
        y[generator.integers(0, n, 5)] = np.nan
        y[3], y[7] = np.inf, -np.inf
    return x, y


def _grown(y: np.ndarray) -> Pyramid:
    pyramid = Pyramid()
    generator = np.random.default_rng(0)
    at = 0
    while at < len(y):
        size = int(generator.integers(1, 300))
        pyramid.extend(y[at : at + size])
        if size % 3 == 0:
            _ = pyramid.levels
        at += size
    return pyramid


def _assert_same(one: Columns, other: Columns) -> None:
    np.testing.assert_allclose(one.mean, other.mean, rtol=1e-12, atol=1e-12)
    for field in fields(Columns):
        if field.name != "mean":
            np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name), err_msg=field.name)


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 63, 64, 65, 1000, 5003])
@pytest.mark.parametrize(("columns", "first", "last"), VIEWS)
def test_reduces_as_if_every_point_had_been_looked_at(n: int, columns: int, first: float, last: float) -> None:
    x, y = _hostile(n)
    low, high = (x[0], x[-1]) if n else (0.0, 1.0)
    start, end = low + (high - low) * first, low + (high - low) * last
    _assert_same(_grown(y).levels.columns(x, columns, start, end), decimate(x, y, columns, start, end))


def test_looks_at_few_of_many_points() -> None:
    n = 1_000_000
    y = np.zeros(n)
    y[654_321] = 1.0
    pyramid = Pyramid()
    pyramid.extend(y)
    levels = pyramid.levels
    looked_at = _Counting(levels.values)
    object.__setattr__(levels, "values", looked_at)
    reduced = levels.columns(np.arange(n, dtype=float), 100, 0.0, n - 1.0)
    assert reduced.high.max() == 1.0
    assert 0 < looked_at.count < 5000


class _Counting:
    """An array that counts how many of its entries are asked for."""

    def __init__(self, values: np.ndarray) -> None:
        self._values = values
        self.count = 0

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, at: np.ndarray) -> np.ndarray:
        self.count += len(at)
        return self._values[at]


def test_what_is_cut_is_forgotten_and_earlier_looks_stay() -> None:
    x, y = _hostile(1000)
    pyramid = _grown(y)
    before = pyramid.levels
    pyramid.cut(501)
    pyramid.extend(np.full(20, 9.0))
    replaced = np.concatenate([y[:501], np.full(20, 9.0)])
    _assert_same(pyramid.levels.columns(x[:521], 50, x[0], x[520]), decimate(x[:521], replaced, 50, x[0], x[520]))
    _assert_same(before.columns(x, 50, x[0], x[-1]), decimate(x, y, 50, x[0], x[-1]))


def test_views_of_a_growing_array_never_change() -> None:
    array = Growing()
    array.extend(np.arange(10.0))
    view = array.view
    array.extend(np.full(1000, 7.0))
    array.cut(5)
    array.extend(np.full(20, -1.0))
    assert view.tolist() == list(range(10))
    assert array.view.tolist() == [0, 1, 2, 3, 4] + [-1] * 20


def test_a_logarithm_marks_what_it_cannot_show_and_keeps_the_rest() -> None:
    y = np.array([10.0, 100.0, 0.0, 1000.0, -5.0, -3.0])
    reduced = decimate(np.arange(6.0), y, 3, 0.0, 5.0).logarithmic()
    assert reduced.below.tolist() == [False, True, True]
    assert reduced.low.tolist()[:2] == [1.0, 3.0]
    assert reduced.high.tolist()[:2] == [2.0, 3.0]
    assert np.isnan(reduced.high[2])
