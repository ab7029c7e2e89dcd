import numpy as np
import pytest

from engine.errors import InputError
from engine.metrics import factor_votes, is_dead, live_scale, vote_table, votes_from_std


def test_vote_goes_to_the_smallest_standard_deviation_relative_to_scale():
    # Group standard deviations: 1, 2, 3 in the first group, and 4, 2, 1 in the second.
    rows = np.array([-1.0, 1.0])[None, :, None]
    groups = rows * np.array([[1.0, 2.0, 3.0], [4.0, 2.0, 1.0]])[:, None, :]
    assert factor_votes(groups, [1.0, 1.0, 1.0]).tolist() == [0, 2]
    assert factor_votes(groups, [1.0, 4.0, 1.0]).tolist() == [1, 1]


def test_votes_equal_those_of_variances_computed_one_by_one():
    random = np.random.default_rng(0)
    groups = random.standard_normal((50, 7, 4)) * [1, 10, 0.1, 3] + [0, 5, -5, 0]
    scale = np.array([1.1, 9.0, 0.12, 3.0])
    expected = []
    for group in groups:
        variances = [sum((x - sum(c) / 7) ** 2 for x in c) / 6 / s**2 for c, s in zip(group.T, scale, strict=True)]
        expected.append(variances.index(min(variances)))
    assert factor_votes(groups, scale).tolist() == expected
    assert votes_from_std(groups.std(axis=1), scale).tolist() == expected
    assert votes_from_std(groups.std(axis=1, ddof=1), scale).tolist() == expected


def test_dead_codes_get_no_vote():
    random = np.random.default_rng(0)
    live = random.standard_normal((20, 10, 1))
    constant = np.full((20, 10, 1), 0.1)
    jitter = 3.0 + 1e-7 * random.standard_normal((20, 10, 1))
    groups = np.concatenate([constant, live, jitter], axis=2)
    scale = groups.reshape(-1, 3).std(axis=0)
    assert scale[2] > 0
    assert factor_votes(groups, scale).tolist() == [1] * 20
    assert is_dead(groups.reshape(-1, 3)).tolist() == [True, False, True]
    assert live_scale(groups.reshape(-1, 3))[[0, 2]].tolist() == [0.0, 0.0]
    assert votes_from_std(groups.std(axis=1), live_scale(groups.reshape(-1, 3))).tolist() == [1] * 20


def test_tiny_codes_are_not_dead():
    codes = 1e-20 * np.random.default_rng(0).standard_normal((100, 2))
    assert not is_dead(codes).any()
    assert (factor_votes(codes[None], codes.std(axis=0)) >= 0).all()


def test_no_live_code_gives_no_vote_and_an_empty_table():
    votes = factor_votes(np.ones((5, 4, 2)), [0.0, 0.0])
    assert votes.tolist() == [-1] * 5
    assert vote_table(votes, [0, 1, 2, 0, 1], 2, 3).tolist() == [[0, 0, 0], [0, 0, 0]]


def test_codes_constant_in_a_group_tie_whatever_their_value_and_the_first_wins():
    values = np.random.default_rng(0).uniform(-1, 1, (200, 1, 2))
    groups = np.repeat(values, 9, axis=1)
    assert factor_votes(groups, [1.0, 1.0]).tolist() == [0] * 200


def test_pruned_codes_get_no_vote():
    std, scale = np.array([[0.01, 0.5]]), np.array([0.04, 1.0])
    assert votes_from_std(std, scale).tolist() == [0]
    assert votes_from_std(std, scale, prune=0.05).tolist() == [1]
    assert votes_from_std(std, scale, prune=2.0).tolist() == [-1]
    assert votes_from_std(std, [0.05, 1.0], prune=0.05).tolist() == [0]


def test_table_counts_votes():
    table = vote_table([0, 0, 1, -1, 0], [1, 1, 0, 0, 2], dims=2, factors=3)
    assert table.tolist() == [[0, 2, 1], [1, 0, 0]]


@pytest.mark.parametrize(
    ("votes", "labels", "message"),
    [
        ([0, 2], [0, 0], "votes must lie in -1..1"),
        ([-2, 0], [0, 0], "votes must lie in -1..1"),
        ([0, 1], [0, 3], "labels must lie in 0..2"),
        ([0, 1], [0], "labels must hold one factor for each of 2 groups"),
        ([0.5, 1], [0, 0], "votes must be integer ids"),
    ],
)
def test_table_refuses_what_does_not_fit(votes, labels, message):
    with pytest.raises(InputError, match=message):
        vote_table(votes, labels, dims=2, factors=3)


@pytest.mark.parametrize(
    ("std", "scale", "message"),
    [
        ([[1.0, 2.0]], [1.0], "scale must hold one number for each of 2 dimensions"),
        ([[1.0, 2.0]], [1.0, -1.0], "dimension 1 is negative"),
        ([[1.0, np.nan]], [1.0, 1.0], "std must be finite, but dimension 1"),
        ([1.0, 2.0], [1.0, 1.0], "std must be an array"),
    ],
)
def test_votes_refuse_what_does_not_fit(std, scale, message):
    with pytest.raises(InputError, match=message):
        votes_from_std(std, scale)
