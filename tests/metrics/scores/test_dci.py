from typing import get_args

import numpy as np
import pytest
import scipy.stats
from sklearn.ensemble import GradientBoostingClassifier, RandomForestRegressor
from sklearn.linear_model import LassoCV

from engine.errors import InputError
from engine.metrics import dci
from engine.metrics.scores import dci as dci_score
from engine.metrics.scores.dci import Regressor


def standard(values):
    return (values - values.mean(axis=0)) / values.std(axis=0)


def lasso_by_proximal_gradient(x, y, alpha=0.02, steps=3000):
    """Minimise |y - xw|^2 / 2n + alpha |w|_1 by soft thresholding."""
    weights = np.zeros(x.shape[1])
    rate = len(x) / np.linalg.norm(x, 2) ** 2
    for _ in range(steps):
        moved = weights + rate * x.T @ (y - x @ weights) / len(x)
        weights = np.sign(moved) * np.maximum(np.abs(moved) - rate * alpha, 0)
    return weights


def paper_of(importance):
    """The authors' entropies, small constants included."""

    def scores(rows):
        found = []
        for row in rows:
            p = row / row.sum()
            found.append(1 + p @ np.log(p + 1e-12) / np.log(len(p) + 1e-12))
        return np.array(found)

    weights = importance.sum(axis=1) / importance.sum()
    return scores(importance) @ weights, scores(importance.T).mean()


def lib_of(importance):
    """disentanglement_lib's entropies, small constants included."""
    d, k = importance.shape
    by_code = 1 - scipy.stats.entropy(importance.T + 1e-11, base=k)
    by_factor = 1 - scipy.stats.entropy(importance + 1e-11, base=d)
    total = importance.sum()
    return by_code @ importance.sum(axis=1) / total, by_factor @ importance.sum(axis=0) / total


def test_lasso_equals_the_formula(factors, mixed):
    x, y = standard(mixed), standard(factors)
    weights = np.stack([lasso_by_proximal_gradient(x, target) for target in y.T], axis=1)
    result = dci(mixed, factors)
    assert result[:2] == pytest.approx(paper_of(np.abs(weights)), abs=1e-3)
    assert result.informativeness == pytest.approx(1 - np.mean((y - x @ weights) ** 2), abs=1e-4)
    under_lib = dci(mixed, factors, "lasso", protocol="lib")
    assert under_lib[:2] == pytest.approx(lib_of(np.abs(weights)), abs=1e-3)
    assert abs(under_lib.completeness - result.completeness) > 1e-3


@pytest.mark.parametrize("regressor", ["lasso", "lasso-cv", "random-forest"])
def test_perfect_codes_and_their_symmetries(factors, perfect, regressor):
    extra = {"depths": [4, 4, 4]} if regressor == "random-forest" else {}
    for codes in (perfect, -3 * perfect[:, [1, 2, 0]] + 5):
        result = dci(codes, factors, regressor, **extra)
        assert result[:2] == pytest.approx((1.0, 1.0), abs=1e-3)
        assert result.informativeness > 0.99


def test_lasso_shrinks_the_coefficient_of_a_perfect_code_by_alpha(factors, perfect):
    assert dci(perfect, factors).informativeness == pytest.approx(1 - 0.02**2)


def test_rotation_by_45_degrees_has_a_known_answer(factors, perfect, rotate):
    # Codes 0 and 1 share factors 0 and 1 evenly: entropy log 2 of log 3, importance 2 x 2 (sqrt(1/2) - 0.02) of all.
    part = 2 * 2 * (np.sqrt(0.5) - 0.02)
    shared = 1 - np.log(2) / np.log(3)
    result = dci(rotate(perfect), factors)
    assert result.disentanglement == pytest.approx((part * shared + 0.98) / (part + 0.98))
    assert result.completeness == pytest.approx((2 * shared + 1) / 3)


def test_a_duplicated_code_costs_completeness_only(factors, perfect):
    # Equal codes share a factor's importance or one takes it all: disentanglement is 1 either way.
    doubled = np.column_stack([perfect, perfect])
    assert dci(doubled, factors).disentanglement == pytest.approx(1.0)
    forest = dci(doubled, factors, "random-forest", depths=[3, 3, 3])
    assert forest.disentanglement == pytest.approx(1.0, abs=1e-6)
    assert forest.completeness < 0.9


def test_dead_codes_have_no_weight(factors, mixed):
    with_dead = np.column_stack([mixed, np.full(len(mixed), 0.1)])
    for regressor in ("lasso", "lasso-cv"):
        plain, result = dci(mixed, factors, regressor), dci(with_dead, factors, regressor)
        assert result.disentanglement == pytest.approx(plain.disentanglement)
        assert result.informativeness == pytest.approx(plain.informativeness)
        # One more code to be incomplete over: entropies are in base 5 instead of 4.
        assert 1 - result.completeness == pytest.approx((1 - plain.completeness) * np.log(4) / np.log(5))


def test_unused_codes_and_unpredicted_factors_give_numbers(factors, perfect):
    # The third factor is in no code, the second code is noise that the lasso drops.
    noise = np.random.default_rng(0).permutation(perfect[:, 2])
    result = dci(np.column_stack([perfect[:, 0], noise, perfect[:, 1]]), factors)
    assert result.disentanglement > 0.7
    assert 0.6 < result.completeness <= 1.0
    alone = dci(np.column_stack([perfect[:, 0], np.zeros(len(perfect))]), factors)
    assert alone == pytest.approx((1.0, 1 / 3, (1 - 0.02**2) / 3))


@pytest.mark.parametrize("regressor", get_args(Regressor))
@pytest.mark.parametrize("protocol", ["paper", "lib"])
def test_dead_codes_only(factors, regressor, protocol):
    result = dci(np.full((len(factors), 2), 0.1), factors, regressor, protocol=protocol)
    chance = np.mean([1 / 4, 1 / 5, 1 / 3]) if regressor == "gradient-boosting" else 0.0
    assert result == pytest.approx((0.0, 0.0, chance), abs=1e-12)


def test_lasso_cv_has_three_folds(factors, mixed):
    x, y = standard(mixed), standard(factors)
    weights = np.stack([LassoCV(cv=3).fit(x, target).coef_ for target in y.T], axis=1)
    assert dci(mixed, factors, "lasso-cv")[:2] == pytest.approx(paper_of(np.abs(weights) + 1e-300), abs=1e-9)


def five_factors_and_codes():
    random = np.random.default_rng(0)
    factors = random.integers(6, size=(300, 5))
    return factors, factors @ random.standard_normal((5, 5))


def importance_of_forests(x, y, depths):
    forests = [RandomForestRegressor(n_estimators=10, max_depth=depth, random_state=0) for depth in depths]
    return np.stack(
        [forest.fit(x, target).feature_importances_ for forest, target in zip(forests, y.T, strict=True)], axis=1
    )


@pytest.mark.parametrize(
    ("regressor", "depths"), [("random-forest", (4, 5, 2, 5, 5)), ("random-forest-ibgan", (4, 2, 4, 2, 2))]
)
def test_forests_have_ten_trees_and_the_authors_depths_for_five_factors(regressor, depths):
    factors, codes = five_factors_and_codes()
    expected = paper_of(importance_of_forests(standard(codes), standard(factors), depths))
    # Which of two equally good splits is taken hangs on rounding, hence the tolerance.
    assert dci(codes, factors, regressor)[:2] == pytest.approx(expected, abs=1e-3)
    assert dci(codes, factors, "random-forest", depths=depths)[:2] == pytest.approx(expected, abs=1e-3)
    assert dci(codes, factors, "random-forest", depths=[2] * 5)[:2] != pytest.approx(expected, abs=1e-2)


def test_the_searched_forest_takes_the_depth_that_predicts_best(monkeypatch):
    assert list(dci_score.SEARCHED_DEPTHS) == [*range(2, 16)]
    monkeypatch.setattr(dci_score, "SEARCHED_DEPTHS", range(2, 6))
    factors, codes = five_factors_and_codes()
    few = slice(0, 90)
    x, y = standard(codes[few]), standard(factors[few])[:, :2]
    thirds = np.array_split(np.arange(90), 3)
    chosen = []
    for target in y.T:
        means = []
        for depth in range(2, 6):
            scores = []
            for held_out in thirds:
                kept = np.setdiff1d(np.arange(90), held_out)
                forest = RandomForestRegressor(n_estimators=10, max_depth=depth, random_state=0)
                scores.append(forest.fit(x[kept], target[kept]).score(x[held_out], target[held_out]))
            means.append(np.mean(scores))
        chosen.append(2 + int(np.argmax(means)))
    expected = paper_of(importance_of_forests(x, y, chosen))
    assert expected != pytest.approx(paper_of(importance_of_forests(x, y, [2, 2])), abs=1e-2)
    # Two factors: the authors' lists for five do not apply.
    for regressor in ("random-forest", "random-forest-ibgan", "random-forest-cv"):
        assert dci(codes[few], factors[few][:, :2], regressor)[:2] == pytest.approx(expected, abs=1e-3)


def test_depth_is_searched_for_another_number_of_factors(factors, perfect):
    # Five values need a depth of 3: a forest of any smaller depth could not be this informative.
    some = slice(0, 60)
    assert dci(perfect[some], factors[some][:, [1]], "random-forest").informativeness > 0.999
    assert dci(perfect[some], factors[some][:, [1]], "random-forest", depths=[2]).informativeness < 0.999


def test_lib_is_boosted_trees_on_ids_with_held_out_accuracy(factors, mixed):
    order = np.random.default_rng(0).permutation(len(factors))
    fit, held_out = order[:100], order[100:]
    ids = factors[:, [0, 2]]
    importance, accuracies = [], []
    for j in range(2):
        model = GradientBoostingClassifier(random_state=0).fit(mixed[fit], ids[fit, j])
        importance.append(model.feature_importances_)
        accuracies.append(np.mean(model.predict(mixed[held_out]) == ids[held_out, j]))
    result = dci(
        mixed[fit],
        ids[fit],
        protocol="lib",
        test_codes=mixed[held_out],
        test_factors=ids[held_out],
    )
    assert result[:2] == pytest.approx(lib_of(np.stack(importance, axis=1)))
    assert result.informativeness == pytest.approx(np.mean(accuracies))


def test_a_single_code_is_complete(factors, perfect):
    assert dci(perfect[:, :1], factors[:, :1])[:2] == (1.0, 1.0)


def test_refuses_what_it_does_not_know(factors, mixed):
    with pytest.raises(InputError, match="unknown regressor 'ridge'"):
        dci(mixed, factors, "ridge")
    with pytest.raises(InputError, match="depths must hold one number for each of 3 factors, but holds 2"):
        dci(mixed, factors, "random-forest", depths=[2, 3])
    with pytest.raises(InputError, match="depths are for the random-forest regressor"):
        dci(mixed, factors, "lasso", depths=[2, 3, 4])
    with pytest.raises(InputError, match="factors must be integer ids"):
        dci(mixed, factors + 0.5, "gradient-boosting")
    with pytest.raises(InputError, match="held-out data need protocol 'lib'"):
        dci(mixed, factors, test_codes=mixed, test_factors=factors)
