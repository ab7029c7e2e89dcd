import numpy as np
import pytest

from engine.errors import InputError
from engine.metrics import irs


def by_definition(codes, factors, quantile=0.99):
    """The reference's matrix, cell by cell."""
    scores, weights = [], []
    for code in codes.T:
        largest = max(abs(value - np.mean(code)) for value in code)
        robust = []
        for factor in factors.T:
            deviations = []
            for value in sorted(set(factor.tolist())):
                inside = code[factor == value]
                deviations.append(np.quantile(np.abs(inside - inside.mean()), quantile))
            robust.append(1 - np.mean(deviations) / largest)
        scores.append(max(robust))
        weights.append(largest)
    return np.dot(scores, weights) / np.sum(weights)


@pytest.mark.parametrize("quantile", [0.5, 0.99, 1.0])
def test_equals_the_definition(factors, mixed, quantile):
    uneven = mixed * [0.1, 1.0, 5.0, 2.0]
    assert irs(uneven, factors, quantile=quantile) == pytest.approx(by_definition(uneven, factors, quantile), abs=1e-12)


def test_factors_of_many_values_are_cut_into_bins():
    random = np.random.default_rng(0)
    factors = random.integers([40, 7], size=(4000, 2))
    codes = factors + random.standard_normal((4000, 2))
    # 40 ids in 20 bins of equal width: two by two, as 39 / 20 is just below two.
    edges = np.histogram(factors[:, 0], 20)[1][:-1]
    pairs = np.column_stack([np.digitize(factors[:, 0], edges), factors[:, 1]])
    assert len(set(pairs[:, 0].tolist())) == 20
    assert irs(codes, factors) == pytest.approx(by_definition(codes, pairs), abs=1e-12)
    assert irs(codes, factors, bins=40) == pytest.approx(by_definition(codes, factors), abs=1e-12)


def test_perfect_codes_score_one_also_permuted_mirrored_warped_and_doubled(factors, perfect):
    for codes in (perfect, -perfect[:, [1, 2, 0]], np.exp(perfect), np.column_stack([perfect, perfect])):
        assert irs(codes, factors) == pytest.approx(1.0)


def test_rotation_and_noise_lose(factors, perfect, rotate):
    noise = np.random.default_rng(0).standard_normal(perfect.shape)
    assert irs(noise, factors) < irs(rotate(perfect), factors) < 0.9


def test_dead_codes_are_left_out(factors, mixed):
    with_dead = np.column_stack([np.full(len(mixed), -1e6), mixed])
    assert irs(with_dead, factors) == pytest.approx(irs(mixed, factors))
    assert irs(np.full((len(mixed), 2), 0.1), factors) == 0.0


def test_refuses_bad_input(factors, mixed):
    with pytest.raises(InputError, match="quantile is 0, but"):
        irs(mixed, factors, quantile=0)
    with pytest.raises(InputError, match="bins is 1"):
        irs(mixed, factors, bins=1)
    with pytest.raises(InputError, match="factors have 599 rows for 600 codes"):
        irs(mixed, factors[:-1])
    with pytest.raises(InputError, match="column 0 of factors is the same"):
        irs(mixed, factors * [0, 1, 1])
