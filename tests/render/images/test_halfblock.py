from __future__ import annotations

import io

import numpy as np
from rich.color import Color
from rich.console import Console

from cr_tui.render.images.halfblock import draw_image


def _colours(image: np.ndarray) -> list[tuple[str, Color | None, Color | None]]:
    """Character, foreground and background of each cell of the first line."""
    cells = []
    for segment in draw_image(image).lines[0]:
        assert segment.style is not None
        cells += [(character, segment.style.color, segment.style.bgcolor) for character in segment.text]
    return cells


def test_a_cell_shows_the_upper_pixel_in_front_of_the_lower() -> None:
    image = np.array([[[255, 0, 0]], [[0, 0, 255]]], dtype=np.uint8)
    assert _colours(image) == [("▀", Color.from_rgb(255, 0, 0), Color.from_rgb(0, 0, 255))]


def test_equal_pixels_are_background_only() -> None:
    image = np.full((2, 1, 3), 255, dtype=np.uint8)
    assert _colours(image) == [(" ", None, Color.from_rgb(255, 255, 255))]


def test_runs_of_equal_cells_are_one_segment() -> None:
    image = np.zeros((2, 40), dtype=np.uint8)
    image[:, 20:] = 255
    (line,) = draw_image(image).lines
    assert [len(segment.text) for segment in line] == [20, 20]


def test_below_an_odd_last_row_is_what_is_behind() -> None:
    image = np.full((3, 2), 255, dtype=np.uint8)
    cells = draw_image(image)
    assert cells.height == 2
    assert cells.lines[1][0].style is not None
    assert cells.lines[1][0].style.bgcolor is None


def test_enlarges_by_whole_factors_and_keeps_proportions() -> None:
    cells = draw_image(np.arange(64, dtype=np.uint8).reshape(8, 8), columns=30, rows=30)
    assert (cells.width, cells.height) == (24, 12)


def test_reduces_by_averaging() -> None:
    image = np.zeros((4, 4), dtype=np.uint8)
    image[:, :2] = 255
    cells = draw_image(image, columns=2, rows=1)
    assert (cells.width, cells.height) == (2, 1)
    assert [segment.style.bgcolor for segment in cells.lines[0] if segment.style] == [
        Color.from_rgb(255, 255, 255),
        Color.from_rgb(0, 0, 0),
    ]


def test_greys_are_few_and_keep_their_ends() -> None:
    image = np.arange(256, dtype=np.uint8).reshape(2, 128)
    styles = {segment.style for segment in draw_image(image.repeat(2, axis=0)).lines[0]}
    assert len(styles) <= 26
    assert _colours(np.array([[0], [255]], dtype=np.uint8))[0][1:] == (
        Color.from_rgb(0, 0, 0),
        Color.from_rgb(255, 255, 255),
    )


def test_neighbouring_greys_stay_apart_in_256_colours() -> None:
    image = np.linspace(0, 255, 13).astype(np.uint8).repeat(2).reshape(13, 2).T
    stream = io.StringIO()
    Console(file=stream, force_terminal=True, color_system="256", width=80).print(draw_image(image))
    assert len({part for part in stream.getvalue().split("\x1b[") if "48;5;" in part}) == 13


def test_ascii_is_plain_and_darker_is_lighter_ink() -> None:
    image = np.array([[0, 128, 255], [0, 128, 255]], dtype=np.uint8)
    cells = draw_image(image, mode="ascii")
    assert cells.plain == " +@"
    assert all(segment.style is None for line in cells.lines for segment in line)
