from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from cr_tui.render.matrices.heatmap import heatmap
from cr_tui.render.palette import MISSING, readable_on, viridis


def _matrix(n: int) -> np.ndarray:
    return np.random.default_rng(0).random((n, n))


def test_shows_names_numbers_and_values_where_they_fit() -> None:
    drawn = heatmap(np.array([[0.5, 0.25], [1.0, 0.0]]), ["first", "second"], caption="rows: encoder")
    lines = drawn.plain.splitlines()
    assert lines[0] == "rows: encoder"
    assert lines[1].split() == ["1", "2"]
    assert lines[2].split() == ["1", "first", "0.50", "0.25"]
    assert lines[3].split() == ["2", "second", "1.00", "0.00"]
    assert lines[-1].split() == ["0.00", "1.00"]


@pytest.mark.parametrize("n", [1, 2, 5, 10, 12, 20, 36, 60, 78, 200])
@pytest.mark.parametrize("mode", ["blocks", "ascii"])
def test_fits_80_columns(n: int, mode: str) -> None:
    labels = [f"a-rather-long-run-name-{i}" for i in range(n)]
    drawn = heatmap(_matrix(n), labels, mode=mode)  # type: ignore[arg-type]
    assert drawn.width <= 80
    assert {sum(segment.cell_length for segment in line) for line in drawn.lines[1:3]} != {0}


def test_says_when_it_averages() -> None:
    assert "each cell averages 3 × 3 values" in heatmap(_matrix(200)).plain
    assert "averages" not in heatmap(_matrix(60)).plain


@pytest.mark.parametrize("mode", ["blocks", "ascii"])
def test_missing_values_are_marked_and_explained(mode: str) -> None:
    matrix = _matrix(3)
    matrix[0, 1], matrix[1, 2] = np.nan, np.inf
    mark = "×" if mode == "blocks" else "x"
    drawn = heatmap(matrix, mode=mode).plain  # type: ignore[arg-type]
    assert drawn.count(mark) == 3
    assert f"{mark} not there" in drawn
    assert mark not in heatmap(_matrix(3), mode=mode).plain  # type: ignore[arg-type]


def test_nothing_but_missing_values_is_drawn_too() -> None:
    assert heatmap(np.full((2, 2), np.nan)).plain.count("×") == 5


def test_hostile_names_are_literal() -> None:
    console = Console(force_terminal=True, width=80, color_system="truecolor", record=True, file=io.StringIO())
    console.print(heatmap(np.eye(2), ["[/nope]", "\x1b]52;c;x\x07"]))
    text = console.export_text()
    assert "[/nope]" in text
    assert "␛]52" in text


def test_the_palette_rises_in_lightness_and_keeps_missing_apart() -> None:
    colours = viridis(np.linspace(0, 1, 32)).astype(float)
    assert (np.diff(colours @ [0.2126, 0.7152, 0.0722]) > 0).all()
    assert tuple(viridis(np.array(np.nan)).reshape(3)) == MISSING
    assert (viridis(np.array([-1.0, 2.0])) == viridis(np.array([0.0, 1.0]))).all()


def test_text_contrasts_with_every_colour() -> None:
    def luminance(colour: tuple[int, ...]) -> float:
        channels = np.array(colour) / 255
        linear = np.where(channels <= 0.03928, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    for colour in viridis(np.linspace(0, 1, 32)):
        background = tuple(int(channel) for channel in colour)
        lighter, darker = sorted([luminance(background), luminance(readable_on(background))], reverse=True)  # type: ignore[arg-type]
        assert (lighter + 0.05) / (darker + 0.05) > 3.5
