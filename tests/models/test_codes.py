"""Latent codes: samples, contrastive pairs."""

import pytest
import torch

from engine.models.codes import Codes


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("gap", [0.0, 0.7, 1.9])
def test_pairs_share_exactly_the_labelled_code_and_the_noise(gap: float) -> None:
    first, second, shared = Codes(continuous=5, noise=3).sample_pairs(4_000, gap, draws())
    codes = slice(0, 5)
    equal = first[:, codes] == second[:, codes]
    assert torch.equal(equal.nonzero()[:, 1], shared)
    assert torch.equal(first[:, 5:], second[:, 5:])
    distance = (first[:, codes] - second[:, codes]).abs()[~equal]
    assert distance.min() >= gap - 1e-6
    assert first.abs().max() <= 1
    assert second.abs().max() <= 1


def test_with_a_gap_of_1_9_the_other_codes_sit_at_opposite_ends() -> None:
    first, second, shared = Codes(continuous=4).sample_pairs(2_000, 1.9, draws())
    apart = torch.nn.functional.one_hot(shared, 4) == 0
    for latent in (first, second):
        assert latent[apart].abs().min() >= 0.9 - 1e-6


def test_without_gap_the_other_codes_are_independent_uniform_draws() -> None:
    first, second, shared = Codes(continuous=3).sample_pairs(20_000, 0.0, draws())
    apart = torch.nn.functional.one_hot(shared, 3) == 0
    a, b = first[apart], second[apart]
    assert abs(float(torch.corrcoef(torch.stack([a, b]))[0, 1])) < 0.03
    assert abs(float(a.var()) - 1 / 3) < 0.01
    assert torch.bincount(shared, minlength=3).min() > 6_000


def test_samples_follow_the_prior() -> None:
    uniform = Codes(continuous=2, noise=1).sample(20_000, draws())
    assert uniform.shape == (20_000, 3)
    assert uniform.abs().max() <= 1
    assert abs(float(uniform.var()) - 1 / 3) < 0.01
    normal = Codes(continuous=2, prior="normal").sample(20_000, draws())
    assert abs(float(normal.std()) - 1) < 0.02
