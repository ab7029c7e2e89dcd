"""Q-InfoGAN: its codes are values, and L_Q sees the values nearest to Q's answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from engine.methods import method_class
from engine.methods.base import Setup
from engine.methods.q_infogan import QInfoGAN, QInfoGANSettings

WIDTHS = {"dense": [16], "channels": []}


def _built(**settings: Any) -> QInfoGAN:
    setup = Setup((8, 8, 1), images=100, seed=3, total_steps=100, device=torch.device("cpu"))
    own = {"codes": 3, "noise": 2, "levels": 4, "generator": WIDTHS, "discriminator": WIDTHS} | settings
    built = method_class("q-infogan")(QInfoGANSettings(**own), setup)
    assert isinstance(built, QInfoGAN)
    return built


def test_codes_are_drawn_from_the_values_and_noise_is_not() -> None:
    latent = _built().draw_latent(2000)
    grid = torch.linspace(-1, 1, 4)
    assert latent.shape == (2000, 5)
    assert set(latent[:, :3].flatten().tolist()) == set(grid.tolist())
    assert len(latent[:, 3:].unique()) > 3000


def test_the_information_loss_is_that_of_the_nearest_values() -> None:
    model = _built(lambda_commitment=0.5, categorical_codes=(3,))
    draws = torch.Generator().manual_seed(0)
    latent = model.draw_latent(7)
    answer = torch.randn(7, 6, generator=draws)
    grid = np.linspace(-1, 1, 4)
    total = commitment = 0.0
    for row, truth in zip(answer.double().numpy(), latent.double().numpy(), strict=True):
        for mean, code in zip(row[:3], truth[:3], strict=True):
            value = min(grid, key=lambda v, m=mean: abs(v - m))
            total += (value - code) ** 2 / 2 + np.log(2 * np.pi) / 2
            commitment += (mean - value) ** 2 / 3
        total += np.log(np.exp(row[3:]).sum()) - row[3 + truth[3:6].argmax()]
    assert model.information_loss(answer, latent).item() == pytest.approx(total / 7 + 0.5 * commitment / 7, rel=1e-5)


def test_the_gradient_is_that_of_the_values_passed_on() -> None:
    model = _built(lambda_commitment=0.0)
    latent = model.draw_latent(4)
    answer = torch.full((4, 3), 0.9, requires_grad=True)
    model.information_loss(answer, latent).backward()
    assert answer.grad is not None
    torch.testing.assert_close(answer.grad, (1.0 - latent[:, :3]) / 4)


def test_updates_run_and_the_model_sees_values() -> None:
    model = _built()
    images = torch.rand((6, 1, 8, 8), generator=torch.Generator().manual_seed(4))
    for iteration in range(3):
        scalars = model.update(images, iteration)
    assert all(np.isfinite(float(value)) for value in scalars.values())
    decoder, encoder = model.latent_networks()
    assert set(encoder.encode(images).flatten().tolist()) <= set(torch.linspace(-1, 1, 4).tolist())
    latent = model.draw_latent(5)
    nudged = latent + torch.tensor([0.1, -0.1, 0.1, 0.0, 0.0])
    decoder.eval()
    torch.testing.assert_close(decoder(nudged), decoder(latent))
