import numpy as np
import pytest

import engine.data
from engine.data.dataset import Dataset, Factor
from engine.errors import InputError
from engine.metrics import EvaluationSets, SetSizes
from engine.metrics.evaluation_sets import undrawable

SMALL = SetSizes(groups=30, group_size=40, scale=50, labelled=300)
SMALL_LIB = SetSizes(groups=30, group_size=20, scale=5000, labelled=300, test_groups=20, test_labelled=100)


class Grid(Dataset):
    name = "grid"
    image_shape = (1, 1, 1)
    in_grid_order = True

    def __init__(self, *sizes):
        self.factors = tuple(Factor(f"f{i}", tuple(map(float, range(n))), True) for i, n in enumerate(sizes))

    def __len__(self):
        return int(np.prod(self.factor_sizes))

    def images(self, indices):
        raise AssertionError("drawing needs no image")


@pytest.fixture
def grid():
    """A factor of one value among three that vary: column 1 is left out."""
    return Grid(4, 1, 5, 3)


def test_paper_groups_hold_the_factors_in_turn_and_everything_else_varies(grid):
    sets = EvaluationSets.draw(grid, sizes=SMALL)
    assert sets.columns == (0, 2, 3)
    assert sets.indices["groups"].shape == (30, 40)
    assert sets.labels["groups"].tolist() == [0, 1, 2] * 10
    fixed_values = []
    for group, label in zip(sets.indices["groups"], sets.labels["groups"], strict=True):
        spread = np.ptp(grid.factors_of(group), axis=0)[list(sets.columns)]
        assert spread[label] == 0
        assert (np.delete(spread, label) > 0).all()
        fixed_values.append((label, grid.factors_of(group)[0, sets.columns[label]]))
    assert len(set(fixed_values)) == 4 + 5 + 3 or len(set(fixed_values)) > 9
    assert np.array_equal(sets.indices["pairs"], sets.indices["groups"])


def test_paper_scale_set_is_drawn_without_replacement(grid):
    scale = EvaluationSets.draw(grid, sizes=SMALL).indices["scale"]
    assert len(scale) == len(set(scale.tolist())) == 50
    assert not np.array_equal(scale, np.sort(scale))


def test_paper_labelled_set_is_uniform_with_replacement(grid):
    sizes = SetSizes(groups=2, group_size=2, scale=2, labelled=60_000)
    labelled = EvaluationSets.draw(grid, sizes=sizes).indices["labelled"]
    counts = np.bincount(labelled, minlength=60)
    assert counts.min() > 850
    assert counts.max() < 1150


def test_lib_sets(grid):
    sets = EvaluationSets.draw(grid, "lib", 0, SMALL_LIB)
    shapes = {name: indices.shape for name, indices in sets.indices.items()}
    assert shapes == {
        "groups": (30, 20),
        "test_groups": (20, 20),
        "pairs": (30, 40),
        "test_pairs": (20, 40),
        "scale": (5000,),
        "labelled": (300,),
        "test_labelled": (100,),
    }
    assert sets.labels["groups"].tolist() != [0, 1, 2] * 10
    assert set(sets.labels["groups"].tolist()) == {0, 1, 2}
    for group, label in zip(sets.indices["test_groups"], sets.labels["test_groups"], strict=True):
        assert len(np.unique(grid.factors_of(group)[:, sets.columns[label]])) == 1
    varied = 0
    for group, label in zip(sets.indices["pairs"], sets.labels["pairs"], strict=True):
        values = grid.factors_of(group)[:, sets.columns[label]].reshape(-1, 2)
        assert (values[:, 0] == values[:, 1]).all()
        varied += len(np.unique(values[:, 0])) > 1
    assert varied == 30


def test_draws_depend_on_seed_alone_and_sets_do_not_shift_each_other(grid):
    one, same, other = (EvaluationSets.draw(grid, seed=seed, sizes=SMALL) for seed in (1, 1, 2))
    for name in one.indices:
        assert np.array_equal(one.indices[name], same.indices[name])
        assert not np.array_equal(one.indices[name], other.indices[name])
    larger = EvaluationSets.draw(grid, seed=1, sizes=SetSizes(groups=60, group_size=40, scale=60, labelled=300))
    assert np.array_equal(one.indices["labelled"], larger.indices["labelled"])


def test_sizes_of_the_protocols():
    assert SetSizes.of_protocol("paper", 737_280) == SetSizes(500, 100, 73_728, 73_728)
    assert SetSizes.of_protocol("paper", 16_384) == SetSizes(500, 100, 1_638, 1_638)
    assert SetSizes.of_protocol("paper", 60) == SetSizes(500, 100, 60, 1_000)
    assert SetSizes.of_protocol("lib", 60) == SetSizes(10_000, 64, 10_000, 10_000, 5_000, 5_000)


def test_cdsprites_has_the_sizes_of_its_authors():
    dataset = engine.data.load("cdsprites")
    assert SetSizes.of_dataset("paper", dataset) == SetSizes(200, 25, 108, 108)
    assert SetSizes.of_dataset("lib", dataset) == SetSizes.of_protocol("lib", 1_080)
    sets = EvaluationSets.draw(dataset, "paper")
    assert sets.indices["groups"].shape == (200, 25)
    # The last image of an odd group has no partner.
    assert np.array_equal(sets.indices["pairs"], sets.indices["groups"][:, :24])
    assert (len(sets.indices["scale"]), len(sets.indices["labelled"])) == (108, 108)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"groups": 0}, "groups is 0, but at least 2"),
        ({"scale": 1}, "scale is 1, but at least 2"),
        ({"test_groups": -1}, "test_groups is -1"),
    ],
)
def test_sizes_refuse_nonsense(changes, message):
    with pytest.raises(InputError, match=message):
        SetSizes(**{"groups": 30, "group_size": 40, "scale": 50, "labelled": 300} | changes)


def test_factors_that_never_vary_allow_no_labels():
    dataset = Grid(1, 1)
    assert undrawable(dataset, "paper")["labelled"] == "dataset 'grid' has no factor that takes two values"
    assert "scale" not in undrawable(dataset, "paper")


def test_draw_refuses_what_cannot_be_drawn(grid):
    for seed in (-1, 2**63):
        with pytest.raises(InputError, match=f"seed is {seed}, but must be 0 or more, and below"):
            EvaluationSets.draw(grid, seed=seed)
    with pytest.raises(InputError, match="holds nothing out"):
        EvaluationSets.draw(grid, sizes=SMALL_LIB)
    with pytest.raises(InputError, match="scale is 61, but dataset 'grid' has 60 images"):
        EvaluationSets.draw(grid, sizes=SetSizes(30, 40, 61, 300))
    with pytest.raises(InputError, match="group_size is 0"):
        SetSizes(30, 0, 50, 300)
    with pytest.raises(InputError, match="unknown protocol"):
        EvaluationSets.draw(grid, "libs")
