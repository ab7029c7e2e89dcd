"""MIG and Modularity."""

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from engine.errors import InputError
from engine.metrics import mig, modularity
from engine.metrics.mutual_information import factor_entropy, of_numbers


def information_of(codes, factors, bins=20):
    """Mutual information [d, k] in nats, bins by arithmetic."""
    low, high = codes.min(axis=0), codes.max(axis=0)
    binned = np.minimum(np.floor((codes - low) / (high - low) * bins), bins - 1)
    return np.array([[mutual_info_score(f, c) for f in factors.T] for c in binned.T])


def entropy_of(values):
    shares = np.array([np.mean(values == value) for value in set(values.tolist())])
    return -np.sum(shares * np.log(shares))


def mig_of(information, factors):
    gaps = []
    for j in range(factors.shape[1]):
        best, second = sorted(information[:, j], reverse=True)[:2]
        gaps.append((best - second) / entropy_of(factors[:, j]))
    return np.mean(gaps)


def modularity_of(information):
    scores = []
    for row in information:
        *others, best = sorted(row)
        scores.append(1 - sum(x**2 for x in others) / (best**2 * len(others)))
    return scores


def test_pairs_counted_here_give_scikit_learns_number_to_the_last_bit():
    dice = np.random.default_rng(0)
    for size in (1, 2, 7, 500):
        # Numbers that do not occur, and a column that is the same throughout.
        first, second, same = 3 * dice.integers(0, 5, size), dice.integers(2, 30, size), np.full(size, 4)
        for one, other in ((first, second), (second, first), (first, same), (same, second)):
            assert of_numbers(one, other) == mutual_info_score(one, other)
        assert factor_entropy(second[:, None] - 10) == [mutual_info_score(second, second)]


@pytest.mark.parametrize("protocol", ["paper", "lib"])
def test_formulas_on_codes_of_no_virtue(factors, mixed, protocol):
    information = information_of(mixed, factors)
    assert mig(mixed, factors, protocol=protocol) == pytest.approx(mig_of(information, factors))
    assert modularity(mixed, factors, protocol=protocol) == pytest.approx(np.mean(modularity_of(information)))
    coarse = information_of(mixed, factors, bins=5)
    assert mig(mixed, factors, 5) == pytest.approx(mig_of(coarse, factors))
    assert modularity(mixed, factors, 5) == pytest.approx(np.mean(modularity_of(coarse)))


def test_permuting_shifting_and_scaling_change_nothing(factors, mixed):
    changed = mixed[:, [2, 0, 3, 1]] * 8.0 + 16.0
    assert mig(changed, factors) == pytest.approx(mig(mixed, factors))
    assert modularity(changed, factors) == pytest.approx(modularity(mixed, factors))
    assert mig(-mixed, factors) == pytest.approx(mig(mixed, factors), abs=0.02)


def test_perfect_codes_score_one_also_warped_or_mirrored(factors, perfect):
    for codes in (perfect, perfect[:, [1, 2, 0]], -perfect, np.exp(perfect)):
        assert mig(codes, factors) == pytest.approx(1.0)
        assert modularity(codes, factors) == pytest.approx(1.0)


def test_a_warp_that_merges_values_in_one_bin_costs_mig(factors, perfect):
    # exp(2 x) brings the two lowest of the second factor's five values within a twentieth of the range.
    kept = -(3 / 5 * np.log(1 / 5) + 2 / 5 * np.log(2 / 5)) / np.log(5)
    assert mig(np.exp(2 * perfect), factors) == pytest.approx((2 + kept) / 3)


def test_a_code_with_more_values_than_bins_cannot_reach_one():
    ids = np.arange(400)[:, None] % 40
    other = np.arange(400)[:, None] // 40 % 2
    factors = np.hstack([ids, other])
    # 40 equally likely values fall into 20 bins two by two: log 20 of log 40 nats are left.
    expected = np.mean([np.log(20) / np.log(40), 1.0])
    assert mig(factors.astype(float), factors) == pytest.approx(expected)


def test_a_duplicated_code_costs_mig_and_not_modularity(factors, perfect):
    doubled = np.column_stack([perfect, perfect])
    assert mig(doubled, factors) == pytest.approx(0.0)
    assert modularity(doubled, factors) == pytest.approx(1.0)


def test_rotation_by_45_degrees(factors, perfect, rotate):
    codes = rotate(perfect)
    information = information_of(codes, factors)
    assert mig(codes, factors) == pytest.approx(mig_of(information, factors))
    # The third factor is untouched; the gap of the first two closes but for the accidents of binning.
    assert 1 / 3 <= mig(codes, factors) < 0.5
    assert modularity(codes, factors) == pytest.approx(np.mean(modularity_of(information)))
    assert modularity(codes, factors) < 0.85


def test_noise_has_no_gap(factors):
    noise = np.random.default_rng(0).standard_normal((len(factors), 3))
    assert mig(noise, factors) < 0.05


def test_dead_codes_have_no_information(factors, mixed):
    for value in (0.0, 0.1, -1e6):
        with_dead = np.column_stack([mixed, np.full(len(mixed), value)])
        assert mig(with_dead, factors) == pytest.approx(mig(mixed, factors))
        assert modularity(with_dead, factors) == pytest.approx(modularity(mixed, factors))
        assert modularity(with_dead, factors, protocol="lib") == pytest.approx(modularity(mixed, factors) * 4 / 5)
    jitter = np.column_stack([mixed, 1.0 + 1e-9 * mixed[:, 0]])
    assert mig(jitter, factors) == pytest.approx(mig(mixed, factors))


def test_dead_codes_only_score_zero(factors):
    dead = np.full((len(factors), 2), 0.1)
    assert mig(dead, factors) == 0.0
    assert modularity(dead, factors) == 0.0
    assert modularity(dead, factors, protocol="lib") == 0.0


def test_a_single_code_has_a_runner_up_without_information(factors, perfect):
    assert mig(perfect[:, :1], factors) == pytest.approx(1 / 3)


def test_modularity_needs_two_factors(factors, mixed):
    with pytest.raises(InputError, match="only 1: it needs at least 2"):
        modularity(mixed, factors[:, :1])
