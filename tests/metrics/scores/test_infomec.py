"""InfoMEC, against the estimate written out pair by pair and against numbers of the reference implementation."""

import numpy as np
import pytest
from scipy.special import digamma
from sklearn.linear_model import LogisticRegression

from engine.errors import InputError
from engine.metrics import infomec

SIZES = np.array([3, 6, 8, 5])


def sample(n=600):
    dice = np.random.default_rng(0)
    factors = dice.integers(SIZES, size=(n, 4))
    codes = 2 * factors / (SIZES - 1) - 1.0 + 0.1 * dice.standard_normal((n, 4))
    return factors, codes, np.linalg.qr(dice.standard_normal((4, 4)))[0]


def information_by_distances(code, factor, k=10):
    """Ross 2014, eq. 2: psi(n) - <psi(n of the class)> + psi(k) - <psi(points as near as the k-th of the class)>."""
    n = len(code)
    distances = np.abs(code[:, None] - code[None, :])
    total = 0.0
    for i in range(n):
        own = np.sort(distances[i, factor == factor[i]])
        kth = own[min(k, len(own) - 1)]
        within = np.count_nonzero(distances[i] < kth)  # the point itself included
        total += digamma(n) - digamma(len(own)) + digamma(min(k, len(own) - 1)) - digamma(within)
    return max(total / n, 0.0)


def entropy_of(factor):
    shares = np.bincount(factor) / len(factor)
    return -np.sum(shares[shares > 0] * np.log(shares[shares > 0]))


def counted(code, factor):
    joint = np.unique(np.stack([code, factor]), axis=1, return_counts=True)[1]
    values = np.unique(code, return_counts=True)[1]
    logs = [np.sum(c / c.sum() * np.log(c / c.sum())) for c in (joint, values)]
    return entropy_of(factor) - logs[1] + logs[0]


def expected(information):
    d, k = information.shape
    modularity = np.mean([row.max() / row.sum() for row in information])
    compactness = np.mean([column.max() / column.sum() for column in information.T])
    return (modularity - 1 / k) / (1 - 1 / k), (compactness - 1 / d) / (1 - 1 / d)


@pytest.mark.parametrize("turned", [False, True], ids=["straight", "rotated"])
def test_continuous_codes(turned):
    factors, codes, rotation = sample()
    codes = codes @ rotation if turned else codes
    information = np.array([[information_by_distances(c, f) / entropy_of(f) for f in factors.T] for c in codes.T])
    found = infomec(codes, factors)
    assert (found.modularity, found.compactness) == pytest.approx(expected(information), abs=5e-3)
    assert found.explicitness == pytest.approx(explicitness_of(codes, factors), abs=1e-4)


def explicitness_of(inputs, factors):
    inputs = (inputs - inputs.mean(axis=0)) / inputs.std(axis=0)
    shares = []
    for factor in factors.T:
        told = LogisticRegression(C=1e12, class_weight="balanced", max_iter=100).fit(inputs, factor)
        probabilities = told.predict_proba(inputs)[np.arange(len(factor)), factor]
        shares.append(1 + np.mean(np.log(probabilities)) / np.log(factor.max() + 1))
    return np.mean(shares)


def test_discrete_codes_are_counted():
    factors, codes, rotation = sample()
    levels = np.round(4 * codes @ rotation)
    information = np.array([[counted(c, f) / entropy_of(f) for f in factors.T] for c in levels.T])
    found = infomec(levels, factors, discrete=True)
    assert (found.modularity, found.compactness) == pytest.approx(expected(information), abs=1e-12)


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [
        ("perfect", (0.99532, 0.99532, 0.99979)),
        ("noisy", (0.98981, 0.99000, 0.94517)),
        ("rotated", (0.46995, 0.27613, 0.94518)),
        ("dead", (0.98981, 0.99000, 0.94568)),
        ("discrete", (0.99344, 0.99343, 0.99982)),
        ("rotated discrete", (0.44300, 0.25583, 0.91588)),
    ],
)
def test_the_reference_gives_these_numbers(kind, numbers):
    """Numbers of the authors' public code (scikit-learn 1.9.1), to 5e-3 where ties are broken by noise, else 1e-4."""
    dice = np.random.default_rng(0)
    factors = dice.integers(SIZES, size=(3000, 4))
    perfect = 2 * factors / (SIZES - 1) - 1.0
    noisy = perfect + 0.1 * dice.standard_normal(perfect.shape)
    rotation = np.linalg.qr(dice.standard_normal((4, 4)))[0]
    codes = {
        "perfect": perfect,
        "noisy": noisy,
        "rotated": noisy @ rotation,
        "dead": np.column_stack([noisy, 0.01 * dice.standard_normal(3000)]),
        "discrete": factors.astype(float),
        "rotated discrete": np.round(4 * noisy @ rotation),
    }[kind]
    found = infomec(codes, factors, discrete="discrete" in kind)
    assert found == pytest.approx(numbers, abs=5e-3 if kind == "perfect" else 1e-4)


def test_without_information_nothing_is_not_a_number(factors):
    n = len(factors)
    assert infomec(np.ones((n, 3)), factors) == (0, 0, 0)
    assert infomec(np.ones((n, 3)), factors, discrete=True) == (0, 0, 0)
    noise = infomec(np.random.default_rng(0).standard_normal((n, 3)), factors)
    assert all(np.isfinite(noise))
    assert noise.explicitness < 0.05
    alone = infomec(np.column_stack([factors[:, 0], np.zeros(n)]), factors, discrete=True)
    assert alone.modularity == pytest.approx(1, abs=1e-6)
    assert 0 < alone.compactness <= 1


def test_a_code_of_a_small_range_does_not_count(factors, perfect):
    dice = np.random.default_rng(0)
    small = perfect[:, :1] / 21 + 1e-3 * dice.standard_normal((len(perfect), 1))
    large = perfect[:, :1] / 5 + 1e-3 * dice.standard_normal((len(perfect), 1))
    own = perfect + 1e-3 * dice.standard_normal(perfect.shape)
    assert infomec(np.hstack([own, small / 2]), factors).compactness == pytest.approx(
        infomec(own, factors).compactness, abs=1e-3
    )
    assert infomec(np.hstack([own, large]), factors).compactness < 0.9


def test_what_makes_no_sense_is_refused(factors, perfect):
    with pytest.raises(InputError, match="at least 2"):
        infomec(perfect, factors[:, :1])
    with pytest.raises(InputError, match="samples >= 11"):
        infomec(perfect[:10], factors[:10])
    with pytest.raises(InputError, match="finite"):
        infomec(np.full_like(perfect, np.nan), factors)
