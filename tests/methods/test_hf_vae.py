"""HFVAE: the two-level decomposition of the KL divergence, against loops over its definition."""

import math
from typing import Any

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from engine.errors import InputError
from engine.methods.hf_vae import HFVAESettings
from engine.models.posterior import Gaussian
from engine.runs.specification.resolving import resolve

N = 50  # images of the dataset
GROUPS = (1, 3)


def aggregate(posterior: Gaussian, z: torch.Tensor, codes: list[int], i: int) -> float:
    """log of the leave-one-out estimate of q(z_i), for some of the codes."""
    densities = []
    for j in range(len(z)):
        scale = (posterior.log_variance[j, codes] / 2).exp()
        densities.append(math.exp(float(Normal(posterior.mean[j, codes], scale).log_prob(z[i, codes]).sum())))
    own = densities.pop(i)
    return math.log(own / N + (N - 1) / N * sum(densities) / len(densities))


@pytest.fixture
def terms(posterior: Gaussian, z: torch.Tensor) -> dict[str, float]:
    """The first three terms, batch means over six draws."""
    sums = dict.fromkeys(("mutual_information", "tc_between_groups", "tc_within_groups"), 0.0)
    for i in range(6):
        own = Normal(posterior.mean[i], (posterior.log_variance[i] / 2).exp())
        joint = aggregate(posterior, z, [0, 1, 2, 3], i)
        first, second = aggregate(posterior, z, [0], i), aggregate(posterior, z, [1, 2, 3], i)
        each = [aggregate(posterior, z, [k], i) for k in range(4)]
        sums["mutual_information"] += (float(own.log_prob(z[i]).sum()) - joint) / 6
        sums["tc_between_groups"] += (joint - first - second) / 6
        sums["tc_within_groups"] += (second - sum(each[1:])) / 6
    return sums


def test_the_regulariser_weights_the_terms(
    build_vae: Any, posterior: Gaussian, z: torch.Tensor, terms: dict[str, float]
) -> None:
    method = build_vae("hf-vae", images=N, groups=GROUPS, alpha=0.4, beta=5.0, gamma=2.5)
    regulariser, scalars = method.regulariser(posterior, z)
    for name, value in terms.items():
        assert float(scalars[name]) == pytest.approx(value)
    kl = float(kl_divergence(Normal(posterior.mean, (posterior.log_variance / 2).exp()), Normal(0.0, 1.0)).sum() / 6)
    expected = kl - 0.6 * terms["mutual_information"]
    expected += 4.0 * terms["tc_between_groups"] + 1.5 * terms["tc_within_groups"]
    assert float(regulariser) == pytest.approx(expected)


@pytest.mark.parametrize("sampling", ["weighted", "stratified", "leave-one-out"])
def test_the_terms_add_up_to_the_divergence_at_the_draws(
    build_vae: Any, posterior: Gaussian, z: torch.Tensor, sampling: str
) -> None:
    parts = build_vae("hf-vae", images=N, groups=GROUPS, sampling=sampling).decomposition(posterior, z)
    q = Normal(posterior.mean, (posterior.log_variance / 2).exp())
    expected = (q.log_prob(z) - Normal(0.0, 1.0).log_prob(z)).sum(1).mean()
    torch.testing.assert_close(sum(parts, start=torch.zeros((), dtype=torch.float64)), expected)


def test_groups_of_one_and_one_group_leave_one_of_the_total_correlations(
    build_vae: Any, posterior: Gaussian, z: torch.Tensor
) -> None:
    singles = build_vae("hf-vae", images=N, groups=(1, 1, 1, 1)).decomposition(posterior, z)
    whole = build_vae("hf-vae", images=N, groups=(4,)).decomposition(posterior, z)
    zero = torch.zeros((), dtype=torch.float64)
    torch.testing.assert_close(singles.within_groups, zero)
    torch.testing.assert_close(whole.between_groups, zero)
    torch.testing.assert_close(singles.between_groups, whole.within_groups)


@pytest.mark.parametrize("groups", ["[2,2]", "[10,0]", "[11,-1]"])
def test_groups_must_hold_all_codes(groups: str) -> None:
    with pytest.raises(InputError, match=r"groups must be sizes of at least 1 that sum to codes = 10"):
        resolve("hf-vae", preset="paper", overrides=[f"groups={groups}"])


def test_the_quoted_weights() -> None:
    settings = resolve("hf-vae", preset="paper")[0].method
    assert isinstance(settings, HFVAESettings)
    assert (settings.alpha, settings.beta, settings.gamma, settings.groups) == (1, 4, 3, (2,) * 5)
