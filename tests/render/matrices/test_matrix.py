"""A window onto a matrix of colours."""

from __future__ import annotations

import numpy as np
import pytest

from cr_tui.render.matrices.matrix import (
    ABSENT,
    SIZES,
    MatrixInk,
    MatrixPicture,
    fitting,
    header_line,
    legend_line,
    value_line,
)
from cr_tui.render.palette import STEPS

INK = MatrixInk((138, 138, 138), (255, 255, 255), (0, 0, 0))


def _picture(n: int) -> MatrixPicture:
    return MatrixPicture(np.random.default_rng(0).random((n, n)), [f"run-{k}" for k in range(n)])


def test_colours_are_of_the_256_and_rise_in_lightness() -> None:
    assert all(channel in (0, 95, 135, 175, 215, 255) for colour in STEPS for channel in colour)
    linear = (np.array(STEPS) / 255) ** 2.2
    luminance = linear @ (0.2126, 0.7152, 0.0722)
    assert (np.diff(luminance) > 0).all()


def test_levels_follow_the_values_or_their_ranks() -> None:
    values = np.array([[0.0, 0.98], [0.99, 1.0]])
    assert MatrixPicture(values, ["a", "b"]).levels.tolist() == [[0, 8], [8, 8]]
    assert len(set(MatrixPicture(values, ["a", "b"], even=True).levels.ravel().tolist())) == 4
    values[0, 1] = np.inf
    assert MatrixPicture(values, ["a", "b"]).levels[0, 1] == ABSENT


@pytest.mark.parametrize("n", [1, 2, 18, 40, 200])
@pytest.mark.parametrize(("width", "height"), [(24, 3), (40, 14), (100, 40)])
@pytest.mark.parametrize("zoom", [None, 0, len(SIZES) - 1])
def test_every_line_fits_and_the_cursor_is_inside(n: int, width: int, height: int, zoom: int | None) -> None:
    picture = _picture(n)
    for cursor in ((0, 0), (n - 1, n // 2), (n // 2, n - 1)):
        window = fitting(picture, width, height, cursor, zoom=zoom)
        assert window.rows[0] <= cursor[0] < window.rows[1]
        assert window.columns[0] <= cursor[1] < window.columns[1]
        assert window.height <= height
        lines = [value_line(picture, window, y, INK) for y in range(window.height)]
        lines += [header_line(picture, window, INK), legend_line(picture, window.margin, width, INK)]
        assert all(sum(segment.cell_length for segment in line) <= width for line in lines)
        x = window.margin + (cursor[1] - window.columns[0]) * window.cell.across
        found = window.at(x, window.line_of(cursor[0]), (-1, -1))
        assert found is not None
        assert found[1] == cursor[1]
        assert cursor[0] - found[0] in ((0, 1) if window.cell.halves == 1 else (0,))


@pytest.mark.parametrize("zoom", range(len(SIZES)))
def test_missing_values_are_seen_without_colours(zoom: int) -> None:
    values = np.random.default_rng(0).random((6, 6))
    values[:, 2:4] = np.nan
    picture = MatrixPicture(values, [""] * 6)
    window = fitting(picture, 120, 60, (0, 0), zoom=zoom)
    across = window.cell.across
    rows = ["".join(part.text for part in value_line(picture, window, y, INK)) for y in range(window.height)]
    cells = [[row[window.margin :][at * across : (at + 1) * across].strip() for at in range(6)] for row in rows]
    missing = {cell for row in cells for cell in row[2:4]}
    assert missing - {""} <= {"·", "··", "×"}
    assert missing - {""}
    assert not missing & {cell for row in cells for cell in (*row[:2], *row[4:]) if cell}
    assert "··" in "".join(part.text for part in legend_line(picture, window.margin, 120, INK))


def test_labels_are_shortened_as_the_caller_says() -> None:
    names = ["a-long-name-1", "a-long-name-2"]
    picture = MatrixPicture(np.eye(2), names, shorten=lambda cells: ["…1", "…2"] if cells < 13 else names)
    assert [picture.label(row, 13) for row in (0, 1)] == names
    assert [picture.label(row, 5) for row in (0, 1)] == ["…1", "…2"]
    assert MatrixPicture(np.eye(2), names).label(0, 5) == "a-lo…"
