from __future__ import annotations

import numpy as np

from cr_tui.render.curves.chart_picture import chart_picture
from cr_tui.render.curves.series import Series
from cr_tui.render.palette import blend

RED = (200, 0, 0)


def _rows_of(picture: np.ndarray, colour: tuple[int, int, int], column: slice) -> np.ndarray:
    """Rows in which a colour stands, above the legend."""
    is_there = (picture[:880, column] == np.array(colour)).all(axis=2)
    return np.flatnonzero(is_there.any(axis=1))


def test_a_rising_line_rises_in_its_own_colour() -> None:
    picture = chart_picture([Series("a", np.arange(100.0), np.arange(100.0), RED)], "title")
    assert picture.shape[1:] == (1600, 3)
    left, right = _rows_of(picture, RED, slice(140, 240)), _rows_of(picture, RED, slice(1400, 1560))
    assert left.min() > right.max()


def test_one_spike_among_many_points_is_drawn() -> None:
    y = np.zeros(100_000)
    y[50_000] = 1.0
    picture = chart_picture([Series("a", np.arange(100_000.0), y, RED)], "t")
    band = blend(RED, (255, 255, 255), 0.25)
    assert _rows_of(picture, band, slice(800, 900)).min() < 120
    assert _rows_of(picture, RED, slice(800, 900)).min() > 700, "the line itself passes through the means"


def test_each_named_line_has_a_place_in_the_legend() -> None:
    lines = [Series(str(n), np.arange(3.0), np.arange(3.0), RED) for n in range(3)]
    unnamed = [Series("", np.arange(3.0), np.arange(3.0), RED)]
    assert chart_picture(lines + unnamed, "t").shape[0] - chart_picture(lines[:1], "t").shape[0] == 2 * 38


def test_nothing_to_draw_and_nothing_finite_are_pictures_too() -> None:
    chart_picture([], "nothing")
    chart_picture([Series("nan", np.arange(3.0), np.full(3, np.nan), RED)], "\x1b[2J" * 50)
    chart_picture([Series("zero", np.zeros(1), np.zeros(1), RED)], "t", log_y=True, x_kind="duration")
