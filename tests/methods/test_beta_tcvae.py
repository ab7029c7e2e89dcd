"""beta-TCVAE: the minibatch estimates of the total correlation against double loops over the paper's sums."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.distributions import Normal, kl_divergence

from engine.methods.aggregate_posterior import log_aggregate, log_weights
from engine.methods.beta_tcvae import BetaTCVAESettings
from engine.models.posterior import Gaussian
from engine.runs.specification.resolving import resolve

N = 50  # images of the dataset


def densities(posterior: Gaussian, z: torch.Tensor) -> NDArray[np.float64]:
    """q(z_ik | x_j) by [i, j, k], from the density's formula."""
    mean, log_variance = posterior.mean.numpy(), posterior.log_variance.numpy()
    result = np.empty((len(z), len(mean), z.shape[1]))
    for i, j, k in np.ndindex(result.shape):
        variance = math.exp(log_variance[j, k])
        distance = float(z[i, k]) - mean[j, k]
        result[i, j, k] = math.exp(-(distance**2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)
    return result


def weighted(of_row: NDArray[np.float64], i: int) -> float:
    """1/(NM) sum_j q(z_i|x_j), the batch having M images (Chen et al. 2018, app. C.1)."""
    return float(sum(of_row)) / (N * len(of_row))


def stratified(of_row: NDArray[np.float64], i: int) -> float:
    """The batch being the image of z_i and M others, of which the first after it takes the remaining weight (C.2)."""
    m = len(of_row) - 1
    others = [of_row[(i + step) % len(of_row)] for step in range(1, m + 1)]
    return float(of_row[i] / N + (N - m) / (N * m) * others[0] + sum(others[1:]) / m)


def leave_one_out(of_row: NDArray[np.float64], i: int) -> float:
    """The others stand for the N - 1 images that are not that of z_i."""
    others = [q for j, q in enumerate(of_row) if j != i]
    return float(of_row[i] / N + (N - 1) / N * np.mean(others))


ESTIMATES = {"weighted": weighted, "stratified": stratified, "leave-one-out": leave_one_out}


@pytest.mark.parametrize("sampling", ESTIMATES)
def test_the_regulariser_is_the_paper_s_sum(
    build_vae: Any, posterior: Gaussian, z: torch.Tensor, sampling: str
) -> None:
    estimate, q = ESTIMATES[sampling], densities(posterior, z)
    tc = 0.0
    for i in range(6):
        joint = estimate(q[i].prod(axis=1), i)
        marginals = [estimate(q[i, :, k], i) for k in range(4)]
        tc += (math.log(joint) - sum(map(math.log, marginals))) / 6
    kl = kl_divergence(Normal(posterior.mean, (posterior.log_variance / 2).exp()), Normal(0.0, 1.0)).sum(1).mean()
    regulariser, scalars = build_vae("beta-tcvae", images=N, beta=7.0, sampling=sampling).regulariser(posterior, z)
    assert float(scalars["total_correlation"]) == pytest.approx(tc)
    assert float(regulariser) == pytest.approx(float(kl) + 6 * tc)


@pytest.mark.parametrize("sampling", ["stratified", "leave-one-out"])
def test_both_stratified_estimates_of_a_density_are_unbiased(sampling: Any) -> None:
    draws = torch.Generator().manual_seed(0)
    dataset = torch.randn(N, generator=draws, dtype=torch.float64)
    batches = dataset[torch.rand(4_000, N, generator=draws).argsort(1)[:, :8]].T
    z = batches + 0.3 * torch.randn(8, 4_000, generator=draws, dtype=torch.float64)
    log_densities = Normal(batches, 0.3).log_prob(z[:, None])
    estimates = log_aggregate(log_densities, log_weights(sampling, 8, N)).exp()
    truths = Normal(dataset, 0.3).log_prob(z[..., None]).exp().mean(2)
    # The mean of these 32,000 is near 0.35 and its standard error below 0.002.
    assert float(estimates.mean()) == pytest.approx(float(truths.mean()), abs=0.006)


def test_a_batch_of_the_whole_dataset_gives_the_aggregate_itself() -> None:
    weights = log_weights("leave-one-out", N, N).exp()
    torch.testing.assert_close(weights, torch.full((N, N), 1 / N, dtype=torch.float64))


def test_the_published_weight() -> None:
    settings = resolve("beta-tcvae", preset="paper")[0].method
    assert isinstance(settings, BetaTCVAESettings)
    assert (settings.beta, settings.sampling) == (6, "weighted")
