"""CdSprites: drawn as the authors' script draws them."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

import engine.data


def test_grid_is_forty_angles_by_twenty_seven_radii() -> None:
    data = engine.data.load("cdsprites")
    assert len(data) == 1080
    assert data.image_shape == (64, 64, 1)
    assert data.factor_names == ("angle", "radius")
    assert data.factor_sizes == (40, 27)
    assert data.in_grid_order
    assert data.factors[0].values[10] == pytest.approx(np.pi / 2)
    assert data.factors[1].values[26] == 26.0


@pytest.mark.parametrize(("angle", "radius"), [(0, 0), (0, 26), (7, 13), (39, 1), (20, 26)])
def test_frame_is_the_disc_that_pillow_draws(angle: int, radius: int) -> None:
    x, y = 32 + radius * np.cos(angle * 2 * np.pi / 40), 32 + radius * np.sin(angle * 2 * np.pi / 40)
    expected = Image.new("L", (64, 64), 0)
    ImageDraw.Draw(expected).ellipse([x - 5, y - 5, x + 5, y + 5], fill=1)
    [frame] = engine.data.load("cdsprites").images([27 * angle + radius])
    assert np.array_equal(frame[..., 0], np.asarray(expected) * 255)


def test_disc_lies_where_its_factors_say() -> None:
    data = engine.data.load("cdsprites")
    for index in range(0, 1080, 53):
        angle, radius = data.factors_of([index])[0]
        rows, columns = np.nonzero(data.images([index])[0, ..., 0])
        turn = 2 * np.pi * angle / 40
        assert columns.mean() == pytest.approx(32 + radius * np.cos(turn), abs=1.0)
        assert rows.mean() == pytest.approx(32 + radius * np.sin(turn), abs=1.0)
        assert 70 <= len(rows) <= 100


def test_images_at_radius_zero_are_duplicates_as_in_the_original() -> None:
    data = engine.data.load("cdsprites")
    at_centre = data.images(data.index_of(np.column_stack([np.arange(40), np.zeros(40, int)])))
    assert (at_centre == at_centre[0]).all()
    at_one = data.images(data.index_of(np.column_stack([np.arange(40), np.ones(40, int)])))
    assert not (at_one == at_one[0]).all()
