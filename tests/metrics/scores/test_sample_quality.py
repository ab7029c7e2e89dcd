"""The trio that judges a model's images, and the classifier behind it."""

import threading

import numpy as np
import pytest
import torch
from scipy.stats import entropy

from engine.data.dataset import Dataset, Factor
from engine.data.datasets.dsprites import FACTORS
from engine.errors import InputError
from engine.metrics import sample_scores
from engine.metrics.scores.sample_quality import check_applicable, is_applicable, judge
from engine.metrics.scores.shape_classifier import ShapeNetwork, Training, load_classifier
from engine.models.codes import Codes

TINY = Training(epochs=1, batch=24)
LONGER = Training(epochs=12, batch=15)


class Shapes(Dataset):
    """A square, a ring or a cross, at 5 x 5 places."""

    name = "shapes"
    image_shape = (64, 64, 1)
    in_grid_order = True

    def __init__(self):
        places = tuple(float(place) for place in range(5))
        self.factors = (
            Factor("shape", (1.0, 2.0, 3.0), continuous=False),
            Factor("x", places, continuous=True),
            Factor("y", places, continuous=True),
        )

    def __len__(self):
        return 75

    def images(self, indices):
        pixels = np.zeros((len(indices), 64, 64, 1), dtype=np.uint8)
        for image, (shape, x, y) in zip(pixels, self.factors_of(indices), strict=True):
            part = image[8 * x : 8 * x + 24, 8 * y : 8 * y + 24]
            if shape < 2:
                part[:] = 255
            if shape == 1:
                part[4:20, 4:20] = 0
            if shape == 2:
                part[10:14], part[:, 10:14] = 255, 255
        return pixels


class OfRealImages:
    """Decodes every latent vector to a real image: of any shape, or of ``only`` one."""

    name = "copier"
    image_shape = (64, 64, 1)
    codes = Codes(continuous=2)

    def __init__(self, only=None):
        self.pixels = torch.from_numpy(Shapes().images(np.arange(75)).transpose(0, 3, 1, 2).copy()).float() / 255
        if only is not None:
            self.pixels = self.pixels[25 * only : 25 * only + 25]

    def decode(self, z):
        return self.pixels[((z[:, 0] + 1) / 2 * len(self.pixels)).long().clamp(max=len(self.pixels) - 1)]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder with a classifier that has learnt the three shapes."""
    folder = tmp_path_factory.mktemp("data")
    load_classifier(Shapes(), folder, LONGER)
    return folder


def test_the_trio_equals_its_definitions():
    p = np.random.default_rng(0).dirichlet([0.5, 0.3, 0.2], size=200)
    found = sample_scores(p)
    assert found.inception_score == pytest.approx(np.exp(np.mean([entropy(row, p.mean(axis=0)) for row in p])))
    assert found.mean_confidence == pytest.approx(np.mean([max(row) for row in p]))
    counts = [sum(1 for row in p if row.argmax() == shape) for shape in range(3)]
    assert found.mode_kl == pytest.approx(entropy(np.array(counts) / 200, [1 / 3] * 3))


def test_the_trio_at_its_ends():
    sure = np.eye(3)[np.arange(90) % 3]
    assert sample_scores(sure) == pytest.approx((3.0, 1.0, 0.0))
    assert sample_scores(sure[::3]) == pytest.approx((1.0, 1.0, np.log(3)))
    assert sample_scores(np.full((30, 3), 1 / 3))[:2] == pytest.approx((1.0, 1 / 3))
    with pytest.raises(InputError, match="add up to 1 in every row"):
        sample_scores([[0.5, 0.6]])
    with pytest.raises(InputError, match="add up to 1 in every row"):
        sample_scores([[1.5, -0.5]])
    with pytest.raises(InputError, match="probabilities must be finite"):
        sample_scores([[np.nan, 1.0]])


def test_the_network_is_the_authors():
    network = ShapeNetwork(3)
    shapes = [tuple(p.shape) for name, p in network.named_parameters() if name.endswith("weight") and p.dim() > 1]
    assert shapes == [(32, 1, 4, 4), (32, 32, 4, 4), (64, 32, 4, 4), (64, 64, 4, 4), (128, 1024), (3, 128)]
    kinds = [type(layer).__name__ for layer in network.layers]
    assert kinds == ["Conv", "LeakyReLU", "BatchNorm2d"] * 4 + [
        "Flatten",
        "Linear",
        "LeakyReLU",
        "BatchNorm1d",
        "Linear",
    ]
    assert Training() == Training(epochs=5, batch=64, learning_rate=0.01, images=None)


def test_real_images_of_all_shapes_score_high_and_of_one_shape_low(root):
    real = judge(OfRealImages(), Shapes(), root, training=LONGER, samples=600)
    assert real.classifier_accuracy > 0.95
    assert real.quality.inception_score > 2.5
    assert real.quality.mean_confidence > 0.9
    assert real.quality.mode_kl < 0.05
    one = judge(OfRealImages(only=1), Shapes(), root, training=LONGER, samples=600)
    assert one.quality.inception_score < 1.3
    assert one.quality.mode_kl > 0.8
    assert one.classifier == real.classifier
    assert (one.samples, one.seed) == (600, 0)


def test_a_classifier_that_learnt_nothing_is_warned_of(tmp_path):
    with pytest.warns(UserWarning, match=r"the classifier names only \d+% of real shapes correctly"):
        found = judge(OfRealImages(), Shapes(), tmp_path, training=TINY, samples=20)
    assert found.classifier_accuracy < 0.9


def test_batch_normalisation_rests_on_averages_over_real_images(tmp_path):
    # One batch is the whole dataset, so the first layer's statistics follow from its weights alone.
    whole = Training(epochs=2, batch=75)
    network = load_classifier(Shapes(), tmp_path, whole).network
    convolution, activation, normalisation = network.layers[:3]
    images = torch.from_numpy(Shapes().images(np.arange(75)).transpose(0, 3, 1, 2).copy()).float() / 255
    seen = activation(convolution(images))
    assert torch.allclose(normalisation.running_mean, seen.mean(dim=(0, 2, 3)), atol=1e-4)
    assert torch.allclose(normalisation.running_var, seen.var(dim=(0, 2, 3)), rtol=1e-2)


def test_the_seed_decides_which_latent_vectors_are_judged(root):
    def quality(seed):
        return judge(OfRealImages(), Shapes(), root, seed, training=LONGER, samples=50).quality

    assert quality(3) == quality(3)
    assert quality(3) != quality(4)


def test_the_classifier_is_trained_once_and_reproducibly(tmp_path):
    heard = []
    first = load_classifier(Shapes(), tmp_path / "a", TINY, progress=lambda *news: heard.append(news))
    assert heard == [("training the classifier of shapes (once)", done, 3) for done in range(1, 4)]
    heard.clear()
    again = load_classifier(Shapes(), tmp_path / "a", TINY, progress=lambda *news: heard.append(news))
    assert heard == []
    assert again.fingerprint == first.fingerprint
    assert load_classifier(Shapes(), tmp_path / "b", TINY).fingerprint == first.fingerprint
    other = Training(epochs=1, batch=24, seed=1)
    assert load_classifier(Shapes(), tmp_path / "a", other).fingerprint != first.fingerprint
    assert {len(list(folder.glob("step-*"))) for folder in (tmp_path / "a").iterdir()} == {1}


@pytest.mark.parametrize("file", ["weights.safetensors", "manifest.json"])
def test_a_damaged_classifier_is_trained_again(tmp_path, file):
    first = load_classifier(Shapes(), tmp_path, TINY)
    [path] = tmp_path.glob(f"*/step-*/{file}")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="training the classifier again"):
        again = load_classifier(Shapes(), tmp_path, TINY)
    assert again.fingerprint == first.fingerprint
    assert load_classifier(Shapes(), tmp_path, TINY).fingerprint == first.fingerprint


def test_a_training_that_is_cut_off_leaves_nothing_behind(tmp_path):
    def cut_off(what, done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_classifier(Shapes(), tmp_path, TINY, progress=cut_off)
    assert not list(tmp_path.glob("*/step-*"))
    assert load_classifier(Shapes(), tmp_path, TINY).accuracy > 0


def test_of_two_who_ask_at_once_one_trains(tmp_path):
    updates, found = [], []

    def ask():
        classifier = load_classifier(Shapes(), tmp_path, TINY, progress=lambda *news: updates.append(news))
        found.append(classifier.fingerprint)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(updates) == 3
    assert len(found) == 2
    assert len(set(found)) == 1


def test_images_that_are_not_finite_are_refused(root):
    broken = OfRealImages()
    broken.pixels = broken.pixels * float("nan")
    with pytest.raises(InputError, match="copier makes images that are not finite"):
        judge(broken, Shapes(), root, training=LONGER, samples=10)
    with pytest.raises(InputError, match="samples is 0"):
        judge(OfRealImages(), Shapes(), root, training=LONGER, samples=0)


def test_only_models_of_dsprites_are_judged():
    dataset = Shapes()
    assert not is_applicable(OfRealImages(), dataset)
    with pytest.raises(InputError, match="64x64x1 images of dSprites, but copier makes 64x64x1 images of 'shapes'"):
        check_applicable(OfRealImages(), dataset)
    dataset.factors = FACTORS
    check_applicable(OfRealImages(), dataset)
    small = OfRealImages()
    small.image_shape = (32, 32, 1)
    assert not is_applicable(small, dataset)


def test_a_dataset_without_shapes_or_with_too_few_images_is_refused(tmp_path):
    plain = Shapes()
    plain.factors = (Factor("kind", (1.0, 2.0, 3.0), continuous=False), *plain.factors[1:])
    with pytest.raises(InputError, match="does not hold 64x64x1 images with a factor 'shape'"):
        load_classifier(plain, tmp_path, TINY)
    with pytest.raises(InputError, match="has 75 images, but one batch takes 100"):
        load_classifier(Shapes(), tmp_path, Training(batch=100))
    with pytest.raises(InputError, match="images is 3, but one batch alone takes 64"):
        Training(images=3)
    with pytest.raises(InputError, match="cannot train a classifier"):
        Training(epochs=0)
    assert not list(tmp_path.iterdir())
