from __future__ import annotations

import math

import numpy as np
import pytest

from cr_tui.render.cells import Cells
from cr_tui.render.curves.chart import Ink, Scale, chart, pattern_sample
from cr_tui.render.curves.pyramid import Pyramid
from cr_tui.render.curves.series import Aggregate, Series, Stroke, x_span

BLUE, ORANGE, GREEN = (0, 95, 215), (215, 95, 0), (0, 175, 0)


def _noisy(n: int, seed: int = 0, **fields: object) -> Series:
    y = np.linspace(0.0, 1.0, n) + 0.2 * np.random.default_rng(seed).standard_normal(n)
    return Series("", np.arange(float(n)), y, **fields)  # type: ignore[arg-type]


def _averaged(series: Series, length: int = 200) -> Series:
    y = np.convolve(np.pad(series.y, (length, length), "edge"), np.ones(length) / length, "same")[length:-length]
    return Series("", series.x, y, series.colour, measured=series, averaged=True)


def _lit_rows(cells: Cells, colour: tuple[int, int, int]) -> list[int]:
    """In how many rows of each column something is drawn in this very colour."""
    counts: dict[int, int] = {}
    for line in cells.lines[1:-1]:
        at = 0
        for segment in line:
            its = segment.style.color if segment.style else None
            if its is not None and its.triplet is not None and tuple(its.triplet) == colour:
                for offset, character in enumerate(segment.text):
                    if character != " ":
                        counts[at + offset] = counts.get(at + offset, 0) + 1
            at += segment.cell_length
    return list(counts.values())


def _backgrounds(cells: Cells) -> set[tuple[int, int, int]]:
    styles = [segment.style for line in cells.lines[1:-1] for segment in line if segment.style]
    return {tuple(style.bgcolor.triplet) for style in styles if style.bgcolor and style.bgcolor.triplet}


def test_few_points_are_a_line_through_all_of_them() -> None:
    stroke = _noisy(100).stroke(60, 0.0, 99.0, log=False)
    assert stroke.low is None
    assert stroke.line.low.min() == _noisy(100).y.min()


def test_many_points_are_a_line_through_the_means_over_their_span() -> None:
    series = _noisy(20_000)
    stroke = series.stroke(100, 0.0, 19_999.0, log=False)
    assert stroke.low is not None
    assert stroke.low.min() == series.y.min()
    assert stroke.highs.max() == series.y.max()
    assert np.abs(stroke.line.low - np.linspace(0, 1, 100)).max() < 0.1
    np.testing.assert_array_equal(stroke.line.low, stroke.line.high)


def test_a_moving_average_is_one_thin_line_over_what_was_measured() -> None:
    measured = _noisy(2000)
    drawn = chart([_averaged(Series("", measured.x, measured.y, BLUE))], 80, 20)
    rows = _lit_rows(drawn, BLUE)
    assert max(rows) <= 3, "a filled area would take many rows of a column"
    assert sum(rows) / len(rows) < 1.5
    assert _backgrounds(drawn), "the span is behind it"


def test_ten_noisy_runs_are_thin_lines_that_never_take_colours_by_chance() -> None:
    first = Series("", *_xy(20_000, 1), BLUE)
    others = [Series("", *_xy(20_000, seed), ORANGE) for seed in range(2, 11)]
    before = _lit_rows(chart([first], 100, 20), BLUE)
    among = _lit_rows(chart([first, *others], 100, 20, scale=Scale(bounds=(-1, 2))), BLUE)
    alone = _lit_rows(chart([first], 100, 20, scale=Scale(bounds=(-1, 2))), BLUE)
    assert among == alone, "the first line is on top all along"
    assert max(before) <= 3


def _xy(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    series = _noisy(n, seed)
    return series.x, series.y


def test_dimmed_lines_stand_behind_in_a_weaker_colour_without_band() -> None:
    lead, other = _noisy(20_000, 1), _noisy(20_000, 2)
    shown = chart(
        [Series("", other.x, other.y, ORANGE, dimmed=True), Series("", lead.x, lead.y, BLUE)],
        80,
        20,
        scale=Scale(bounds=(-1, 2)),
    )
    alone = chart([Series("", lead.x, lead.y, BLUE)], 80, 20, scale=Scale(bounds=(-1, 2)))
    assert _lit_rows(shown, BLUE) == _lit_rows(alone, BLUE)
    assert not _lit_rows(shown, ORANGE)
    assert _backgrounds(shown) == _backgrounds(alone)


def test_many_bands_are_one_grey() -> None:
    lines = [Series("", *_xy(20_000, seed), colour) for seed, colour in enumerate((BLUE, ORANGE, GREEN, (9, 9, 215)))]
    assert len(_backgrounds(chart(lines, 80, 20))) == 1
    assert len(_backgrounds(chart(lines[:2], 80, 20))) == 2


def test_a_mean_is_of_curves_and_not_of_points() -> None:
    x = np.linspace(0.0, 100.0, 11)
    sparse, dense = Series("", x, np.full(11, 0.0)), Series("", np.linspace(0, 100, 5000), np.full(5000, 1.0))
    mean = Aggregate("both", (sparse, dense))
    stroke = mean.stroke(50, 0.0, 100.0, log=False)
    assert stroke.low is not None
    assert stroke.high is not None
    np.testing.assert_allclose(stroke.line.low, 0.5)
    np.testing.assert_allclose(stroke.high - stroke.low, 2 * np.std([0.0, 1.0], ddof=1))
    assert mean.at(50.0) == pytest.approx(0.5)
    assert mean.newest == pytest.approx(0.5)
    assert mean.spread(None) == pytest.approx(np.std([0.0, 1.0], ddof=1))
    assert x_span([mean]) == (0.0, 100.0)


def test_a_curve_takes_part_in_a_mean_between_its_ends_only() -> None:
    long, short = Series("", np.arange(101.0), np.zeros(101)), Series("", np.arange(51.0), np.ones(51))
    line = Aggregate("", (long, short)).stroke(101, 0.0, 100.0, log=False).line.low
    assert line[:51].tolist() == [0.5] * 51
    assert line[51:].tolist() == [0.0] * 50


def test_means_survive_what_is_not_finite_and_logarithms() -> None:
    broken = Series("", np.arange(4.0), np.array([np.nan, np.inf, -1.0, 10.0]))
    whole = Series("", np.arange(4.0), np.array([1.0, 10.0, 100.0, 1000.0]))
    stroke = Aggregate("", (broken, whole)).stroke(4, 0.0, 3.0, log=True)
    assert stroke.line.nan.tolist() == [True, False, False, False]
    assert stroke.line.low[3] == pytest.approx(2.0), "the mean of the logarithms of 10 and 1000"
    empty = Series("", np.empty(0), np.empty(0))
    assert Aggregate("", (empty, empty)).ends is None
    assert isinstance(Aggregate("", (empty, whole)).stroke(4, 0.0, 3.0, log=False), Stroke)


def test_means_by_summaries_are_those_of_all_points() -> None:
    y = np.random.default_rng(3).standard_normal(30_000)
    pyramid = Pyramid()
    pyramid.extend(y)
    x = np.arange(30_000.0)
    fast = Series("", x, y, levels=pyramid.levels).stroke(70, 0.0, 29_999.0, log=False)
    slow = Series("", x, y).stroke(70, 0.0, 29_999.0, log=False)
    np.testing.assert_allclose(fast.line.low, slow.line.low, atol=1e-12)


def test_outliers_are_clipped_and_the_chart_says_so() -> None:
    y = np.sin(np.arange(400) / 30)
    y[200] = 500.0
    series = Series("", np.arange(400.0), y)
    whole, clipped = chart([series], 60, 12, title="t"), chart([series], 60, 12, title="t", scale=Scale(clip=True))
    assert "500" in whole.plain.splitlines()[1]
    assert "clipped ↑500" in clipped.plain.splitlines()[0]
    assert "▴" in clipped.plain.splitlines()[1]
    assert float(clipped.plain.splitlines()[1].partition("│")[0]) < 5
    usual = chart([Series("", np.arange(400.0), np.sin(np.arange(400) / 30))], 60, 12, scale=Scale(clip=True))
    assert "clipped" not in usual.plain


def test_a_part_of_the_height_can_be_seen() -> None:
    drawn = chart([Series("", np.arange(9.0), np.arange(9.0))], 60, 12, scale=Scale(zoom=(0.25, 0.75)))
    labels = [line.partition("│")[0].strip() for line in drawn.plain.splitlines()[1:-1]]
    assert (labels[0], labels[-1]) == ("6", "2")


@pytest.mark.parametrize("rows", [4, 6, 8, 20, 47])
@pytest.mark.parametrize("span", [(2.0, 30.0), (0.5, 0.9), (1e-5, 1e4), (3.0, 3.1)])
def test_every_axis_has_labels_at_its_ends_logarithmic_ones_too(rows: int, span: tuple[float, float]) -> None:
    for log in (False, True):
        drawn = chart([Series("", np.array([0.0, 777.0]), np.array(span))], 60, rows + 2, scale=Scale(log=log))
        lines = drawn.plain.splitlines()
        labels = [line.partition("│")[0].strip() for line in lines[1:-1]]
        assert labels[0]
        assert labels[-1]
        assert lines[-1].split()[0] == "0"
        assert lines[-1].split()[-1] == "777"


def test_guides_run_at_round_values_behind_everything() -> None:
    series = Series("", np.array([0.0, 10.0]), np.array([0.0, 1.0]))
    bare, guided = chart([series], 60, 12), chart([series], 60, 12, guides=True)
    assert "┈" not in bare.plain
    for line in guided.plain.splitlines()[1:-1]:
        label, _, plot = line.partition("│")
        assert ("┈" in plot) == bool(label.strip() and label.strip() in ("0", "0.25", "0.5", "0.75", "1"))
    assert guided.plain.replace("┈", " ") == bare.plain


def test_without_colours_lines_are_known_by_dashes_and_letters() -> None:
    flat = [Series("", np.arange(99.0), np.full(99, float(level)), pattern=level) for level in range(4)]
    coloured, plain = chart(flat, 100, 20), chart(flat, 100, 20, ink=Ink(patterns=True))
    rows = [line.partition("│")[2] for line in plain.plain.splitlines()[1:-1] if line.partition("│")[2].strip()]
    assert len({row.strip() for row in rows}) == 4
    for row, letter in zip(rows, "dcba", strict=True):
        assert letter in row
    assert not any(letter in coloured.plain for letter in "abcd")
    assert len({pattern_sample(number) for number in range(12)}) == 12
    assert f"{pattern_sample(1)} 1" in plain.plain.splitlines()[0]


def test_a_legend_without_room_says_how_many_more_there_are() -> None:
    lines = [Series(f"run-{number}", np.arange(3.0), np.arange(3.0)) for number in range(9)]
    legend = chart(lines, 40, 8, title="loss").plain.splitlines()[0]
    shown = legend.count("●")
    assert legend.rstrip().endswith(f"+{9 - shown}")
    assert len(legend) <= 40


def test_a_run_that_ended_with_nan_does_not_hide_what_the_others_say() -> None:
    broken, whole = (Series("", np.array([0.0, 1.0]), np.array([0.5, last])) for last in (np.nan, 0.25))
    mean = Aggregate("", (broken, whole))
    assert mean.newest == mean.at(1.0) == 0.25
    assert math.isnan(Aggregate("", (broken, broken)).newest or 0.0)
