"""Gaussian posteriors against torch.distributions."""

import torch
from torch.distributions import Normal, kl_divergence

from engine.models.posterior import Gaussian


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


GAUSSIAN = Gaussian(random(5, 3), random(5, 3, seed=1))
DISTRIBUTION = Normal(GAUSSIAN.mean, GAUSSIAN.log_variance.exp().sqrt())


def test_the_divergence_from_the_prior() -> None:
    torch.testing.assert_close(GAUSSIAN.kl(), kl_divergence(DISTRIBUTION, Normal(0.0, 1.0)))


def test_log_densities_of_its_own_draws_and_of_all() -> None:
    z = random(5, 3, seed=2)
    torch.testing.assert_close(GAUSSIAN.log_density(z), DISTRIBUTION.log_prob(z))
    draws = random(2, 3, seed=3)
    crossed = GAUSSIAN.log_densities_at(draws)
    assert crossed.shape == (2, 5, 3)
    for i in range(2):
        for j in range(5):
            one = Normal(GAUSSIAN.mean[j], (GAUSSIAN.log_variance[j] / 2).exp())
            torch.testing.assert_close(crossed[i, j], one.log_prob(draws[i]))


def test_draws_have_its_mean_and_variance_and_its_gradient() -> None:
    mean, log_variance = torch.tensor([[1.0, -2.0]]).requires_grad_(), torch.tensor([[0.5, -1.0]]).requires_grad_()
    noise = torch.randn(40_000, 2, generator=torch.Generator().manual_seed(0))
    draws = Gaussian(mean, log_variance).sample(noise)
    torch.testing.assert_close(draws.mean(0), mean[0], rtol=0, atol=0.03)
    torch.testing.assert_close(draws.var(0), log_variance[0].exp(), rtol=0.03, atol=0)
    draws.sum().backward()
    assert mean.grad is not None
    torch.testing.assert_close(mean.grad, torch.full((1, 2), 40_000.0))
    assert log_variance.grad is not None
    torch.testing.assert_close(log_variance.grad, ((log_variance / 2).exp() / 2 * noise.sum(0)).detach())
