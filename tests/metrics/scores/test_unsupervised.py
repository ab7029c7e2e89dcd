import numpy as np
import pytest
import scipy.linalg
from sklearn.metrics import mutual_info_score as information

from engine.errors import InputError
from engine.metrics import (
    gaussian_total_correlation,
    gaussian_wasserstein_correlation,
    gaussian_wasserstein_correlation_norm,
    mutual_info_score,
)

ALL = (
    gaussian_total_correlation,
    gaussian_wasserstein_correlation,
    gaussian_wasserstein_correlation_norm,
    mutual_info_score,
)


def kl_of_centred_gaussians(covariance, other):
    """KL(N(0, covariance) || N(0, other)) in nats."""
    d = len(covariance)
    inverse = np.linalg.inv(other)
    return 0.5 * (np.trace(inverse @ covariance) - d + np.log(np.linalg.det(other) / np.linalg.det(covariance)))


def wasserstein_of_centred_gaussians(covariance, other):
    """Squared 2-Wasserstein distance of N(0, covariance) and N(0, other)."""
    root = scipy.linalg.sqrtm(other)
    return np.trace(covariance + other - 2 * scipy.linalg.sqrtm(root @ covariance @ root)).real


def test_equal_the_distances_between_the_gaussian_and_its_marginals(mixed):
    covariance = np.cov(mixed.T)
    marginals = np.diag(np.diag(covariance))
    assert gaussian_total_correlation(mixed) == pytest.approx(kl_of_centred_gaussians(covariance, marginals), abs=1e-9)
    distance = wasserstein_of_centred_gaussians(covariance, marginals)
    assert distance > 0.01
    assert gaussian_wasserstein_correlation(mixed) == pytest.approx(distance, abs=1e-9)
    assert gaussian_wasserstein_correlation_norm(mixed) == pytest.approx(distance / np.trace(covariance), abs=1e-9)


def test_mutual_information_is_that_of_binned_pairs_averaged(mixed):
    low, high = mixed.min(axis=0), mixed.max(axis=0)
    cells = np.minimum(np.floor((mixed - low) / (high - low) * 20), 19)
    pairs = [information(cells[:, i], cells[:, j]) for i in range(4) for j in range(4) if i != j]
    assert mutual_info_score(mixed) == pytest.approx(np.mean(pairs), abs=1e-9)
    coarse = np.minimum(np.floor((mixed - low) / (high - low) * 4), 3)
    pairs = [information(coarse[:, i], coarse[:, j]) for i in range(4) for j in range(i)]
    assert mutual_info_score(mixed, bins=4) == pytest.approx(np.mean(pairs), abs=1e-9)


def test_two_gaussian_codes_of_known_correlation():
    # Exactly correlated by 0.6 and of variances 4 and 1.
    x, y = np.random.default_rng(0).standard_normal((2, 500))
    x = (x - x.mean()) / x.std()
    y = y - y.mean() - x * np.mean(x * (y - y.mean()))
    codes = np.column_stack([2 * x, 0.6 * x + 0.8 * y / y.std()])
    assert gaussian_total_correlation(codes) == pytest.approx(-0.5 * np.log(1 - 0.36))
    # D^(1/2) S D^(1/2) has trace 17 and determinant 16 (4 - 1.44): the root's trace is sqrt(17 + 2 sqrt(det)).
    expected = (10 - 2 * np.sqrt(17 + 2 * np.sqrt(16 * 0.64))) * 500 / 499
    assert gaussian_wasserstein_correlation(codes) == pytest.approx(expected)


def test_perfect_codes_of_independent_factors_score_zero(perfect):
    # All combinations equally often: exactly independent. A permutation, mirror or warp of single codes keeps that.
    for codes in (perfect, -perfect[:, [2, 0, 1]], np.exp(perfect)):
        for score in ALL:
            assert score(codes) == pytest.approx(0.0, abs=1e-9)


def test_a_rotation_of_equally_spread_codes_is_seen_by_information_only(perfect, rotate):
    codes = rotate(perfect)
    assert gaussian_total_correlation(codes) == pytest.approx(0.0, abs=1e-9)
    assert gaussian_wasserstein_correlation(codes) == pytest.approx(0.0, abs=1e-9)
    assert mutual_info_score(codes) > 0.2


def test_a_duplicate_is_bounded_and_the_worst(perfect):
    doubled = np.column_stack([perfect, -2 * perfect[:, 0] + 1])
    assert gaussian_total_correlation(doubled) == pytest.approx(-0.5 * np.log(1e-12) - 0.5 * np.log(2))
    assert 0 < gaussian_wasserstein_correlation_norm(doubled) < 2
    # One of six pairs shares all it has: log 4 nats.
    assert mutual_info_score(doubled) == pytest.approx(np.log(4) / 6)


@pytest.mark.parametrize("value", [0.0, 0.1, -1e6])
def test_dead_codes_are_independent_of_all(mixed, value):
    with_dead = np.column_stack([mixed, np.full(len(mixed), value)])
    for score in ALL[:3]:
        assert score(with_dead) == pytest.approx(score(mixed))
    # 10 pairs instead of 6.
    assert mutual_info_score(with_dead) == pytest.approx(mutual_info_score(mixed) * 6 / 10)


def test_single_and_dead_codes_only(mixed):
    for score in ALL:
        assert score(mixed[:, :1]) == pytest.approx(0.0, abs=1e-12)
        assert score(np.full((10, 3), 0.1)) == 0.0


@pytest.mark.parametrize("score", ALL)
def test_refuses_what_are_no_codes(score, mixed):
    with pytest.raises(InputError, match="codes must be finite, but dimension 1"):
        score(np.where(np.arange(4) == 1, np.inf, mixed))
    with pytest.raises(InputError, match=r"codes must be an array \[samples, dimensions\]"):
        score(mixed[:, 0])
