"""InfoGAN and InfoGAN-CR with categorical codes, from training to a loaded model and its traversal."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

import engine
from cr_tui.render.images.traversal import traverse
from engine.errors import InputError
from engine.methods import method_class
from engine.methods.base import Setup
from engine.methods.infogan import InfoGAN
from engine.runs.loading import describe
from engine.runs.specification.resolving import resolve
from engine.training import checkpoints

SHAPE = (16, 16, 1)
OVERRIDES = [
    "method.codes=2",
    "categorical_codes=[3, 4]",
    "noise=2",
    "generator.dense=[16]",
    "discriminator.dense=[16]",
]


def make(name: str, overrides: list[str]) -> InfoGAN:
    spec = resolve(name, preset="quick", overrides=overrides)[0]
    setup = Setup(SHAPE, images=1_000, seed=3, total_steps=100, device=torch.device("cpu"))
    method = method_class(name)(spec.method, setup)
    assert isinstance(method, InfoGAN)
    return method


def images(seed: int = 0) -> torch.Tensor:
    return torch.rand(8, 1, 16, 16, generator=torch.Generator().manual_seed(seed))


@pytest.mark.usefixtures("double_precision")
def test_the_information_loss_is_the_likelihood_of_each_code() -> None:
    method = make("infogan", OVERRIDES)
    latent = method.codes.sample(8, torch.Generator().manual_seed(0))
    answer = torch.randn(8, 9)
    expected = 0.0
    for row, said in zip(latent.tolist(), answer.tolist(), strict=True):
        for value, mean in zip(row[:2], said[:2], strict=True):
            expected += ((value - mean) ** 2 / 2 + math.log(2 * math.pi) / 2) / 8
        for start, stop in ((2, 5), (5, 9)):
            true = row[start:stop].index(1.0)
            expected -= (said[start + true] - math.log(sum(math.exp(v) for v in said[start:stop]))) / 8
    assert float(method.information_loss(answer, latent)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", ["infogan", "infogan-cr"])
def test_a_trained_model_with_categories_is_saved_loaded_decoded_encoded_and_traversed(
    name: str, tmp_path: Path
) -> None:
    regularised = ["lambda_cr=1.0", "gap=0.5", "contrastive.dense=[16]"] if name == "infogan-cr" else []
    method = make(name, [*OVERRIDES, *regularised])
    for iteration in range(3):
        scalars = method.update(images(iteration), iteration)
        assert all(math.isfinite(float(value)) for value in scalars.values())
    saved = checkpoints.save(
        tmp_path, 3, method.networks.state_dict(), method.trainer_state(), describe(method, SHAPE, "x"), milestone=True
    )
    model = engine.load(saved.path)
    assert model.codes == method.codes
    latent = model.codes.sample(5, torch.Generator().manual_seed(0)).numpy()
    pictures = model.decode(latent)
    assert pictures.shape == (5, 1, 16, 16)
    codes = model.encode(pictures)
    assert codes.shape == (5, 4)
    with torch.inference_mode():
        answer = method.discriminator(torch.from_numpy(pictures))[1]
    np.testing.assert_allclose(codes[:, :2], answer[:, :2], rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(codes[:, 2], answer[:, 2:5].argmax(1))
    np.testing.assert_array_equal(codes[:, 3], answer[:, 5:9].argmax(1))
    frames = traverse(model, steps=4, samples=2, seed=1)
    assert frames.shape == (2, 4, 4, 16, 16, 1)
    # Each of the last code's four categories in turn, everything else held.
    assert len({frame.tobytes() for frame in frames[0, 3]}) == 4


def test_h_chooses_among_all_codes() -> None:
    method = make("infogan-cr", [*OVERRIDES, "lambda_cr=1.0"])
    assert method.networks["contrastive"].shared.weight.shape[0] == 4


def test_only_categories_will_do_but_no_code_will_not() -> None:
    method = make("infogan", ["method.codes=0", "categorical_codes=[10]", *OVERRIDES[2:]])
    assert math.isfinite(float(method.update(images(), 0)["loss_information"]))
    with pytest.raises(InputError, match="codes and categorical_codes are both empty"):
        make("infogan", ["method.codes=0"])
    with pytest.raises(InputError, match="codes must be two or more"):
        make("infogan-cr", ["method.codes=0", "categorical_codes=[10]"])
    with pytest.raises(InputError, match="greater than or equal to 2"):
        make("infogan", ["categorical_codes=[1]"])
