"""Evaluation where the factors are known image by image, or not at all."""

import numpy as np
import pytest

import engine.data
from engine.data.dataset import Dataset, EvaluationGroups, LabelledDataset
from engine.errors import InputError
from engine.metrics import (
    SCORES,
    EvaluationSets,
    SetSizes,
    dci,
    evaluate,
    explicitness,
    factor_vae,
    live_scale,
    mig,
    scoring,
)
from engine.metrics.evaluation import obstacle_to
from engine.metrics.evaluation_sets import undrawable

from .conftest import NINE

IMAGES = 300
GROUPS, GROUP_SIZE = 12, 10
OF_GROUPS, OF_LABELS = NINE[:2], NINE[2:]
OF_IMAGES = [
    "dhsic",
    "gaussian_total_correlation",
    "gaussian_wasserstein_correlation",
    "gaussian_wasserstein_correlation_norm",
    "mutual_info_score",
]


class Lights(LabelledDataset):
    """Images of one pixel whose channels are two factors and a constant. Groups lie beyond the dataset's length."""

    name = "lights"
    image_shape = (1, 1, 3)

    def __init__(self, groups=True, images=IMAGES):
        random = np.random.default_rng(0)
        rows = random.uniform(size=(images + GROUPS * GROUP_SIZE, 3))
        rows[:, 1] = 0.25
        self.fixed = np.arange(GROUPS) % 3
        for group, label in zip(np.split(rows[images:], GROUPS), self.fixed, strict=True):
            group[:, label] = group[0, label]
        self.rows = rows
        # The labels of the groups' images are not known.
        super().__init__(("red", "still", "blue"), ((0.0, 1.0), (0.25, 0.25), (0.0, 1.0)), rows[:images])
        self.size = images
        self.has_groups = groups

    def __len__(self):
        return self.size

    @property
    def evaluation_groups(self):
        indices = self.size + np.arange(GROUPS * GROUP_SIZE).reshape(GROUPS, GROUP_SIZE)
        return EvaluationGroups(indices, self.fixed) if self.has_groups else None

    def images(self, indices):
        return np.rint(self.rows[indices][:, None, None, :] * 255).astype(np.uint8)


class Photos(Dataset):
    name = "photos"
    image_shape = (1, 1, 3)

    def __len__(self):
        return 300

    def images(self, indices):
        return np.random.default_rng(1).integers(256, size=(300, 1, 1, 3), dtype=np.uint8)[indices]


def encode(images):
    """Red and blue, somewhat mixed."""
    red, blue = images[:, 0, 0, 0], images[:, 2, 0, 0]
    return np.column_stack([red + 0.1 * blue, blue])


def test_paper_sets_are_random_images_and_the_groups_that_came_along():
    data = Lights()
    sets = EvaluationSets.draw(data)
    assert sets.columns == (0, 2)
    # Groups of the factor that never varies are left out; labels count among those that do.
    kept = data.fixed != 1
    assert np.array_equal(sets.indices["groups"], data.evaluation_groups.indices[kept])
    assert sets.labels["groups"].tolist() == [0, 1] * 4
    assert np.array_equal(sets.indices["pairs"], sets.indices["groups"])
    assert sets.sizes == SetSizes(8, GROUP_SIZE, IMAGES, IMAGES)
    for name in ("scale", "labelled"):
        assert sorted(sets.indices[name]) == list(range(IMAGES))
    assert not np.array_equal(sets.indices["scale"], sets.indices["labelled"])
    few = EvaluationSets.draw(data, sizes=SetSizes(4, 6, 50, 70))
    assert few.indices["groups"].shape == (4, 6)
    assert np.array_equal(few.indices["scale"], sets.indices["scale"][:50])
    assert len(set(few.indices["labelled"].tolist())) == 70
    other = EvaluationSets.draw(data, seed=1)
    assert not np.array_equal(other.indices["scale"], sets.indices["scale"])


def test_a_tenth_of_a_large_dataset():
    sets = EvaluationSets.draw(Lights(images=20_000))
    assert sets.sizes == SetSizes(8, GROUP_SIZE, 2_000, 2_000)
    assert len(set(sets.indices["scale"].tolist())) == 2_000
    assert sets.indices["scale"].max() < 20_000


def test_scores_are_those_of_exact_values_bins_and_groups():
    data = Lights()
    sets = EvaluationSets.draw(data)
    codes = encode((np.rint(data.rows * 255).astype(np.float32) / np.float32(255))[:, :, None, None]).astype(float)
    found = evaluate(encode, data).scores
    assert list(found) == OF_GROUPS + OF_LABELS
    labelled = sets.indices["labelled"]
    values = data.rows[labelled][:, [0, 2]]
    ids = np.floor(values * 20).astype(int)
    assert found["mig"] == pytest.approx(mig(codes[labelled], ids))
    assert found["explicitness"] == pytest.approx(explicitness(codes[labelled], ids))
    assert found["dci_disentanglement"] == pytest.approx(dci(codes[labelled], values).disentanglement)
    groups = codes[sets.indices["groups"]]
    assert found["factor_vae"] == factor_vae(groups, sets.labels["groups"], live_scale(codes[sets.indices["scale"]]))
    assert found["factor_vae"] == 1.0


@pytest.fixture
def quick_scores(monkeypatch):
    """The default scores without DCI, whose gradient boosting takes ten seconds for twenty classes."""
    monkeypatch.setattr(scoring, "SCORES", {name: place for name, place in SCORES.items() if name != "dci"})
    return OF_LABELS[3:]


def test_lib_sets_are_disjoint_and_there_are_no_groups(quick_scores):
    data = Lights()
    sets = EvaluationSets.draw(data, "lib")
    assert set(sets.indices) == {"scale", "labelled", "test_labelled"}
    assert sets.labels == {}
    assert sets.sizes == SetSizes(0, 0, IMAGES, 200, test_labelled=100)
    assert not set(sets.indices["labelled"].tolist()) & set(sets.indices["test_labelled"].tolist())
    large = EvaluationSets.draw(Lights(images=20_000), "lib").sizes
    assert large == SetSizes(0, 0, 10_000, 10_000, test_labelled=5_000)
    sizes = SetSizes(10, 10, 100, 120, test_groups=5, test_labelled=80)
    assert list(evaluate(encode, data, protocol="lib", sizes=sizes).scores) == quick_scores


@pytest.mark.parametrize(
    ("groups", "protocol", "said"),
    [
        (False, "paper", "'lights' has neither a factor grid nor groups of images that share a factor"),
        (True, "lib", "'lights' has no factor grid, which protocol 'lib' draws groups from"),
    ],
)
def test_scores_without_their_sets_are_left_out_or_refused_by_name(groups, protocol, said, quick_scores):
    data = Lights(groups)
    sizes = SetSizes(10, 10, 100, 120, test_groups=5, test_labelled=80) if protocol == "lib" else None
    for name in OF_GROUPS:
        assert said in obstacle_to(data, name, protocol)
        with pytest.raises(InputError, match=f"{said}, so {name} can") as caught:
            evaluate(encode, data, ["mig", name], protocol, sizes=sizes)
        assert "\n" not in str(caught.value)
    for name in quick_scores:
        assert obstacle_to(data, name, protocol) is None
    assert list(evaluate(encode, data, protocol=protocol, sizes=sizes).scores) == quick_scores


def test_groups_of_a_factor_that_never_varies_are_no_groups():
    data = Lights()
    data.fixed = np.ones(GROUPS, dtype=np.int64)
    assert "groups of images that share a factor" in obstacle_to(data, "factor_vae")


def test_photos_allow_the_scores_that_ask_for_no_factors():
    data = Photos()
    assert set(EvaluationSets.draw(data).indices) == {"scale"}
    result = evaluate(encode, data, ["all"])
    assert list(result.scores) == OF_IMAGES
    assert result.sizes == SetSizes(0, 0, 300, 0)
    assert list(evaluate(encode, data, ["dhsic"]).scores) == ["dhsic"]
    assert obstacle_to(data, "dhsic") is None
    assert obstacle_to(data, "factor_vae") == "dataset 'photos' has no known factors"
    with pytest.raises(InputError, match="'photos' has no known factors, so no default score can be computed"):
        evaluate(encode, data)
    with pytest.raises(InputError, match="'photos' has no known factors, so mig can"):
        evaluate(encode, data, ["dhsic", "mig"])


def test_a_grid_lacks_nothing():
    for protocol in ("paper", "lib"):
        assert undrawable(engine.data.load("minisprites"), protocol) == {}
    with pytest.raises(InputError, match="unknown metric"):
        obstacle_to(Photos(), "nmig")
    with pytest.raises(InputError, match="unknown protocol"):
        obstacle_to(Photos(), "mig", "libs")


@pytest.mark.parametrize(
    ("sizes", "protocol", "said"),
    [
        (
            SetSizes(9, 10, 50, 50),
            "paper",
            "groups x group_size is 9 x 10, but dataset 'lights' came with 8 groups of 10",
        ),
        (SetSizes(8, 12, 50, 50), "paper", "groups x group_size is 8 x 12"),
        (SetSizes(8, 10, 301, 50), "paper", "scale is 301, but dataset 'lights' has 300 images"),
        (SetSizes(8, 10, 60, 301), "paper", "labelled is 301, but"),
        (SetSizes(0, 0, 60, 200, test_labelled=101), "lib", "labelled is 301, but"),
        (SetSizes(8, 10, 60, 60, test_labelled=2), "paper", "holds nothing out"),
    ],
)
def test_draw_refuses_more_than_there_is(sizes, protocol, said):
    with pytest.raises(InputError, match=said):
        EvaluationSets.draw(Lights(), protocol, sizes=sizes)
