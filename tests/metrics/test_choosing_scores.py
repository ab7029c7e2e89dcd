"""Which scores are computed, under which names, and that each is a number whatever the codes."""

import importlib
from typing import get_args

import numpy as np
import pytest

from engine.errors import InputError
from engine.metrics import EXTRA_SCORES, SAMPLE_SCORES, SCORES, dci, factor_vae, live_scale
from engine.metrics.scores import dci as dci_score
from engine.metrics.scores.dci import DCI, Regressor
from engine.metrics.scoring import EncodedSets, choose

from .conftest import NINE


def keys_of(chosen):
    return [key for _, keys in chosen.values() for key in keys]


def test_the_default_is_the_nine_keys_of_the_interface():
    assert keys_of(choose(None)) == NINE
    assert keys_of(choose(list(SCORES))) == NINE


def test_all_has_every_key_once_and_every_regressor_under_its_name():
    keys = keys_of(choose(["all"]))
    assert len(keys) == len(set(keys))
    assert keys[:9] == NINE
    for regressor in get_args(Regressor):
        for part in DCI._fields:
            assert f"dci_{regressor.replace('-', '_')}_{part}" in keys
    extra = "factor_vae_revised irs dhsic gaussian_total_correlation gaussian_wasserstein_correlation"
    for key in (*extra.split(), "gaussian_wasserstein_correlation_norm", "mutual_info_score"):
        assert key in keys
    assert not set(keys) & set(SAMPLE_SCORES)
    assert keys_of(choose(["mig", "all"])) == keys


def test_names_and_single_keys_in_the_order_of_the_registry():
    assert keys_of(choose(["dci_lasso", "mig", "dci_completeness"])) == [
        "dci_completeness",
        "mig",
        *(f"dci_lasso_{part}" for part in DCI._fields),
    ]
    assert keys_of(choose(["mutual_info_score"])) == ["mutual_info_score"]


def test_every_entry_of_the_registry_offers_what_it_says():
    for place in {**SCORES, **EXTRA_SCORES}.values():
        module, _, attribute = place.partition(":")
        entry = getattr(importlib.import_module(module), attribute or "SCORE")
        assert entry.keys
        assert entry.sets


def test_refuses_what_is_no_score_of_codes():
    with pytest.raises(InputError, match=r"unknown metric 'nmig': it is one of factor_vae, .*dhsic.*mode_kl, all$"):
        choose(["mig", "nmig"])
    with pytest.raises(InputError, match="no metric was asked for"):
        choose([])
    with pytest.raises(InputError, match="'mode_kl' judges the images of a model, not its codes"):
        choose(["mig", "mode_kl"])


@pytest.fixture(scope="module")
def encoded(factors, groups_of):
    """Encoded sets of a coder, as an evaluation hands them to scores."""

    def of(coder, protocol="paper"):
        groups, labels, _ = groups_of(coder, amount=60, size=10)
        codes = {"groups": groups, "pairs": groups, "scale": coder(factors), "labelled": coder(factors[:120])}
        known = {"groups": labels, "pairs": labels}
        ids = {"labelled": factors[:120]}
        if protocol == "lib":
            codes |= {"test_groups": groups, "test_pairs": groups, "test_labelled": coder(factors[120:180])}
            known |= {"test_groups": labels, "test_pairs": labels}
            ids |= {"test_labelled": factors[120:180]}
        values = {name: 0.5 * table.astype(float) ** 2 for name, table in ids.items()}
        return EncodedSets(protocol, (True, False, True), codes, known, ids, values)

    return of


CODERS = {
    "perfect": lambda rows: rows.astype(float),
    "permuted": lambda rows: rows[:, [2, 0, 1]].astype(float),
    "mirrored": lambda rows: -rows.astype(float),
    "noise": lambda rows: np.random.default_rng(0).standard_normal((len(rows), 3)),
    "dead": lambda rows: np.column_stack([rows, np.full(len(rows), 0.1)]),
    "all dead": lambda rows: np.full((len(rows), 3), 0.1),
    "duplicated": lambda rows: np.column_stack([rows, rows]).astype(float),
    "categorical": lambda rows: np.column_stack([rows[:, 0] == 0, rows[:, 1] > 2, rows[:, 2] == 1]).astype(float),
    "warped": lambda rows: np.exp(2.0 * rows),
    "single": lambda rows: rows[:, :1].astype(float),
}
SLOW = {"dci_random_forest", "dci_random_forest_ibgan", "dci_random_forest_cv", "dci_gradient_boosting", "dci_es"}
"""Tested on dead codes with the DCI scores."""


@pytest.mark.parametrize("coder", CODERS.values(), ids=CODERS)
def test_every_score_is_a_finite_number_whatever_the_codes(encoded, coder):
    sets = encoded(coder)
    for name, (entry, keys) in choose([*{**SCORES, **EXTRA_SCORES}.keys() - SLOW]).items():
        numbers = entry.compute(sets)
        assert list(numbers) == list(keys), name
        assert np.isfinite(list(numbers.values())).all(), name


def test_every_score_is_finite_on_held_out_sets_too(encoded):
    sets = encoded(CODERS["dead"], "lib")
    for entry, _ in choose([*{**SCORES, **EXTRA_SCORES}.keys() - SLOW - {"dci"}]).values():
        assert np.isfinite(list(entry.compute(sets).values())).all()


@pytest.mark.parametrize("regressor", get_args(Regressor))
def test_dci_gets_ids_for_boosted_trees_and_values_for_the_others(encoded, regressor, monkeypatch):
    monkeypatch.setattr(dci_score, "SEARCHED_DEPTHS", range(2, 4))
    sets = encoded(lambda rows: np.tanh(rows @ np.array([[1.0, 0.2], [0.3, -1.0], [0.5, 0.5]])))
    name = f"dci_{regressor.replace('-', '_')}"
    found = choose([name])[name][0].compute(sets)
    factors = sets.ids if regressor == "gradient-boosting" else sets.values
    expected = dci(sets.codes["labelled"], factors["labelled"], regressor)
    assert found == {f"{name}_{part}": value for part, value in expected._asdict().items()}


def test_the_revised_factor_vae_score_takes_as_many_codes_as_factors(encoded):
    def worn(rows):
        """Four codes of one factor each, two of them the same factor's but for noise, so that they share its votes."""
        noise = np.random.default_rng(int(rows.sum())).standard_normal((len(rows), 2))
        return np.column_stack([rows[:, 0:1] + 0.3 * noise, rows[:, 1:]])

    sets = encoded(worn)
    entry, _ = choose(["factor_vae_revised"])["factor_vae_revised"]
    arguments = (sets.codes["groups"], sets.labels["groups"], live_scale(sets.codes["scale"]))
    expected = factor_vae(*arguments, rows=3)
    assert expected < factor_vae(*arguments)
    assert entry.compute(sets) == {"factor_vae_revised": expected}


def test_dhsic_looks_at_five_thousand_images(encoded):
    random = np.random.default_rng(0)
    sets = encoded(CODERS["perfect"])
    many = np.vstack([random.standard_normal((5000, 2)), np.full((500, 2), 100.0)])
    sets = EncodedSets("paper", sets.continuous, {"scale": many}, {}, {}, {})
    entry, _ = choose(["dhsic"])["dhsic"]
    # The last 500 would make the codes as dependent as can be.
    assert entry.compute(sets)["dhsic"] < 0.001
