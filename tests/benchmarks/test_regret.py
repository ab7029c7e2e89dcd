"""Regret over resampled pools: right where it can be calculated, with intervals that cover what they should."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from engine.selection import model_centrality, udr
from engine.selection.stability import udr_pairs
from regret import (
    RANDOM,
    centrality_selector,
    draw_pools,
    estimate,
    estimate_of_independent,
    rank_mean_selector,
    regrets,
    supervised_selector,
    udr_selector,
)


def test_a_pool_has_no_two_models_of_a_unit() -> None:
    units = np.array([0, 0, 0, 1, 1, 2, 3, 3, 4, 5])
    pools = draw_pools(units, 4, 2_000)
    assert all(len(set(units[pool])) == 4 for pool in pools)
    # Every unit is equally likely, however many models it has.
    shares = np.bincount(units[pools].ravel()) / len(pools)
    assert shares == pytest.approx(np.full(6, 4 / 6), abs=0.05)
    with pytest.raises(ValueError, match="a pool of 7 needs as many independent units, but there are 6"):
        draw_pools(units, 7, 1)


def test_the_rank_mean_is_that_of_the_ranks_within_each_pool() -> None:
    first, second = np.array([0.1, 0.9, 0.5, 0.2]), np.array([7.0, 7.0, 1.0, 9.0])
    ranks = rank_mean_selector(supervised_selector(first), supervised_selector(second))
    assert ranks(np.array([[0, 1, 2], [3, 2, 1]])).tolist() == [[1.75, 2.75, 1.5], [2.0, 1.5, 2.5]]


def test_the_selectors_pick_what_the_engine_picks() -> None:
    draws = np.random.default_rng(0)
    n = 12
    matrix = draws.random((n, n))
    codes = [draws.normal(size=(200, 3)) @ draws.normal(size=(3, 3)) for _ in range(n)]
    pools = draw_pools(np.arange(n), 5, 50)
    central = centrality_selector(matrix)(pools)
    ranked = udr_selector(udr_pairs(codes, None, "spearman"))(pools)
    for pool, by_centrality, by_udr in zip(pools, central, ranked, strict=True):
        assert by_centrality.argmax() == model_centrality(matrix[np.ix_(pool, pool)]).order[0]
        assert by_udr == pytest.approx(udr([codes[index] for index in pool], None, "spearman").scores)


def test_a_model_that_was_not_compared_is_picked_last_and_counts_for_nobody() -> None:
    matrix = np.array([[1.0, 0.5, np.nan, 0.9], [0.5, 1.0, np.nan, 0.4], [np.nan] * 4, [0.9, 0.4, np.nan, 1.0]])
    scores = centrality_selector(matrix)(np.array([[2, 3, 1, 0]]))
    assert scores[0] == pytest.approx([-np.inf, 1.3, 0.9, 1.4])


def test_pools_that_share_nothing_have_the_interval_of_a_mean() -> None:
    found = estimate_of_independent(np.array([[0.0], [0.1], [0.2]]))
    assert (found.mean[0], found.half_width[0]) == pytest.approx((0.1, 4.3027 * 0.1 / 3**0.5), abs=1e-4)


@pytest.mark.filterwarnings("error")
def test_one_pool_has_no_interval_and_resolves_nothing() -> None:
    found = estimate_of_independent(np.array([[0.3, 0.0]]))
    assert found.mean.tolist() == [0.3, 0.0]
    assert np.isnan(found.half_width).all()
    assert not found.resolved(7).any()


def test_many_comparisons_together_resolve_less_than_one() -> None:
    # Student's t with two degrees of freedom: 4.303 for one comparison, 7.649 for three.
    found = estimate_of_independent(np.array([[4.9, 8.4]]) + 3**0.5 * np.array([[-1], [0], [1]]))
    assert found.resolved(1).tolist() == [True, True]
    assert found.resolved(3).tolist() == [False, True]


def test_regret_is_what_the_pick_lacks_to_the_best() -> None:
    truth = np.array([[0.9, 0.1], [0.5, 0.2], [0.7, 0.3]])
    pools = np.array([[0, 1, 2], [2, 1, 0]])
    found = regrets({"first score": supervised_selector(truth[:, 0])}, truth, pools)
    assert found["first score"] == pytest.approx(np.array([[0.0, 0.2], [0.0, 0.2]]))
    assert found[RANDOM] == pytest.approx(np.array([[0.2, 0.1], [0.2, 0.1]]))


def test_intervals_cover_the_mean_over_all_models_that_there_could_be() -> None:
    """Models of a score uniform in [0, 1]; a blind selector's expected regret in pools of 5 is 5/6 - 1/2."""
    draws = np.random.default_rng(1)
    covered = 0
    for repeat in range(100):
        truth = draws.random((30, 1))
        units = np.arange(30)
        pools = draw_pools(units, 5, 2_000, seed=repeat)
        found = estimate(regrets({"blind": supervised_selector(draws.random(30))}, truth, pools)["blind"], units, pools)
        covered += bool(abs(found.mean[0] - (5 / 6 - 1 / 2)) < found.half_width[0])
    assert covered >= 88


def test_a_unit_that_is_in_every_pool_leaves_no_interval() -> None:
    units, pools = np.arange(3), np.array([[0, 1], [0, 2]])
    with pytest.raises(ValueError, match="a unit is in every pool"):
        estimate(np.zeros((2, 1)), units, pools)


def test_all_pools_and_drawn_pools_agree() -> None:
    draws = np.random.default_rng(2)
    truth, score = draws.random((8, 1)), draws.random(8)
    every = np.array(list(combinations(range(8), 3)))
    exact = regrets({"s": supervised_selector(score)}, truth, every)["s"].mean()
    drawn = regrets({"s": supervised_selector(score)}, truth, draw_pools(np.arange(8), 3, 20_000))["s"].mean()
    assert drawn == pytest.approx(exact, abs=0.01)
