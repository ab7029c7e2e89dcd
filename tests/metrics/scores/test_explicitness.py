import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from engine.errors import InputError
from engine.metrics import explicitness


def area_of(scores, positive):
    """Share of pairs of a positive and a negative sample that the scores put in order, ties counting half."""
    above = scores[positive][:, None] - scores[~positive][None, :]
    return np.mean((above > 0) + 0.5 * (above == 0))


def paper_of(codes, factors):
    areas = []
    for factor in factors.T:
        classes = np.unique(factor)
        margins = [
            LogisticRegression(solver="liblinear").fit(codes, factor == c).decision_function(codes) for c in classes
        ]
        shares = expit(np.array(margins)) / expit(np.array(margins)).sum(axis=0)
        areas.append(np.mean([area_of(share, factor == c) for share, c in zip(shares, classes, strict=True)]))
    return np.mean(areas)


def lib_of(codes, factors, test_codes, test_factors):
    mean, deviation = codes.mean(axis=0), codes.std(axis=0)
    areas = []
    for factor, known in zip(factors.T, test_factors.T, strict=True):
        model = LogisticRegression(max_iter=2000).fit((codes - mean) / deviation, factor)
        shares = model.predict_proba((test_codes - mean) / deviation)
        areas.append(np.mean([area_of(shares[:, i], known == c) for i, c in enumerate(model.classes_)]))
    return np.mean(areas)


def test_paper_equals_the_formula(factors, mixed, perfect, rotate):
    for codes in (mixed, perfect, rotate(perfect), np.column_stack([perfect, perfect])):
        assert explicitness(codes, factors) == pytest.approx(paper_of(codes, factors), abs=1e-6)


def test_lib_equals_the_formula_with_and_without_held_out_samples(factors, mixed):
    order = np.random.default_rng(0).permutation(len(factors))
    fit, held_out = order[:400], order[400:]
    score = explicitness(
        mixed[fit], factors[fit], protocol="lib", test_codes=mixed[held_out], test_factors=factors[held_out]
    )
    assert score == pytest.approx(lib_of(mixed[fit], factors[fit], mixed[held_out], factors[held_out]), abs=1e-6)
    in_sample = lib_of(mixed, factors, mixed, factors)
    assert explicitness(mixed, factors, protocol="lib") == pytest.approx(in_sample, abs=1e-6)


def test_a_factor_of_two_values(perfect, factors):
    binary = (factors[:, :1] > 1).astype(int)
    assert explicitness(perfect, binary) == pytest.approx(1.0)
    assert explicitness(perfect, binary, protocol="lib") == pytest.approx(1.0)


def test_permuting_and_mirroring_change_nothing_but_scaling_does_under_paper(factors, mixed):
    expected = explicitness(mixed, factors)
    assert explicitness(-mixed[:, [3, 1, 0, 2]], factors) == pytest.approx(expected, abs=1e-3)
    assert abs(explicitness(0.01 * mixed, factors) - expected) > 1e-3
    standardised = explicitness(mixed, factors, protocol="lib")
    assert explicitness(0.01 * mixed + 5, factors, protocol="lib") == pytest.approx(standardised, abs=1e-4)


def test_one_against_the_rest_cannot_read_a_perfect_code_of_ten_values_and_the_current_solver_can():
    ids = np.random.default_rng(0).integers(10, size=(2000, 2))
    assert 0.9 < explicitness(ids.astype(float), ids) < 0.98
    assert explicitness(ids.astype(float), ids, protocol="lib") == pytest.approx(1.0, abs=1e-3)


def test_noise_and_dead_codes_are_at_one_half(factors, mixed):
    noise = np.random.default_rng(0).standard_normal((len(factors), 2))
    assert explicitness(noise, factors) == pytest.approx(0.5, abs=0.07)
    dead = np.full((len(factors), 2), 0.1)
    for protocol in ("paper", "lib"):
        assert explicitness(dead, factors, protocol=protocol) == 0.5
        with_dead = np.column_stack([mixed, np.zeros(len(mixed))])
        assert explicitness(with_dead, factors, protocol=protocol) == pytest.approx(
            explicitness(mixed, factors, protocol=protocol), abs=1e-6
        )


def test_values_missing_from_the_held_out_samples_are_left_out(factors, mixed):
    few = factors[:, 0] < 2
    score = explicitness(mixed, factors[:, :1], protocol="lib", test_codes=mixed[few], test_factors=factors[few][:, :1])
    assert 0.5 < score < 1.0
    with pytest.raises(InputError, match="no value in common"):
        explicitness(mixed, factors[:, :1], protocol="lib", test_codes=mixed, test_factors=factors[:, :1] + 100)
