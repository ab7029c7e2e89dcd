"""What all scores refuse, and in which words; and that asking for them by name costs nothing."""

import subprocess
import sys

import numpy as np
import pytest

import engine.metrics
from engine.errors import InputError
from engine.metrics import beta_vae, dci, explicitness, factor_vae, mig, modularity, sap

BY_CODES = {
    "mig": mig,
    "modularity": modularity,
    "explicitness": explicitness,
    "sap": lambda codes, factors, **options: sap(codes, factors, [True] * 3, **options),
    "dci": dci,
}
BY_GROUPS = {
    "factor_vae": lambda groups, labels, **options: factor_vae(groups, labels, np.ones(2), **options),
    "beta_vae": beta_vae,
}


def broken(array, value):
    changed = np.array(array, dtype=float)
    changed[5, 1] = value
    return changed


@pytest.mark.parametrize("score", BY_CODES.values(), ids=BY_CODES)
class TestScoresOfCodes:
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_codes_that_are_not_finite(self, score, factors, mixed, value):
        with pytest.raises(InputError, match="codes must be finite, but dimension 1 holds NaN or infinity"):
            score(broken(mixed, value), factors)

    def test_factors_that_are_not_finite(self, score, factors, mixed):
        with pytest.raises(InputError, match="factors must be finite, but dimension 1"):
            score(mixed, broken(factors, np.nan))

    def test_shapes_and_lengths(self, score, factors, mixed):
        with pytest.raises(InputError, match=r"codes must be an array \[samples, dimensions\]"):
            score(mixed[:, 0], factors)
        with pytest.raises(InputError, match="samples >= 2"):
            score(mixed[:1], factors[:1])
        with pytest.raises(InputError, match=r"factors must be an array \[samples, factors\]"):
            score(mixed, factors[:, 0])
        with pytest.raises(InputError, match="factors have 599 rows for 600 codes"):
            score(mixed, factors[:-1])

    def test_constant_factor(self, score, factors, mixed):
        with pytest.raises(InputError, match="column 0 of factors is the same in all 600 samples"):
            score(mixed, factors * [0, 1, 1])

    def test_no_numbers(self, score, factors, mixed):
        with pytest.raises(InputError, match="codes must be an array of real numbers"):
            score([["a", "b"]] * 600, factors)

    def test_unknown_protocol(self, score, factors, mixed):
        with pytest.raises(InputError, match="unknown protocol 'papers': it is 'paper' or 'lib'"):
            score(mixed, factors, protocol="papers")


@pytest.mark.parametrize("score", BY_GROUPS.values(), ids=BY_GROUPS)
class TestScoresOfGroups:
    def test_bad_groups_and_labels(self, score):
        groups = np.random.default_rng(0).standard_normal((4, 6, 2))
        with pytest.raises(InputError, match="groups must be finite, but dimension 1"):
            score(np.where(np.arange(2) == 1, np.nan, groups), [0, 1, 0, 1])
        with pytest.raises(InputError, match="labels must hold one factor for each of 4 groups"):
            score(groups, [0, 1])
        with pytest.raises(InputError, match="labels must be integer ids"):
            score(groups, [0, 1, 0.5, 1])
        with pytest.raises(InputError, match=r"groups must be an array \[groups, samples, dimensions\]"):
            score(groups[0], [0, 1, 0, 1])
        with pytest.raises(InputError, match="unknown protocol"):
            score(groups, [0, 1, 0, 1], protocol="disentanglement_lib")


@pytest.mark.parametrize("score", [mig, modularity, explicitness])
def test_scores_of_ids_ask_for_binning(score, factors, mixed):
    with pytest.raises(InputError, match="factors must be integer ids: bin continuous values first"):
        score(mixed, factors + 0.5)


@pytest.mark.parametrize("score", [mig, modularity])
def test_one_bin_is_too_few(score, factors, mixed):
    with pytest.raises(InputError, match="bins is 1"):
        score(mixed, factors, 1)


def test_names_are_functions_even_after_their_modules_were_imported():
    for name in engine.metrics.__all__:
        assert not isinstance(getattr(engine.metrics, name), type(engine)), name
    with pytest.raises(AttributeError, match="no attribute 'nmig'"):
        _ = engine.metrics.nmig


def test_importing_the_room_imports_neither_numpy_nor_scikit_learn_nor_torch():
    code = (
        "import sys, engine.metrics\n"
        "assert not {'numpy', 'sklearn', 'scipy', 'torch'} & set(sys.modules)\n"
        "from engine.metrics import mig, dci, score\n"
        "assert not {'sklearn', 'scipy', 'torch'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
