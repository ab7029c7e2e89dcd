"""What datasets know of their factors: by a grid, image by image, or not at all."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.data.dataset import Dataset, Factor, LabelledDataset
from engine.errors import InputError


class Grid(Dataset):
    name = "grid"
    image_shape = (1, 1, 1)
    in_grid_order = True
    factors = (Factor("shape", (1.0, 2.0, 4.0), continuous=False), Factor("x", (0.0, 0.5), continuous=True))

    def __len__(self) -> int:
        return 6

    def images(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint8]:
        return np.zeros((len(indices), 1, 1, 1), dtype=np.uint8)


class Labelled(LabelledDataset):
    name = "labelled"
    image_shape = (1, 1, 1)

    def __len__(self) -> int:
        return 2

    def images(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint8]:
        return np.zeros((len(indices), 1, 1, 1), dtype=np.uint8)


def test_values_of_a_grid_are_those_behind_its_ids() -> None:
    data = Grid()
    assert data.factors_of([0, 3, 5]).tolist() == [[0, 0], [1, 1], [2, 1]]
    assert data.factor_values([0, 3, 5]).tolist() == [[1.0, 0.0], [2.0, 0.5], [4.0, 0.5]]
    assert data.index_of(np.array([[2, 1], [0, 0]])).tolist() == [5, 0]
    assert data.evaluation_groups is None


def test_labels_are_exact_and_ids_count_twenty_equal_bins() -> None:
    labels = np.array([[-1.0, 5.0], [0.999, 5.0], [1.0, 5.0], [-0.8999, 5.0], [-0.9001, 5.0]])
    data = Labelled(("angle", "still"), ((-1.0, 1.0), (5.0, 5.0)), labels)
    assert np.array_equal(data.factor_values(np.arange(5)), labels)
    assert data.factors_of(np.arange(5)).tolist() == [[0, 0], [19, 0], [19, 0], [1, 0], [0, 0]]
    assert data.factor_sizes == (20, 1)
    assert data.factor_continuous == (True, True)
    assert data.factors[0].values == pytest.approx([-0.95 + 0.1 * bin_id for bin_id in range(20)])
    assert data.factors[1].values == (5.0,)


@pytest.mark.parametrize("index", [5, -1])
def test_only_known_labels_are_told(index: int) -> None:
    data = Labelled(("angle",), ((0.0, 1.0),), np.zeros((5, 1)))
    for ask in (data.factors_of, data.factor_values):
        with pytest.raises(InputError, match=f"known for its first 5 images, but image {index} was asked for"):
            ask([0, index])


def test_no_grid_no_index() -> None:
    data = Labelled(("angle",), ((0.0, 1.0),), np.zeros((5, 1)))
    with pytest.raises(InputError, match="'labelled' has no known factor grid"):
        data.index_of(np.zeros((1, 1), dtype=int))
    data = Grid()
    data.in_grid_order = False
    with pytest.raises(InputError, match="'grid' has no known factor grid"):
        data.factor_values([0])
