"""DCI-ES: the area under the loss-capacity curve."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor

from engine.errors import InputError
from engine.metrics import dci_es
from engine.metrics.scores.dci_es import _explicitness

FEW = {"depths": (1, 2, 4, 8), "trees": 5}


def test_the_area_of_curves_that_are_known():
    flat, even = np.full(4, 0.2), np.array([1.0, 2 / 3, 1 / 3, 0.0])
    assert _explicitness(flat[None], (1, 2, 3, 4)) == 1
    assert _explicitness(even[None], (1, 2, 3, 4)) == pytest.approx(0)
    assert _explicitness(np.stack([flat, even]), (1, 2, 3, 4)) == pytest.approx(0.5)
    late = np.array([0.9, 0.9, 0.1])
    # By hand: 0.8 over the first 2, a triangle of 0.8 x 5 / 2 over the other 5, of 7 in all.
    assert _explicitness(late[None], (1, 3, 8)) == pytest.approx(1 - 2 * (1.6 + 2.0) / 7)


def test_against_forests_fitted_here(factors, mixed):
    order = np.random.default_rng(0).permutation(len(factors))
    codes, values = mixed[order], factors[order].astype(float)
    fitted, held_out = np.arange(len(codes)) % 3 != 2, np.arange(len(codes)) % 3 == 2
    centre, scale = codes[fitted].mean(axis=0), codes[fitted].std(axis=0)
    expected = []
    for factor in values.T:
        losses = []
        for depth in FEW["depths"]:
            forest = RandomForestRegressor(FEW["trees"], max_depth=depth, random_state=0)
            forest.fit((codes[fitted] - centre) / scale, factor[fitted])
            guess = forest.predict((codes[held_out] - centre) / scale)
            losses.append(np.mean((guess - factor[held_out]) ** 2) / factor[held_out].var())
        losses = [min(losses[: i + 1]) for i in range(4)]
        area = sum(
            (b - a) * (x + y - 2 * losses[-1]) / 2
            for a, b, x, y in zip(FEW["depths"], FEW["depths"][1:], losses, losses[1:], strict=False)
        )
        expected.append(1 - 2 * area / 7)
    found = dci_es(codes, values, **FEW)
    assert found.explicitness == pytest.approx(np.mean(expected), abs=1e-9)
    assert found.size == 3 / 4


def test_a_code_that_needs_no_depth_is_more_explicit_than_a_mixed_one(factors, perfect):
    dice = np.random.default_rng(0)
    order = dice.permutation(len(factors))
    mixing = np.linalg.qr(dice.standard_normal((3, 3)))[0]
    straight, turned = (dci_es(codes[order], factors[order], **FEW) for codes in (perfect, perfect @ mixing))
    assert straight.explicitness > turned.explicitness + 0.05
    assert straight.size == 1


def test_held_out_samples_are_taken_where_they_are_given(factors, perfect):
    given = dci_es(perfect, factors, test_codes=perfect, test_factors=factors, **FEW)
    assert 0 < given.explicitness <= 1


def test_dead_codes_predict_nothing_and_give_a_number(factors):
    found = dci_es(np.ones((len(factors), 2)), factors, **FEW)
    assert found == (pytest.approx(1), 1.5), "a flat curve"


def test_what_makes_no_sense_is_refused(factors, perfect):
    for depths in ((3,), (2, 2), (0, 4)):
        with pytest.raises(InputError, match="ascend"):
            dci_es(perfect, factors, depths=depths)
