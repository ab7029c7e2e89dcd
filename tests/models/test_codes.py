"""Latent codes: samples, contrastive pairs, traversals, categories."""

import numpy as np
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


MIXED = Codes(continuous=2, noise=3, categorical=(3, 4))
"""A latent vector of it: two continuous codes, blocks of 3 and 4, three noise dimensions."""


def categories(latent: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The two categories of ``MIXED``, after checking that their blocks are one-hot."""
    blocks = latent[:, 2:5], latent[:, 5:9]
    for block in blocks:
        assert torch.equal(block.sort(1).values[:, -1], torch.ones(len(latent)))
        assert torch.equal(block.sum(1), torch.ones(len(latent)))
    return blocks[0].argmax(1), blocks[1].argmax(1)


def test_a_latent_vector_is_continuous_codes_then_one_hot_blocks_then_noise() -> None:
    assert (MIXED.count, MIXED.regularised, MIXED.dimensions) == (4, 9, 12)
    assert [MIXED.columns(code) for code in range(4)] == [slice(0, 1), slice(1, 2), slice(2, 5), slice(5, 9)]
    latent = torch.tensor([[0.5, -0.25, 0, 0, 1, 0, 1, 0, 0, 0.1, 0.2, 0.3]])
    assert MIXED.values(latent).tolist() == [[0.5, -0.25, 2.0, 1.0]]


def test_categories_are_drawn_equally_often_and_independently_of_each_other() -> None:
    latent = MIXED.sample(24_000, draws())
    first, second = categories(latent)
    table = torch.bincount(4 * first + second, minlength=12)
    # Twelve cells of 2,000; five standard deviations are 214.
    assert (table - 2_000).abs().max() < 214
    rest = torch.cat([latent[:, :2], latent[:, 9:]], dim=1)
    assert rest.abs().max() <= 1
    assert abs(float(rest.var()) - 1 / 3) < 0.01


@pytest.mark.parametrize("gap", [0.0, 0.5])
def test_pairs_of_mixed_codes_share_the_labelled_one(gap: float) -> None:
    first, second, shared = MIXED.sample_pairs(8_000, gap, draws())
    assert torch.equal(first[:, 9:], second[:, 9:])
    assert torch.bincount(shared, minlength=4).min() > 1_800
    pairs = [(first[:, i], second[:, i]) for i in range(2)] + list(
        zip(categories(first), categories(second), strict=True)
    )
    for code, (a, b) in enumerate(pairs):
        assert torch.equal(a[shared == code], b[shared == code])
        elsewhere = (a == b)[shared != code]
        if code < 2 or gap > 0:
            assert not elsewhere.any()
        else:
            # Independent draws coincide as often as there are categories.
            assert float(elsewhere.float().mean()) == pytest.approx(1 / (3, 4)[code - 2], abs=0.03)


def test_with_a_gap_the_other_category_is_any_of_the_others_equally_often() -> None:
    first, second, shared = MIXED.sample_pairs(24_000, 0.5, draws())
    steps = (categories(second)[1] - categories(first)[1])[shared != 3] % 4
    counts = torch.bincount(steps, minlength=4)
    assert counts[0] == 0
    assert (counts[1:] - 6_000).abs().max() < 350


def test_a_walk_covers_the_range_or_goes_through_the_categories() -> None:
    np.testing.assert_allclose(MIXED.walk(1, 5), [[-1], [-0.5], [0], [0.5], [1]])
    np.testing.assert_allclose(Codes(1, prior="normal").walk(0, 3), [[-2], [0], [2]])
    assert MIXED.walk(2, 6).argmax(1).tolist() == [0, 0, 1, 1, 2, 2]
    assert MIXED.walk(3, 4).tolist() == np.eye(4).tolist()
