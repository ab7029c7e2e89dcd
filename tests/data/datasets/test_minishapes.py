"""minishapes: a full grid of shapes that show what their factors say."""

import numpy as np
import pytest
from numpy.typing import NDArray

import engine.data
from engine.data.dataset import Dataset


@pytest.fixture(scope="module")
def data() -> Dataset:
    return engine.data.load("minishapes")


@pytest.fixture(scope="module")
def grid(data: Dataset) -> NDArray[np.float64]:
    """All images as brightness in [0, 1]: shape, size, orientation, x, y, row, column."""
    return data.images(range(len(data))).reshape(*data.factor_sizes, 32, 32) / 255


def test_the_grid(data: Dataset) -> None:
    assert len(data) == 9_216
    assert data.image_shape == (32, 32, 1)
    assert data.factor_names == ("shape", "size", "orientation", "position-x", "position-y")
    assert data.factor_sizes == (3, 6, 8, 8, 8)
    assert [factor.continuous for factor in data.factors] == [False, True, True, True, True]
    assert data.in_grid_order


def test_no_two_images_are_alike_and_none_is_cut_off(grid: NDArray[np.float64]) -> None:
    images = grid.reshape(-1, 32, 32)
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) == len(images)
    border = np.concatenate(
        [images[:, [0, -1]].reshape(len(images), -1), images[:, :, [0, -1]].reshape(len(images), -1)], 1
    )
    assert border.max() < 0.1
    assert (images.max((1, 2)) > 0.9).all()


def test_a_shape_lies_where_its_position_says(data: Dataset, grid: NDArray[np.float64]) -> None:
    place = np.arange(32) + 0.5
    mass = grid.sum((-2, -1))
    columns, rows = (grid.sum(-2) * place).sum(-1) / mass, (grid.sum(-1) * place).sum(-1) / mass
    # The ellipse and the bar are symmetric, so their centre of mass is their centre; the triangle's is not.
    assert columns[:2] == pytest.approx(
        np.broadcast_to(np.array(data.factors[3].values)[:, None], columns[:2].shape), abs=0.05
    )
    assert rows[:2] == pytest.approx(np.broadcast_to(data.factors[4].values, rows[:2].shape), abs=0.05)
    for centre, axis in ((columns, 3), (rows, 4)):
        assert (np.diff(centre, axis=axis) > 1.4).all()


def test_a_shape_leans_as_its_orientation_says(data: Dataset, grid: NDArray[np.float64]) -> None:
    """The axis along which the brightness of ellipse and bar spreads most is the one that their orientation names."""
    y, x = np.mgrid[:32, :32] + 0.5
    for shape, turn in np.ndindex(2, 8):
        image = grid[shape, -1, turn, 4, 4]
        across, along = x - data.factors[3].values[4], y - data.factors[4].values[4]
        moments = [(image * product).sum() for product in (across**2, along**2, across * along)]
        # Upright is along the rows; a positive angle turns the top to the right.
        leaning = 0.5 * np.arctan2(-2 * moments[2], moments[1] - moments[0])
        assert leaning == pytest.approx(data.factors[2].values[turn], abs=0.03)


def test_a_larger_shape_covers_more(grid: NDArray[np.float64]) -> None:
    assert (np.diff(grid.sum((-2, -1)), axis=1) > 0).all()


def test_shapes_differ_by_what_they_cover(data: Dataset, grid: NDArray[np.float64]) -> None:
    """Ellipse π/2, bar 2 and triangle 3/2 times the squared half height, whatever the orientation and position."""
    height = np.array(data.factors[1].values)
    areas = grid.sum((-2, -1)).mean((2, 3, 4)) / height**2
    assert areas == pytest.approx(np.broadcast_to([[np.pi / 2], [2.0], [1.5]], areas.shape), rel=0.12)
