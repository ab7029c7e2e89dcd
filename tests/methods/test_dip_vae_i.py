"""DIP-VAE-I: the penalty on the covariance of the posterior means, against np.cov."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from engine.methods.dip_vae_i import DIPVAEISettings
from engine.models.posterior import Gaussian
from engine.runs.specification.resolving import resolve


def test_the_regulariser_is_the_equation(build_vae: Any, posterior: Gaussian, z: torch.Tensor) -> None:
    covariance = np.cov(posterior.mean.numpy(), rowvar=False, ddof=0)
    penalty = 0.0
    for i in range(4):
        for j in range(4):
            penalty += 3.0 * covariance[i, j] ** 2 if i != j else 40.0 * (covariance[i, i] - 1) ** 2
    q = Normal(posterior.mean, (posterior.log_variance / 2).exp())
    kl = float(kl_divergence(q, Normal(0.0, 1.0)).sum(1).mean())
    regulariser, scalars = build_vae("dip-vae-i", lambda_od=3.0, lambda_d=40.0).regulariser(posterior, z)
    assert float(regulariser) == pytest.approx(kl + penalty)
    assert float(scalars["loss_covariance"]) == pytest.approx(penalty)


def test_the_published_weights() -> None:
    settings = resolve("dip-vae-i", preset="paper")[0].method
    assert isinstance(settings, DIPVAEISettings)
    assert (settings.lambda_od, settings.lambda_d) == (10, 100)
