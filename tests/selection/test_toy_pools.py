"""Pools with a known answer: the right pick, or an honest "cannot tell"; and where the method itself errs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.metrics.independent_components import independent_components
from engine.selection import SIMILARITIES, model_centrality, udr
from engine.selection.cross_scores import CrossScores, cross_scores
from engine.selection.generated_set import VotingProtocol
from engine.selection.pair_cache import PairCache
from engine.selection.uncertainty import Consensus, Uncertainty, bootstrap, consensus

PROTOCOL = VotingProtocol(votes=80, group_size=25, scale_samples=512)
LARGER = VotingProtocol(votes=160, group_size=50, scale_samples=512)

Maker = Callable[..., Any]


def _judged(
    pool: Sequence[Any], protocol: VotingProtocol = PROTOCOL, **options: Any
) -> tuple[CrossScores, int, Uncertainty, Consensus]:
    scores = cross_scores(pool, protocol, **options)
    ranking = model_centrality(scores.matrix)
    uncertainty = bootstrap(scores, scores.included, ranking, 0)
    return scores, ranking.pick, uncertainty, consensus(scores, scores.included, ranking.pick)


@pytest.fixture
def cache(tmp_path: Path) -> PairCache:
    return PairCache(tmp_path / "cache")


def test_five_that_agree_win_against_three_mixed_in_planes_of_their_own(
    clean: Maker, turned: Maker, cache: PairCache
) -> None:
    pool = [*(turned(i, 45) for i in range(3)), *(clean(i) for i in range(5))]
    for similarity in SIMILARITIES:
        scores = cross_scores(pool, PROTOCOL, similarity=similarity, cache=cache)
        ranking = model_centrality(scores.matrix)
        assert set(ranking.order[:5]) == {3, 4, 5, 6, 7}
        assert consensus(scores, scores.included, ranking.pick).present


@pytest.mark.parametrize("similarity", ["margin", "sap"])
def test_graded_mixing_in_one_plane_is_ranked_from_the_middle_outwards(turned: Maker, similarity: str) -> None:
    """A medoid is a centre: nothing in such a pool says which of its ends is the right one."""
    pool = [turned(0, degrees) for degrees in (0, 11.25, 22.5, 33.75, 45)]
    ranking = model_centrality(cross_scores(pool, PROTOCOL, similarity=similarity).matrix)
    assert ranking.order[0] == 2
    assert set(ranking.order[3:]) == {0, 4}


def test_votes_of_equal_weight_are_blind_to_less_than_45_degrees(turned: Maker) -> None:
    pool = [turned(0, degrees) for degrees in (0, 10, 20)]
    np.testing.assert_allclose(cross_scores(pool, PROTOCOL).matrix, 1.0)
    margins = cross_scores(pool, PROTOCOL, similarity="margin").matrix
    assert margins[0, 0] > margins[0, 1] + 0.02 > margins[0, 2] + 0.1


def test_the_margin_of_two_models_is_the_cosine_of_twice_the_angle(turned: Maker) -> None:
    protocol = VotingProtocol(votes=200, group_size=400, scale_samples=2048)
    for degrees in (0, 15, 30):
        margins = cross_scores([turned(0, 0), turned(0, degrees)], protocol, similarity="margin").matrix
        assert margins[0, 1] == pytest.approx(np.cos(np.radians(2 * degrees)), abs=0.08)


def test_with_five_of_eight_on_one_wrong_basis_the_majority_wins(clean: Maker, mixed: Maker, cache: PairCache) -> None:
    """Where the method itself errs: it asks for agreement, and a shared mistake is agreement."""
    wrong = [replace(mixed(0), name=f"wrong-{i}") for i in range(5)]
    pool = [*(clean(i) for i in range(3)), *wrong]
    for similarity in SIMILARITIES:
        assert model_centrality(cross_scores(pool, PROTOCOL, similarity=similarity, cache=cache).matrix).pick >= 3


def test_independent_components_are_not_fooled_by_a_shared_mistake(clean: Maker, mixed: Maker) -> None:
    """With five of eight on one wrong basis the components say which models are right, and mend those that are not."""
    pool = [*(clean(i) for i in range(3)), *(replace(mixed(0), name=f"wrong-{i}") for i in range(5))]
    world = torch.rand((2000, 6), generator=torch.Generator().manual_seed(0)) * 2 - 1
    found = [independent_components(codes, spread=3**-0.5) for codes in _codes(pool, world)]
    assert not any(each.doubt for each in found)
    assert min(each.agreement for each in found[:3]) > 0.99
    assert max(each.agreement for each in found[3:]) < 0.9

    turned = [
        replace(
            model, name=f"{model.name} turned", warp=1, basis=model.basis @ torch.from_numpy(each.unmixing).float().T
        )
        for model, each in zip(pool, found, strict=True)
    ]
    _, pick, _, agreed = _judged(turned)
    assert turned[pick].basis.abs().max(dim=0).values.min() > 0.97, "each component is one factor"
    assert agreed.present


def test_of_normal_factors_components_cannot_be_known(clean: Maker, mixed: Maker) -> None:
    world = torch.randn((2000, 6), generator=torch.Generator().manual_seed(0)) / 3**0.5
    for codes in _codes([clean(0), mixed(0)], world):
        assert "cannot know" in (independent_components(codes).doubt or "")


def _codes(pool: Sequence[Any], world: torch.Tensor) -> list[np.ndarray]:
    """Each model's codes of the same images: those of a world of four factors and two of noise, ``[n, 6]``."""
    teller = replace(pool[0], basis=torch.eye(4), warp=1)
    images = teller.decode(world)
    return [model.encode(images).double().numpy() for model in pool]


def test_what_equal_votes_cannot_see_is_called_a_tie_and_seen_by_others(
    clean: Maker, turned: Maker, cache: PairCache
) -> None:
    pool = [*(turned(0, degrees) for degrees in (20, 50, 52, 54)), *(clean(i) for i in range(5))]
    scores, _, uncertainty, _ = _judged(pool, LARGER, cache=cache)
    np.testing.assert_allclose(scores.matrix, 1.0, atol=0.02)
    assert not uncertainty.clear
    for similarity in ("mig", "sap", "margin"):
        assert model_centrality(cross_scores(pool, LARGER, similarity=similarity, cache=cache).matrix).pick >= 4
    images = clean(0).decode(clean(0).codes.sample(2000, torch.Generator().manual_seed(0)))
    for kind in ("lasso", "spearman"):
        assert udr([model.encode(images).numpy() for model in pool], None, kind).pick >= 4


@pytest.mark.parametrize("similarity", ["factor-vae", "margin"])
def test_identical_models_cannot_be_told_apart(mixed: Maker, similarity: str) -> None:
    scores, _, uncertainty, agreed = _judged([mixed(0)] * 4, similarity=similarity)
    assert (scores.matrix == scores.matrix[0, 0]).all()
    assert not uncertainty.clear
    assert uncertainty.votes_to_settle is None
    np.testing.assert_allclose(uncertainty.medoid_probability, 0.25, atol=0.05)
    assert agreed.agreement == pytest.approx(1.0)


@pytest.mark.parametrize("first", [0, 20, 40, 60, 80])
def test_models_with_nothing_in_common_have_no_consensus(mixed: Maker, first: int) -> None:
    *_, agreed = _judged([mixed(first + i) for i in range(8)])
    assert not agreed.present


def test_a_pool_that_has_a_consensus_is_told_from_one_that_has_none(clean: Maker, mixed: Maker) -> None:
    pool = [*(clean(i) for i in range(5)), *(mixed(i) for i in range(3))]
    *_, agreed = _judged(pool)
    assert agreed.present


@pytest.mark.parametrize("n", [2, 3])
def test_clean_models_only_tie(clean: Maker, n: int) -> None:
    _, pick, uncertainty, _ = _judged([clean(i) for i in range(n)])
    assert pick == 0
    assert not uncertainty.clear
    np.testing.assert_allclose(uncertainty.intervals, 1.0)
    np.testing.assert_allclose(uncertainty.medoid_probability, 1 / n)


def test_two_models_tie_however_they_differ(clean: Maker, mixed: Maker) -> None:
    _, pick, uncertainty, _ = _judged([clean(0), mixed(3)])
    assert pick == 0
    assert not uncertainty.clear
    assert uncertainty.votes_to_settle is None


@pytest.mark.parametrize("part", ["dead", "unused"])
def test_a_dead_code_costs_a_model_its_rank_and_nothing_else(clean: Maker, cache: PairCache, part: str) -> None:
    spoilt = replace(clean(1), name="spoilt", **{part: (2,)})
    for similarity in SIMILARITIES:
        scores = cross_scores([spoilt, clean(0), clean(5), clean(2)], PROTOCOL, similarity=similarity, cache=cache)
        assert np.isfinite(scores.matrix).all()
        assert not scores.excluded
        assert model_centrality(scores.matrix).order[-1] == 0
