"""UDR against its definition and its known traps."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import ortho_group, spearmanr
from sklearn.linear_model import Lasso

from engine.errors import InputError
from engine.selection import udr

Codes = NDArray[np.float64]
KINDS: tuple[Literal["lasso"], Literal["spearman"]] = ("lasso", "spearman")


def _independent(n: int = 2000, d: int = 4, seed: int = 0) -> Codes:
    return np.random.default_rng(seed).uniform(-1, 1, size=(n, d))


def _by_definition(pool: list[Codes], kind: str) -> list[float]:
    """The score straight from its definition, for pools whose every code is informative."""

    def similarity(source: Codes, target: Codes) -> Codes:
        if kind == "spearman":
            return np.array([[abs(spearmanr(a, b).statistic) for b in target.T] for a in source.T])
        columns = [Lasso(alpha=0.1).fit(source, column).coef_ for column in target.T]
        return np.abs(np.array(columns)).T

    standardised = [(codes - codes.mean(0)) / codes.std(0) for codes in pool]
    scores = []
    for j, target in enumerate(standardised):
        values = []
        for i, source in enumerate(standardised):
            if i != j:
                r = similarity(source, target)
                with np.errstate(invalid="ignore"):
                    rows = np.nan_to_num(r.max(1) ** 2 / r.sum(1))
                    columns = np.nan_to_num(r.max(0) ** 2 / r.sum(0))
                values.append((rows.mean() + columns.mean()) / 2)
        scores.append(float(np.median(values)))
    return scores


@pytest.mark.parametrize("kind", KINDS)
def test_against_the_definition(kind: Literal["lasso", "spearman"]) -> None:
    base = _independent(n=300)
    pool = [base @ ortho_group.rvs(4, random_state=seed) for seed in range(3)] + [base, base[:, [2, 0, 3, 1]] ** 3]
    np.testing.assert_allclose(udr(pool, None, kind).scores, _by_definition(pool, kind), atol=1e-6)


def test_identical_models_reach_nine_tenths_under_lasso_and_almost_one_under_spearman() -> None:
    pool = [_independent()] * 3
    np.testing.assert_allclose(udr(pool, None, "lasso").scores, 0.9, atol=0.03)
    # Chance correlations of independent codes, about 1 / sqrt(n), take a little from each relative strength.
    assert (udr(pool, None, "spearman").scores > 0.93).all()
    assert list(udr(pool, None, "lasso").order) == [0, 1, 2]


@pytest.mark.parametrize("kind", KINDS)
def test_a_permuted_mirrored_warped_model_beats_a_mixed_one(kind: Literal["lasso", "spearman"]) -> None:
    base = _independent()
    clean = [base, -base[:, ::-1], np.tanh(2 * base[:, [1, 0, 3, 2]]), base * [1, -1, 5, 0.1]]
    mixed = [base @ ortho_group.rvs(4, random_state=seed) for seed in (1, 2)]
    assert set(udr([*mixed, *clean], None, kind).order[:4]) == {2, 3, 4, 5}


@pytest.mark.parametrize("kind", KINDS)
def test_the_scale_of_codes_does_not_matter(kind: Literal["lasso", "spearman"]) -> None:
    base = _independent(n=500)
    pool = [base, base @ ortho_group.rvs(4, random_state=3)]
    scaled = [pool[0] * [1e-3, 1, 10, 1e4] + 7, pool[1]]
    np.testing.assert_allclose(udr(pool, None, kind).scores, udr(scaled, None, kind).scores, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_codes_without_information_take_no_part(kind: Literal["lasso", "spearman"]) -> None:
    base = _independent()
    chatter = _independent(seed=9)
    padded = [np.hstack([base, chatter[:, :2]]), np.hstack([base[:, ::-1], chatter[:, 2:]])]
    kl = [[1.0, 1.0, 1.0, 1.0, 0.01, 0.0]] * 2
    expected = udr([base, base[:, ::-1]], None, kind).scores
    np.testing.assert_allclose(udr(padded, kl, kind).scores, expected)
    assert (udr(padded, None, kind).scores < expected - 0.1).all()


@pytest.mark.parametrize("kind", KINDS)
def test_constant_codes_take_no_part(kind: Literal["lasso", "spearman"]) -> None:
    base = _independent()
    nearly = np.float32(0.3) + 1e-8 * _independent(d=1, seed=5)
    padded = [np.hstack([base, np.full((len(base), 1), 3.0)]), np.hstack([nearly, base])]
    np.testing.assert_allclose(udr(padded, None, kind).scores, udr([base, base], None, kind).scores)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_without_information_scores_zero_and_is_last(kind: Literal["lasso", "spearman"]) -> None:
    base = _independent()
    ranking = udr([np.zeros_like(base), base, base, base], None, kind)
    assert ranking.scores[0] == 0
    assert list(ranking.order) == [1, 2, 3, 0]


def test_models_may_differ_in_their_number_of_codes() -> None:
    base = _independent()
    assert np.isfinite(udr([base, base[:, :2], base[:, :1]], None, "lasso").scores).all()


def test_a_pool_of_one_and_of_two() -> None:
    base = _independent()
    assert udr([base], None).pick == 0
    assert np.isnan(udr([base], None).scores).all()
    assert np.isfinite(udr([base, base], None).scores).all()


def test_bad_input_is_named() -> None:
    base = _independent(n=50)
    broken = base.copy()
    broken[3, 1] = np.nan
    with pytest.raises(InputError, match="at least one model"):
        udr([], None)
    with pytest.raises(InputError, match="model 1 are not all finite"):
        udr([base, broken], None)
    with pytest.raises(InputError, match="model 1 has codes of 40 images, model 0 of 50"):
        udr([base, base[:40]], None)
    with pytest.raises(InputError, match="model 0 have shape"):
        udr([base[:, 0]], None)
    with pytest.raises(InputError, match="KL of 1 models but the codes of 2"):
        udr([base, base], [[1.0] * 4])
    with pytest.raises(InputError, match="KL of model 1 has shape"):
        udr([base, base], [[1.0] * 4, [1.0] * 3])
    with pytest.raises(InputError, match="'pearson'"):
        udr([base], None, "pearson")  # type: ignore[arg-type]
