from __future__ import annotations

import numpy as np
import pytest

from cr_tui.render.cells import Cells
from cr_tui.render.curves.axis import short_number, ticks
from cr_tui.render.curves.chart import Scale, chart
from cr_tui.render.curves.decimate import decimate
from cr_tui.render.curves.labels import y_labels
from cr_tui.render.curves.series import Series


def _series(y: np.ndarray, name: str = "loss") -> Series:
    return Series(name, np.arange(len(y), dtype=float), y)


def _plot(cells: Cells) -> list[str]:
    """The plotting area, without legend, axis and labels."""
    lines = cells.plain.splitlines()[1:-1]
    return [line.partition("│" if "│" in line else "|")[2] for line in lines]


@pytest.mark.parametrize(("width", "height"), [(80, 12), (38, 8), (20, 5), (12, 4), (11, 3), (1, 1), (200, 40)])
def test_is_as_high_as_asked_and_no_wider(width: int, height: int) -> None:
    drawn = chart([_series(np.sin(np.arange(500) / 20))], width, height, title="t")
    assert drawn.height == height
    assert drawn.width <= max(width, 12)


def test_a_rising_line_goes_from_the_lower_left_to_the_upper_right() -> None:
    plot = _plot(chart([_series(np.arange(100.0))], 40, 12))
    assert plot[-1][0] != " "
    assert plot[-1][-1:].strip() == ""
    assert plot[0].rstrip()[-1] != " "
    assert plot[0][0] == " "


def test_one_spike_among_a_million_points_reaches_the_top() -> None:
    y = np.zeros(1_000_000)
    y[654_321] = 1.0
    top = _plot(chart([_series(y)], 80, 12))[0]
    assert len(top.strip()) == 1
    assert abs(top.index(top.strip()) / len(top) - 0.654) < 0.03


def test_sparse_points_are_connected() -> None:
    plot = _plot(chart([Series("score", np.array([0.0, 1000.0]), np.array([0.0, 1.0]))], 60, 10))
    columns = ["".join(row[x] for row in plot if x < len(row)).strip() for x in range(len(plot[0]))]
    assert all(columns)


def test_what_is_not_finite_is_marked_at_its_place() -> None:
    y = np.linspace(0, 1, 101)
    y[50], y[20], y[80] = np.nan, np.inf, -np.inf
    plot = _plot(chart([_series(y)], 60, 10))
    assert plot[-1].count("×") == 1
    assert plot[0].count("↑") == 1
    assert plot[-1].count("↓") == 1
    assert plot[-1].index("×") == pytest.approx(len(plot[-1]) / 2, abs=2)


def test_only_nan_is_drawn_as_nothing_but_marks() -> None:
    marks = set("".join(_plot(chart([_series(np.full(10, np.nan))], 40, 8))))
    assert marks == {"×", " "}


def test_a_logarithmic_axis_marks_what_it_cannot_show() -> None:
    drawn = chart([_series(np.array([1.0, 10.0, 100.0, 0.0, 1000.0]))], 60, 12, scale=Scale(log=True))
    labels = [line.partition("│")[0].strip() for line in drawn.plain.splitlines()]
    assert {"1", "1k"} <= set(labels)
    assert drawn.plain.count("↓") == 1
    rows = [next(y for y, line in enumerate(_plot(drawn)) if len(line) > x and line[x] != " ") for x in (0, -1)]
    assert rows[0] > rows[1]


def test_each_series_has_its_colour_and_newest_value() -> None:
    drawn = chart([_series(np.zeros(9), "a"), _series(np.ones(9), "b")], 60, 8)
    bullets = [segment.style for segment in drawn.lines[0] if segment.text == "● "]
    assert len(set(bullets)) == 2
    assert "● a 0  ● b 1" in drawn.plain
    top = {segment.style for segment in drawn.lines[1] if segment.text.strip() and segment.text != "│"}
    assert bullets[1] in top
    assert bullets[0] not in top


def test_bounds_are_inside_the_plot() -> None:
    plot = _plot(chart([_series(np.full(50, 0.5))], 60, 11, scale=Scale(bounds=(0.0, 1.0))))
    lit = [y for y, row in enumerate(plot) if row.strip()]
    assert lit == [len(plot) // 2]


def test_no_points_yet() -> None:
    assert "no points yet" in chart([], 40, 6, title="scores").plain
    assert "no points yet" in chart([_series(np.array([]))], 40, 6).plain


def test_hostile_names_are_literal_and_ascii_is_plain() -> None:
    drawn = chart([_series(np.arange(5.0), "[/x]\x1b[2J")], 60, 6, title="\x1b]0;t\x07", mode="ascii")
    assert "\x1b" not in drawn.plain
    assert "[/x]␛[2J" in drawn.plain
    assert not set("".join(_plot(drawn))) - set(" *xv^")


def test_decimation_keeps_extremes_ends_and_flags() -> None:
    x = np.arange(1000.0)
    y = np.sin(x)
    y[10], y[990] = np.nan, np.inf
    columns = decimate(x, y, 10, 0.0, 999.0)
    assert columns.high.max() == np.nanmax(y[np.isfinite(y)])
    assert columns.low.min() == np.nanmin(y[np.isfinite(y)])
    assert columns.first[0] == y[0]
    assert columns.last[-1] == y[-1]
    assert columns.nan.tolist() == [True] + [False] * 9
    assert columns.above.tolist() == [False] * 9 + [True]


def test_decimation_leaves_out_what_is_outside() -> None:
    columns = decimate(np.arange(10.0), np.arange(10.0), 3, 4.0, 6.0)
    assert columns.low.tolist() == [4.0, 5.0, 6.0]


def test_ticks_are_round_and_inside() -> None:
    assert ticks(0.0, 1.0, 4) == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert ticks(-3.1, 12.7, 3) == [0.0, 10.0]
    assert ticks(5.0, 5.0, 3) == [5.0]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (0.25, "0.25"),
        (12500.0, "12.5k"),
        (322560.0, "322.6k"),
        (3e-5, "3e-5"),
        (-1.23456, "-1.235"),
        (2.0**70, "1.2e21"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Inf"),
    ],
)
def test_numbers_are_short(value: float, shown: str) -> None:
    assert short_number(value) == shown
    assert len(shown) <= 7


@pytest.mark.parametrize("span", [(38.1391, 38.1434), (1e6, 1e6 + 900), (-20.0007, -20.0001), (0.99991, 0.99999)])
def test_labels_of_a_narrow_span_differ(span: tuple[float, float]) -> None:
    shown = [text for text in y_labels(span, 9, log=False).texts if text]
    assert len(set(shown)) == len(shown) >= 2
    assert max(map(len, shown)) <= 9


@pytest.mark.parametrize("span", [(0.0, 1.0), (0.69, 5.78), (-3.0, 40_000.0), (12.0, 12.5)])
def test_labels_have_four_digits_where_these_tell_them_apart(span: tuple[float, float]) -> None:
    shown = [text for text in y_labels(span, 9, log=False).texts if text]
    assert max(len(text.strip("-k").replace(".", "").lstrip("0")) for text in shown) <= 4
