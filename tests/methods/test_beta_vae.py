"""beta-VAE: the KL divergence, weighted."""

from typing import Any

import torch
from torch.distributions import Normal, kl_divergence

from engine.methods.beta_vae import BetaVAESettings
from engine.models.posterior import Gaussian
from engine.runs.specification.resolving import resolve


def test_the_regulariser_is_the_weighted_divergence(build_vae: Any, posterior: Gaussian, z: torch.Tensor) -> None:
    q = Normal(posterior.mean, (posterior.log_variance / 2).exp())
    expected = 5.5 * kl_divergence(q, Normal(0.0, 1.0)).sum(1).mean()
    regulariser, _ = build_vae("beta-vae", beta=5.5).regulariser(posterior, z)
    torch.testing.assert_close(regulariser, expected)


def test_the_published_weight() -> None:
    settings = resolve("beta-vae", preset="paper")[0].method
    assert isinstance(settings, BetaVAESettings)
    assert settings.beta == 4
