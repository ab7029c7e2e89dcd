"""Intervals and probabilities by resampled votes, against what new votes really give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.selection import VOTING_PROTOCOLS, model_centrality, resampling
from engine.selection.chance import agreement, agreement_by_chance
from engine.selection.cross_scores import Comparison, CrossScores, cross_scores
from engine.selection.generated_set import VotingProtocol
from engine.selection.resampling import centrality_replicates, column_replicates
from engine.selection.similarity import Ballot
from engine.selection.uncertainty import Uncertainty, bootstrap, intervals_of

CODES = 4

Maker = Callable[..., Any]


def _voted(reliability: NDArray[np.float64], votes: int, seed: int, shared: bool = False) -> CrossScores:
    """A pool whose encoder i votes rightly on generator j's images with probability ``reliability[i, j]``.

    Args:
        reliability: float ``[n, n]``.
        votes: for each pair.
        seed: of the votes.
        shared: whether what is hard for one encoder is hard for all.
    """
    draws = np.random.default_rng(seed)
    n = len(reliability)
    labels = np.arange(votes) % CODES
    luck = draws.random((n, n, votes))
    if shared:
        luck = np.broadcast_to(luck[:1], luck.shape)
    wrong = (labels + draws.integers(1, CODES, (n, n, votes))) % CODES
    cast = np.where(luck < reliability[..., None], labels, wrong)
    nothing = np.zeros((CODES, CODES))
    comparisons = {
        (i, j): Comparison(Ballot(cast[i, j].astype(np.int16), np.ones(votes, np.float32)), nothing, nothing)
        for i in range(n)
        for j in range(n)
    }
    # With reliable votes each code's commonest factor is its own.
    matrix = (cast == labels).mean(axis=2)
    return CrossScores(matrix, matrix, {}, 0, comparisons, [labels] * n, "factor-vae", stratified=True)


def _judged(scores: CrossScores, **options: Any) -> Uncertainty:
    return bootstrap(scores, scores.included, model_centrality(scores.matrix), 0, **options)


def _reliability(levels: Sequence[float]) -> NDArray[np.float64]:
    return np.sqrt(np.outer(levels, levels))


def test_intervals_hold_the_true_centrality_as_often_as_they_say() -> None:
    reliability = _reliability((0.9, 0.85, 0.8, 0.75))
    truth = model_centrality(reliability).scores
    held = []
    for seed in range(80):
        intervals = _judged(_voted(reliability, 200, seed), replicates=300).intervals
        held.append((intervals[:, 0] <= truth) & (truth <= intervals[:, 1]))
    assert 0.91 <= np.mean(held) <= 0.985


def test_the_probability_of_the_medoid_is_how_often_new_votes_would_pick_it() -> None:
    reliability = _reliability((0.8, 0.79, 0.79, 0.6))
    picks = [model_centrality(_voted(reliability, 200, seed).matrix).pick for seed in range(400)]
    expected = np.bincount(picks, minlength=4) / 400
    found = np.mean(
        [_judged(_voted(reliability, 200, seed), replicates=300).medoid_probability for seed in range(40)], axis=0
    )
    np.testing.assert_allclose(found, expected, atol=0.12)
    assert found[3] < 0.01


def test_what_is_hard_for_all_encoders_does_not_blur_their_order() -> None:
    reliability = np.broadcast_to(np.array([[0.8], [0.78], [0.7]]), (3, 3))
    spread = []
    for shared in (False, True):
        found = column_replicates(_voted(reliability, 400, 1, shared), 2, [0, 1], seed=0)
        spread.append((found[:, 0] - found[:, 1]).std())
    assert spread[1] < spread[0] / 2


def test_a_long_lead_is_clear_and_a_short_one_says_what_would_settle_it() -> None:
    clear = _judged(_voted(_reliability((0.95, 0.7, 0.7, 0.7)), 200, 0))
    assert clear.clear
    assert clear.votes_to_settle is None
    assert clear.medoid_probability[0] > 0.99
    reliability = _reliability((0.8, 0.77, 0.7, 0.7))
    close = _judged(_voted(reliability, 100, 3))
    assert not close.clear
    assert close.votes_to_settle is not None
    assert close.votes_to_settle > 100


def test_the_votes_that_would_settle_it_follow_the_stated_rule() -> None:
    scores = _voted(_reliability((0.8, 0.78, 0.7, 0.7)), 100, 3)
    ranking = model_centrality(scores.matrix)
    first, second = ranking.order[:2]
    found = centrality_replicates(scores, scores.included, 0)
    error = (found[:, first] - found[:, second]).std()
    lead = ranking.scores[first] - ranking.scores[second]
    settled = _judged(scores).votes_to_settle
    assert settled == pytest.approx(100 * (1.96 * error / lead) ** 2, abs=1)


@pytest.mark.parametrize("name", VOTING_PROTOCOLS)
def test_other_sets_of_the_same_models_differ_as_the_replicates_say(name: str, turned: Maker) -> None:
    """Near 45 degrees votes are least sure. benchmarks/selection_cost.py does this with the full sizes."""
    pool = [turned(place, degrees) for place, degrees in enumerate((38, 40, 42, 44))]
    protocols = [VotingProtocol(name, votes=160, group_size=25, scale_samples=1024, seed=seed) for seed in range(24)]
    found = [cross_scores(pool, protocol) for protocol in protocols]
    levels = np.array([model_centrality(scores.matrix).scores for scores in found])
    replicates = [centrality_replicates(scores, scores.included, 0, 300) for scores in found]
    said = np.mean([one.var(axis=0) for one in replicates])
    assert 0.8 < np.sqrt(said / levels.var(axis=0, ddof=1).mean()) < 1.3
    intervals = np.array([intervals_of(one) for one in replicates])
    held = (intervals[..., 0] <= levels.mean(axis=0)) & (levels.mean(axis=0) <= intervals[..., 1])
    assert held.mean() >= 0.88


def test_neighbours_are_drawn_from_each_other_only_where_values_are_stratified() -> None:
    """Votes that depend on the value and on nothing else are no noise in a set that has all values."""
    votes = np.tile(np.repeat([0, 1], 20), CODES).astype(np.int16)
    labels = np.repeat(np.arange(CODES), 40)
    ballot = Ballot(votes, np.ones(len(votes), np.float32))
    comparison = Comparison(ballot, np.zeros((CODES, CODES)), np.zeros((CODES, CODES)))
    matrix = np.full((2, 2), ballot.score(labels, CODES, CODES))
    spread = []
    for stratified in (True, False):
        scores = CrossScores(matrix, matrix, {}, 0, {(1, 0): comparison}, [labels] * 2, "factor-vae", stratified)
        spread.append(column_replicates(scores, 0, [1], seed=0).std())
    assert spread[0] == 0.0
    assert spread[1] > 0.01


def test_replicates_have_the_scores_as_their_mean_and_shrink_with_votes() -> None:
    reliability = _reliability((0.9, 0.7, 0.6))
    spread = []
    for votes in (100, 1600):
        scores = _voted(reliability, votes, 5)
        found = column_replicates(scores, 0, [1, 2], seed=0)
        np.testing.assert_allclose(found.mean(axis=0), scores.matrix[1:, 0], atol=1e-5)
        spread.append(found.std(axis=0))
    np.testing.assert_allclose(spread[0] / spread[1], 4.0, rtol=0.25)


def test_the_seed_decides_and_encoders_beside_do_not() -> None:
    scores = _voted(_reliability((0.9, 0.8, 0.7)), 100, 0)
    alone, together = column_replicates(scores, 0, [1], 7), column_replicates(scores, 0, [1, 2], 7)
    np.testing.assert_allclose(alone[:, 0], together[:, 0], atol=1e-6)
    assert not np.array_equal(alone, column_replicates(scores, 0, [1], 8))


def test_encoders_that_never_vote_score_nothing_in_any_replicate() -> None:
    scores = _voted(_reliability((0.9, 0.8, 0.7)), 40, 0)
    silent = Ballot(np.full(40, -1, np.int16), np.ones(40, np.float32))
    nothing = np.zeros((CODES, CODES))
    scores.comparisons[2, 0] = Comparison(silent, nothing, nothing)
    scores.matrix[2, 0] = 0.0
    assert (column_replicates(scores, 0, [2], 0) == 0).all()


def test_batches_of_encoders_are_one_calculation(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = _voted(_reliability((0.9, 0.8, 0.7, 0.6, 0.5)), 60, 0)
    whole = column_replicates(scores, 0, [1, 2, 3, 4], seed=0)
    monkeypatch.setattr(resampling, "_ROWS", 2 * resampling.REPLICATES * CODES)
    np.testing.assert_allclose(column_replicates(scores, 0, [1, 2, 3, 4], seed=0), whole, atol=1e-6)


def test_agreement_corrects_for_what_models_lose_on_themselves() -> None:
    margins = np.array([[0.5, 0.4, 0.1], [0.4, 0.8, 0.2], [0.1, 0.2, 0.2]])
    own = np.sqrt([0.5 * 0.8, 0.5 * 0.2])
    assert agreement(margins, 0) == pytest.approx((0.4 / own[0] + 0.1 / own[1]) / 2)
    assert np.isnan(agreement([[0.5]], 0))
    assert agreement(np.zeros((2, 2)), 0) == 0.0


def test_chance_is_less_with_more_codes_and_certain_with_one() -> None:
    levels = [agreement_by_chance([k] * 8) for k in (1, 2, 4, 10)]
    assert levels[0] == 1.0
    assert levels == sorted(levels, reverse=True)
    assert levels[3] < 0.3
    assert np.isnan(agreement_by_chance([4]))
    assert 0 < agreement_by_chance([3, 5, 4, 5]) < 1


def test_chance_is_what_random_rotations_of_two_codes_give() -> None:
    """In a plane the margin of two bases at an angle a is |cos 2a|, whose distribution is known."""
    draws = np.random.default_rng(0)
    best = []
    for _ in range(4000):
        angles = draws.uniform(0, np.pi, 6)
        similarity = np.abs(np.cos(2 * (angles[:, None] - angles)))
        np.fill_diagonal(similarity, 0.0)
        best.append(similarity.sum(axis=1).max() / 5)
    assert agreement_by_chance([2] * 6) == pytest.approx(np.quantile(best, 0.95), abs=0.03)
