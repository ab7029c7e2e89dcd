"""Models whose codes are mapped linearly, and back before they are decoded."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.models.codes import Codes
from engine.models.model import Model
from engine.models.posterior import Gaussian, PosteriorEncoder
from engine.models.unmixed import CENTRE, UNMIXING, unmixed

MAP = {UNMIXING: torch.tensor([[2.0, 1.0], [0.0, -0.5]]), CENTRE: torch.tensor([0.3, -1.0])}


class Decoder(torch.nn.Module):
    """Latents as images of 3 pixels; there is a parameter, as every network has one."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))

    def forward(self, z: Tensor) -> Tensor:
        return (z * self.scale)[:, :, None, None]


class Encoder(torch.nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[:, :2, 0, 0]


class Posterior(PosteriorEncoder):
    def posterior(self, images: Tensor) -> Gaussian:
        mean = images[:, :2, 0, 0]
        return Gaussian(mean, torch.log(torch.tensor([0.25, 4.0])).expand_as(mean))


def model(encoder: torch.nn.Module) -> Model:
    return Model(Codes(2, noise=1), (1, 1, 3), Decoder(), encoder, fingerprint="f")


def test_codes_are_mapped_and_latents_mapped_back() -> None:
    mapped = unmixed(model(Encoder()), MAP)
    codes = torch.tensor([[0.3, 0.5], [1.0, 0.0]])
    latents = torch.cat([(codes - MAP[CENTRE]) @ MAP[UNMIXING].T, torch.tensor([[0.7], [0.1]])], dim=1)
    images = mapped.decode(latents)
    np.testing.assert_allclose(images[:, :, 0, 0], torch.cat([codes, latents[:, 2:]], dim=1), atol=1e-6)
    np.testing.assert_allclose(mapped.encode(images.clip(0, 1)), latents[:, :2], atol=1e-5)


def test_a_distribution_is_mapped_by_its_marginals_and_its_draws() -> None:
    mapped = unmixed(model(Posterior()), MAP)
    images = torch.tensor([0.3, 0.5, 0.0]).reshape(1, 3, 1, 1)
    posterior = mapped.posterior(images)
    assert posterior is not None
    np.testing.assert_allclose(posterior.mean, [[2 * 0 + 1.5, -0.75]], atol=1e-6)
    np.testing.assert_allclose(posterior.log_variance.exp(), [[4 * 0.25 + 4.0, 0.25 * 4.0]], rtol=1e-5)
    draws = mapped.sample_codes(images.expand(20_000, 3, 1, 1), torch.Generator().manual_seed(0))
    np.testing.assert_allclose(draws.mean(0), posterior.mean[0], atol=0.06)
    np.testing.assert_allclose(draws.var(0), posterior.log_variance.exp()[0], rtol=0.05)
    assert np.cov(draws.T.numpy())[0, 1] == pytest.approx(-0.5 * 4.0 * 1.0, rel=0.1), "draws are mapped as a whole"


def test_the_fingerprint_is_that_of_weights_and_map() -> None:
    one, other = unmixed(model(Encoder()), MAP), unmixed(model(Encoder()), {**MAP, CENTRE: torch.zeros(2)})
    assert len({one.fingerprint, other.fingerprint, "f"}) == 3
    assert unmixed(model(Encoder()), MAP).fingerprint == one.fingerprint


@pytest.mark.parametrize(
    ("unmixing", "centre", "problem"),
    [
        (torch.eye(3), torch.zeros(3), "3 codes does not fit 2"),
        (torch.eye(3), torch.zeros(2), r"shape \[3, 3\] for 2"),
        (torch.ones(2, 2), torch.zeros(2), "no way back"),
        (torch.full((2, 2), torch.nan), torch.zeros(2), "not finite"),
    ],
)
def test_a_map_that_makes_no_sense_is_refused(unmixing: Tensor, centre: Tensor, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        unmixed(model(Encoder()), {UNMIXING: unmixing, CENTRE: centre})
