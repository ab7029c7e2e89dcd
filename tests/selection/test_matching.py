"""Which code is which: against permutations and signs that are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.errors import InputError
from engine.selection.cross_scores import cross_scores
from engine.selection.generated_set import VotingProtocol
from engine.selection.matching import CodeMatch, match_codes, match_in, match_models
from engine.selection.pair_cache import PairCache

PROTOCOL = VotingProtocol(votes=40, group_size=20, scale_samples=500)

Maker = Callable[..., Any]


@pytest.mark.parametrize(("a", "b"), [(0, 1), (2, 4), (6, 3)])
def test_order_and_sign_are_found_through_monotone_warps(clean: Maker, a: int, b: int) -> None:
    first, second = clean(a), clean(b)
    # factors = basis @ codes, so code i of the first is sign * code j of the second where their columns are parallel.
    relation = (first.basis.T @ second.basis).int().numpy()
    matches = match_models(first, second, PROTOCOL)
    assert [match.code for match in matches] == [0, 1, 2, 3]
    for match in matches:
        assert match.sign == relation[match.code, match.partner] != 0
        assert match.agreement == 1.0


def test_matching_back_is_the_same_matching(clean: Maker, mixed: Maker) -> None:
    pool = [clean(0), mixed(3)]
    scores = cross_scores(pool, PROTOCOL)
    there, back = match_in(scores, 0, 1), match_in(scores, 1, 0)
    assert there is not None
    assert back is not None
    assert {(m.code, m.partner, m.sign) for m in there} == {(m.partner, m.code, m.sign) for m in back}


def test_codes_without_counterpart_are_left_out(clean: Maker) -> None:
    three = replace(clean(9), name="three", basis=torch.eye(4)[:, :3])
    assert len(match_models(clean(0), three, PROTOCOL)) == 3
    dead = replace(clean(1), name="dead", dead=(2,), unused=(2,))
    matches = match_models(dead, clean(0), PROTOCOL)
    assert 2 not in {match.code for match in matches if match.agreement > 0.5}


def test_the_assignment_is_the_best_of_all_not_the_greedy_one() -> None:
    votes = np.array([[9.0, 8.0], [8.0, 0.0], [0.0, 0.0]])
    nothing = np.zeros((3, 2))
    matches = match_codes(votes, nothing.T, nothing, nothing.T)
    assert [(match.code, match.partner, match.sign) for match in matches] == [(0, 1, 0), (1, 0, 0)]


def test_agreement_is_the_mean_of_both_directions_and_the_sign_that_of_their_correlation() -> None:
    (match,) = match_codes([[3.0]], [[0.0]], [[-0.9]], [[0.2]])
    assert match == CodeMatch(0, 0, 0.5, -1)
    (match,) = match_codes([[3.0]], [[3.0]], [[0.06]], [[0.02]])
    assert match.sign == 0


def test_a_pair_that_was_not_compared_has_no_matching(clean: Maker) -> None:
    scores = cross_scores([clean(0)], PROTOCOL)
    assert match_in(scores, 0, 1) is None


def test_models_that_cannot_be_compared_are_refused(clean: Maker) -> None:
    other = replace(clean(1), image_shape=(8, 8, 3))
    with pytest.raises(InputError, match=r"the codes of clean-0 and clean-1 cannot be matched \(clean-1: its images"):
        match_models(clean(0), other, PROTOCOL)
    with pytest.raises(InputError, match="do not belong to two models"):
        match_codes(np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 3)), np.ones((3, 2)))


def test_a_matching_costs_what_the_cache_lacks(clean: Maker, tmp_path: Path) -> None:
    cache, pool = PairCache(tmp_path), [clean(0), clean(1)]
    cross_scores(pool, PROTOCOL, cache=cache)
    encoded = [model.encoded for model in pool]
    match_models(*pool, PROTOCOL, cache=cache)
    assert [model.encoded for model in pool] == encoded
