"""OSR-GAN: codes are coefficients in a basis that stays orthogonal, against the formula."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from engine.methods import method_class
from engine.methods.base import Setup
from engine.methods.osr_gan import OSRGAN, OSRGANSettings
from engine.models.orthogonal import OrthogonalExpansion

WIDTHS = {"dense": [16], "channels": []}


def _built(shape: tuple[int, int, int] = (8, 8, 1), **settings: Any) -> OSRGAN:
    setup = Setup(shape, images=100, seed=3, total_steps=100, device=torch.device("cpu"))
    own = {"codes": 3, "noise": 2, "generator": WIDTHS, "discriminator": WIDTHS} | settings
    built = method_class("osr-gan")(OSRGANSettings(**own), setup)
    assert isinstance(built, OSRGAN)
    return built


@pytest.mark.parametrize("channels", [1, 3])
def test_coefficients_are_those_of_the_products_of_basis_vectors(channels: int) -> None:
    expansion = OrthogonalExpansion(4, torch.Generator().manual_seed(0))
    with torch.no_grad():
        expansion.scale.fill_(2.0)
        expansion.shift.fill_(0.5)
    images = torch.rand(2, channels, 4, 4, generator=torch.Generator().manual_seed(1))
    basis, grey = expansion.basis().detach().double().numpy(), images.double().numpy().mean(axis=1)
    expected = [
        [2 * np.sum(np.outer(basis[row], basis[column]) * image) + 0.5 for row in range(4) for column in range(4)]
        for image in grey
    ]
    np.testing.assert_allclose(expansion(images).detach().numpy(), expected, atol=1e-5)


def test_the_basis_is_orthogonal_whatever_a_step_did() -> None:
    expansion = OrthogonalExpansion(6, torch.Generator().manual_seed(0))
    first = expansion.basis().detach().clone()
    torch.testing.assert_close(first, expansion.free.detach(), atol=1e-5, rtol=0)
    with torch.no_grad():
        expansion.free.add_(0.3 * torch.randn(6, 6, generator=torch.Generator().manual_seed(1)))
    basis = expansion.basis()
    torch.testing.assert_close(basis @ basis.T, torch.eye(6), atol=1e-5, rtol=0)
    assert not torch.allclose(basis, first, atol=0.05)


def test_the_loss_of_the_generator_has_the_weighted_distance() -> None:
    model, plain = _built(lambda_subspace=0.7), _built(lambda_subspace=0.0)
    latent = model.draw_latent(5)
    fake = torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    distance = float(np.mean((model.expansion(fake)[:, -3:] - latent[:, :3]).detach().numpy() ** 2))
    with_term, parts = model.generator_loss(fake, latent)
    without, _ = plain.generator_loss(fake, latent)
    assert with_term.item() - without.item() == pytest.approx(0.7 * distance, rel=1e-4)
    assert float(parts["loss_subspace"]) == pytest.approx(distance, rel=1e-5)


def test_codes_become_coefficients() -> None:
    model = _built(lambda_subspace=20.0, generator_learning_rate=1e-2)
    images = torch.rand((32, 1, 8, 8), generator=torch.Generator().manual_seed(4))
    before = model.expansion.free.detach().clone()
    losses = [float(model.update(images, iteration)["loss_subspace"]) for iteration in range(100)]
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:3])
    assert not torch.equal(before, model.expansion.free)


def test_images_that_are_not_square_are_refused() -> None:
    with pytest.raises(ValueError, match=r"square images .* not 8x4"):
        _built((8, 4, 1))
