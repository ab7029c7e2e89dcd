"""The annealed VAE: the KL divergence's distance from a capacity that rises linearly."""

from typing import Any

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from engine.methods.annealed_vae import AnnealedVAESettings
from engine.models.posterior import Gaussian
from engine.runs.specification.resolving import resolve


@pytest.mark.parametrize(
    ("iteration", "capacity"), [(0, 0.0), (1, 0.05), (150, 7.5), (500, 25.0), (501, 25.0), (90_000, 25.0)]
)
def test_the_regulariser_holds_the_divergence_at_the_capacity(
    build_vae: Any, posterior: Gaussian, z: torch.Tensor, iteration: int, capacity: float
) -> None:
    q = Normal(posterior.mean, (posterior.log_variance / 2).exp())
    kl = float(kl_divergence(q, Normal(0.0, 1.0)).sum(1).mean())
    # The capacities lie on both sides of it.
    assert 1 < kl < 7
    method = build_vae("annealed-vae", gamma=30.0, c_max=25.0, threshold=500)
    scalars = method.prepare(iteration)
    regulariser, _ = method.regulariser(posterior, z)
    assert float(regulariser) == pytest.approx(30 * abs(kl - capacity))
    assert scalars["capacity"] == pytest.approx(capacity)


def test_the_event_log_hears_when_the_capacity_is_reached(build_vae: Any) -> None:
    method = build_vae("annealed-vae", c_max=25.0, threshold=500)
    assert method.notes_at(500) == ["the capacity has reached 25 nats"]
    assert method.notes_at(499) == []


def test_the_published_schedule() -> None:
    settings = resolve("annealed-vae", preset="paper")[0].method
    assert isinstance(settings, AnnealedVAESettings)
    assert (settings.gamma, settings.threshold.in_run_of(300_000), settings.c_max) == (1000, 100_000, 25)
