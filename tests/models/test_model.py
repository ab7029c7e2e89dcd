"""A trained model's codes: means, draws, and what a model without a posterior gives."""

import pytest
import torch
from torch import nn

from engine.errors import InputError
from engine.models.codes import Codes
from engine.models.layers import Widths
from engine.models.model import BATCH, Model
from engine.models.vae import Decoder, GaussianEncoder

SHAPE = (8, 8, 1)
N = BATCH + 3


@pytest.fixture
def vae() -> Model:
    encoder = GaussianEncoder(SHAPE, 2, Widths((6,), ()), linear_last=False)
    return Model(Codes(2, prior="normal"), SHAPE, Decoder(2, SHAPE, Widths((6,), ())), encoder, "a-vae")


@pytest.fixture
def gan() -> Model:
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    return Model(Codes(2, noise=1), SHAPE, Decoder(3, SHAPE, Widths((6,), ())), encoder)


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(N, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_posterior_is_the_encoders_and_its_mean_is_what_encode_answers(vae: Model, images: torch.Tensor) -> None:
    posterior = vae.posterior(images)
    assert posterior is not None
    assert posterior.mean.shape == posterior.log_variance.shape == (N, 2)
    with torch.no_grad():
        torch.testing.assert_close(posterior.log_variance, vae.encoder.posterior(images).log_variance)  # type: ignore[operator]
    torch.testing.assert_close(vae.encode(images), posterior.mean)


def test_sampled_codes_are_seeded_draws_from_the_posterior(vae: Model, images: torch.Tensor) -> None:
    one = images[:1].expand(20_000, -1, -1, -1)
    drawn, posterior = vae.sample_codes(one, seeded(1)), vae.posterior(images[:1])
    assert posterior is not None
    torch.testing.assert_close(drawn.mean(0), posterior.mean[0], rtol=0, atol=0.04)
    torch.testing.assert_close(drawn.var(0), posterior.log_variance[0].exp(), rtol=0.05, atol=0)
    first, again, other = (vae.sample_codes(images, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_an_encoder_of_each_kind(vae: Model, images: torch.Tensor) -> None:
    x = images.numpy()
    assert (vae.encoder_of("mean")(x) == vae.encode(x)).all()
    draw, same, other = vae.encoder_of("sample", seed=4), vae.encoder_of("sample", seed=4), vae.encoder_of("sample")
    first = draw(x)
    assert (first == same(x)).all()
    assert (first != draw(x)).any()
    assert (first != other(x)).any()


def test_without_a_posterior_there_are_only_means(gan: Model, images: torch.Tensor) -> None:
    assert gan.posterior(images) is None
    assert torch.equal(gan.sample_codes(images, seeded(0)), gan.encode(images))
    assert (gan.encoder_of("sample")(images.numpy()) == gan.encode(images.numpy())).all()


@pytest.mark.parametrize("method", ["encode", "posterior", "sample_codes"])
def test_images_of_another_shape_are_refused(vae: Model, method: str) -> None:
    arguments = (seeded(0),) if method == "sample_codes" else ()
    with pytest.raises(InputError, match=r"a-vae takes images of shape \[n, 1, 8, 8\], not \[2, 1, 9, 8\]"):
        getattr(vae, method)(torch.zeros(2, 1, 9, 8), *arguments)
