import numpy as np
import pytest
from sklearn.svm import LinearSVC

from engine.errors import InputError
from engine.metrics import sap

SHAPE_AND_CONTINUOUS = [False, True, True]


def accuracy_of(code, factor, test_code=None, test_factor=None):
    """A balanced linear machine of one code, by the defaults of scikit-learn 0.20."""
    machine = LinearSVC(C=0.01, class_weight="balanced", loss="squared_hinge", dual=True, random_state=0)
    machine.fit(code[:, None], factor)
    scored, known = (code, factor) if test_code is None else (test_code, test_factor)
    return np.mean(machine.predict(scored[:, None]) == known)


def sap_of(matrix):
    """Mean gap of the two largest of each column."""
    return np.mean([sorted(column)[-1] - sorted(column)[-2] for column in np.asarray(matrix).T])


def test_continuous_factors_by_squared_correlation(factors, mixed):
    expected = sap_of([[np.corrcoef(code, factor)[0, 1] ** 2 for factor in factors.T] for code in mixed.T])
    assert sap(mixed, factors, [True] * 3) == pytest.approx(expected)
    changed = mixed[:, [2, 0, 3, 1]] * [-1.0, 5.0, 1e-3, 1.0] + 7.0
    assert sap(changed, 3.0 * factors - 1.0, [True] * 3) == pytest.approx(expected)


def test_categorical_factors_by_accuracy_of_a_linear_machine(factors, mixed):
    expected = sap_of(
        [
            [accuracy_of(code, factors[:, 0])] + [np.corrcoef(code, factors[:, j])[0, 1] ** 2 for j in (1, 2)]
            for code in mixed.T
        ]
    )
    assert sap(mixed, factors, SHAPE_AND_CONTINUOUS) == pytest.approx(expected)
    # Category names are names: any others will do.
    renamed = factors.astype(float)
    renamed[:, 0] = np.array([0.25, 0.5, 7.0, 9.5])[factors[:, 0]]
    assert sap(mixed, renamed, SHAPE_AND_CONTINUOUS) == pytest.approx(expected)


def test_perfect_continuous_codes_score_one(factors, perfect):
    assert sap(perfect, factors, [True] * 3) == pytest.approx(1.0)
    assert sap(-perfect[:, [2, 0, 1]], factors, [True] * 3) == pytest.approx(1.0)
    assert sap(np.exp(3 * perfect), factors, [True] * 3) < 0.9


def test_rotation_by_45_degrees_leaves_the_third_factor(factors, perfect, rotate):
    # Both codes have squared correlation 1/2 with both factors of the plane.
    assert sap(rotate(perfect), factors, [True] * 3) == pytest.approx(1 / 3)


def test_a_duplicated_code_scores_zero(factors, perfect):
    assert sap(np.column_stack([perfect, perfect]), factors, [True] * 3) == pytest.approx(0.0)
    assert sap(np.column_stack([perfect, perfect]), factors, SHAPE_AND_CONTINUOUS) == pytest.approx(0.0)


def test_dead_codes_are_at_chance(factors, perfect):
    dead = np.full((len(perfect), 1), 0.1)
    assert sap(np.hstack([dead, perfect[:, :1]]), factors[:, :1], [True]) == pytest.approx(1.0)
    expected = accuracy_of(perfect[:, 0], factors[:, 0]) - 1 / 4
    assert sap(np.hstack([dead, perfect[:, :1]]), factors[:, :1], [False]) == pytest.approx(expected)
    assert sap(perfect[:, :1], factors[:, :1], [False]) == pytest.approx(expected)
    assert sap(perfect[:, :1], factors[:, :1], [True]) == pytest.approx(1.0)
    assert sap(np.hstack([dead, dead]), factors, SHAPE_AND_CONTINUOUS) == 0.0


def test_lib_takes_every_factor_as_categorical_and_scores_held_out_samples(factors, mixed):
    order = np.random.default_rng(0).permutation(len(factors))
    fit, held_out = order[:400], order[400:]
    matrix = [
        [accuracy_of(code[fit], factor[fit], code[held_out], factor[held_out]) for factor in factors.T]
        for code in mixed.T
    ]
    score = sap(
        mixed[fit],
        factors[fit],
        [True] * 3,
        protocol="lib",
        test_codes=mixed[held_out],
        test_factors=factors[held_out],
    )
    assert score == pytest.approx(sap_of(matrix))
    in_sample = sap_of([[accuracy_of(code, factor) for factor in factors.T] for code in mixed.T])
    assert sap(mixed, factors, [True] * 3, protocol="lib") == pytest.approx(in_sample)
    assert sap(mixed, factors, [False] * 3) == pytest.approx(in_sample)


def test_a_perfect_code_of_dsprites_factors_is_near_0_23_by_machines_and_0_93_in_mixed_form():
    # Independent uniform ids of the five factors, 10,000 samples, codes linear in [-1, 1] or plain ids.
    random = np.random.default_rng(0)
    sizes = np.array([3, 6, 40, 32, 32])
    ids = random.integers(sizes, size=(10_000, 5))
    shape_is_categorical = [False] + [True] * 4
    assert sap(2 * ids / (sizes - 1) - 1, ids, shape_is_categorical) == pytest.approx(0.93, abs=0.01)
    assert sap(2 * ids / (sizes - 1) - 1, ids, [False] * 5) == pytest.approx(0.23, abs=0.02)


def test_refuses_flags_of_another_number(factors, mixed):
    with pytest.raises(InputError, match="one flag for each of 3 factors, but holds 2"):
        sap(mixed, factors, [True, True])
