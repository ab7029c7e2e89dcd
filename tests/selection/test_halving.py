"""The medoid from part of the matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.errors import InputError
from engine.selection import model_centrality
from engine.selection.cross_scores import CrossScores, Pairs, cross_scores
from engine.selection.generated_set import VotingProtocol
from engine.selection.halving import FastMedoid, default_budget, fast_medoid, least_budget

PROTOCOL = VotingProtocol(votes=40, group_size=20, scale_samples=200)

Maker = Callable[..., Any]


def _fast(pool: list[Any], budget: int, **options: Any) -> tuple[FastMedoid, CrossScores]:
    pairs = Pairs(pool, PROTOCOL, **options)
    found = fast_medoid(pairs, len(pool), budget)
    assert found is not None
    return found, pairs.result()


@pytest.fixture
def pool(clean: Maker, turned: Maker) -> list[Any]:
    """Fifteen models, each turned a little further: the medoid is in the middle."""
    return [turned(0, 3.2 * step) for step in range(15)]


def test_the_pick_is_among_the_best_of_the_whole_matrix_within_the_budget(pool: list[Any]) -> None:
    whole = model_centrality(cross_scores(pool, PROTOCOL, similarity="margin").matrix)
    budget = 130
    found, scores = _fast(pool, budget, similarity="margin")
    compared = int(np.isfinite(scores.matrix).sum())
    assert compared <= budget < 225
    assert scores.evaluated == compared
    assert found.ranking.pick in whole.order[:3]


def test_one_of_the_models_that_agree_is_found_whatever_the_order(mixed: Maker, clean: Maker) -> None:
    pool = [replace(clean(0), name=f"same-{i}") for i in range(5)] + [mixed(i) for i in range(7)]
    budget = 110
    assert budget < 144
    whole = model_centrality(cross_scores(pool, PROTOCOL).matrix)
    found = [fast_medoid(Pairs(pool, PROTOCOL), len(pool), budget, seed=seed) for seed in range(10)]
    # A bad order of references costs one time in twenty (38 of 40 seeds).
    assert sum(each is not None and each.ranking.pick in whole.order[:5] for each in found) >= 8
    assert all(each is not None and 0 <= each.confidence <= 1 for each in found)


def test_identical_models_leave_no_confidence(mixed: Maker) -> None:
    pool = [replace(mixed(0), name=f"twin-{i}") for i in range(12)]
    found, _ = _fast(pool, least_budget(12))
    assert found.confidence < 0.5


def test_all_models_are_ranked_and_later_rounds_stand_above_earlier_ones(pool: list[Any]) -> None:
    found, scores = _fast(pool, 130, similarity="margin")
    assert sorted(found.ranking.order) == list(range(15))
    assert found.intervals.shape == (15, 2)
    assert (found.intervals[:, 0] <= found.ranking.scores + 1e-6).all()
    place = {index: at for at, index in enumerate(found.ranking.order)}
    for before, after in zip(found.rounds, found.rounds[1:], strict=False):
        left = set(before.survivors) - set(after.survivors)
        assert max(place[index] for index in after.survivors) < min(place[index] for index in left)
        assert set(before.references) < set(after.references)
    # Every survivor of a round has been compared, both ways, with each of its references.
    for this in found.rounds:
        for i in this.survivors:
            for j in set(this.references) - {i}:
                assert np.isfinite(scores.matrix[i, j])
                assert np.isfinite(scores.matrix[j, i])


def test_what_is_compared_does_not_depend_on_the_cache_and_repeats(pool: list[Any]) -> None:
    first, scores = _fast(pool, 130)
    again, others = _fast(pool, 130)
    np.testing.assert_array_equal(scores.matrix, others.matrix)
    assert first.confidence == again.confidence
    np.testing.assert_array_equal(first.ranking.order, again.ranking.order)


@pytest.mark.parametrize("n", [3, 7, 16, 40, 100, 333])
def test_the_usual_budget_is_far_below_the_whole_matrix_of_a_large_pool(n: int) -> None:
    assert least_budget(n) <= default_budget(n)
    assert default_budget(n) <= 4 * n * (np.log2(n) + 1)
    if n >= 100:
        assert default_budget(n) < 0.3 * n * n


def test_a_broken_model_is_left_out_and_the_rest_ranked(pool: list[Any]) -> None:
    class Broken(type(pool[0])):  # type: ignore[misc]
        def encode(self, x: Any) -> Any:
            return super().encode(x) / 0

    spoilt = [*pool[:4], Broken("broken", pool[4].basis), *pool[5:]]
    pairs = Pairs(spoilt, PROTOCOL)
    found = fast_medoid(pairs, 15, 130)
    assert found is not None
    assert list(pairs.excluded) == [4]
    assert found.included == [i for i in range(15) if i != 4]
    assert sorted(found.ranking.order) == list(range(14))


def test_a_pool_of_broken_models_has_no_medoid(pool: list[Any]) -> None:
    class Broken(type(pool[0])):  # type: ignore[misc]
        def decode(self, z: Any) -> Any:
            return super().decode(z) / 0

    broken = [Broken(f"broken-{i}", pool[0].basis) for i in range(8)]
    assert fast_medoid(Pairs(broken, PROTOCOL), 8, least_budget(8)) is None
    for whole in (1, 3):
        found = fast_medoid(Pairs([*broken, *pool[:whole]], PROTOCOL), 8 + whole, least_budget(8 + whole))
        assert found is not None
        assert sorted(found.included) == list(range(8, 8 + whole))


def test_a_budget_that_is_too_small_is_refused_with_what_would_do(pool: list[Any]) -> None:
    with pytest.raises(InputError, match="a budget of 20 pairs is too small for 15 models; give at least"):
        fast_medoid(Pairs(pool, PROTOCOL), 15, 20)
