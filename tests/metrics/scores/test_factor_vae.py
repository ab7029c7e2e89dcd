import numpy as np
import pytest

from engine.errors import InputError
from engine.metrics import factor_vae

SPREADS = np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
"""Group standard deviations: the votes are 0, 0, 1, 0, 1, 1."""


def stretched(spreads):
    """Groups of two samples with the given standard deviations."""
    return np.array([-1.0, 1.0])[None, :, None] * np.asarray(spreads)[:, None, :]


def majority_accuracy(votes, labels):
    """The score from the votes, by counting."""
    right = 0
    for dimension in set(votes):
        seen = [label for vote, label in zip(votes, labels, strict=True) if vote == dimension]
        right += max(seen.count(label) for label in seen)
    return right / len(votes)


def test_hand_built_table():
    # Code 0: votes from factors 0, 0, 1; code 1: from 1, 2, 2. Row maxima 2 + 2 of 6.
    assert factor_vae(stretched(SPREADS), [0, 0, 1, 1, 2, 2], [1, 1]) == pytest.approx(4 / 6)
    assert factor_vae(stretched(SPREADS), [7, 7, -3, 7, -3, -3], [1, 1]) == 1.0


def test_perfect_codes_and_their_symmetries_score_one(groups_of, rotate):
    coders = {
        "perfect": lambda rows: rows.astype(float),
        "permuted": lambda rows: rows[:, [2, 0, 1]].astype(float),
        "mirrored and scaled": lambda rows: rows * [-1.0, 100.0, 1e-3],
        "warped": lambda rows: np.exp(rows.astype(float)),
        "duplicated": lambda rows: np.column_stack([rows, 3.7 * rows[:, 1]]),
        "dead dimension": lambda rows: np.column_stack([rows, np.full(len(rows), 0.1)]),
    }
    for name, coder in coders.items():
        assert factor_vae(*groups_of(coder)) == 1.0, name


def test_rotation_by_45_degrees_and_noise_lose(groups_of):
    def rotated(rows):
        unit = rows / np.array([1.118, 1.4142, 0.8165])
        return unit @ np.array([[1, 1, 0], [-1, 1, 0], [0, 0, np.sqrt(2)]]) / np.sqrt(2)

    score = factor_vae(*groups_of(rotated, amount=300))
    # Two of three factors cannot be told apart by their votes: between 1/3 + 1/3 and a little over chance luck.
    assert 0.6 < score < 0.85
    noise = np.random.default_rng(0)
    score = factor_vae(*groups_of(lambda rows: noise.standard_normal((len(rows), 3)), amount=300))
    assert 1 / 3 <= score < 0.45


def test_equals_the_formula_on_codes_of_no_virtue(groups_of):
    mixing = np.random.default_rng(5).standard_normal((3, 5))
    groups, labels, scale = groups_of(lambda rows: np.tanh(rows @ mixing), amount=90)
    votes = [int(np.argmin(np.var(group, axis=0, ddof=1) / scale**2)) for group in groups]
    expected = majority_accuracy(votes, labels.tolist())
    assert factor_vae(groups, labels, scale) == pytest.approx(expected)
    assert factor_vae(groups.astype(np.float32), labels, scale) == pytest.approx(expected)
    order = [3, 0, 4, 2, 1]
    assert factor_vae(-2.5 * groups[:, :, order] + 4, labels, 2.5 * scale[order]) == pytest.approx(expected)


def test_dead_codes_only_score_zero():
    assert factor_vae(np.ones((6, 4, 3)), [0, 1, 2] * 2, np.zeros(3)) == 0.0
    assert factor_vae(np.ones((6, 4, 3)), [0, 1, 2] * 2, np.zeros(3), protocol="lib") == 0.0


def test_lib_is_scored_on_held_out_groups_by_the_training_majority():
    labels, held_out_labels = [0, 0, 1, 1, 2, 2], [0, 1, 2, 2]
    # Training names code 0 factor 0 and code 1 factor 2; the held-out votes are 0, 0, 1, 1: names 0, 0, 2, 2.
    held_out = stretched([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    score = factor_vae(
        stretched(SPREADS), labels, [1, 1], protocol="lib", test_groups=held_out, test_labels=held_out_labels
    )
    assert score == pytest.approx(3 / 4)
    assert factor_vae(stretched(SPREADS), labels, [1, 1], protocol="lib") == pytest.approx(4 / 6)


def test_lib_prunes_weak_codes_and_paper_does_not():
    # Code 0 separates the factors, but its spread is under 0.05; code 1 alone cannot.
    groups = stretched([[0.001, 1.0], [0.04, 1.0]] * 4)
    labels, scale = [0, 1] * 4, [0.04, 2.0]
    assert factor_vae(groups, labels, scale) == 1.0
    assert factor_vae(groups, labels, scale, protocol="lib") == 0.5
    assert factor_vae(groups, labels, scale, protocol="lib", prune=0.0) == 1.0


def test_the_revised_score_counts_as_many_codes_as_there_are_factors():
    # Votes of codes 0, 0, 0, 1, 1, 2 from factors 0, 0, 1, 1, 1, 0: majorities 2, 2, 1.
    spreads = 1.0 - np.eye(3)[[0, 0, 0, 1, 1, 2]]
    labels = [0, 0, 1, 1, 1, 0]
    groups, scale = stretched(spreads), np.ones(3)
    assert factor_vae(groups, labels, scale) == pytest.approx(5 / 6)
    assert factor_vae(groups, labels, scale, rows=2) == pytest.approx(4 / 6)
    assert factor_vae(groups, labels, scale, rows=1) == pytest.approx(2 / 6)
    assert factor_vae(groups, labels, scale, rows=9) == pytest.approx(5 / 6)
    # Held-out votes 0, 1, 2 are named 0, 1, 0; without the third code the last one is wrong.
    held_out = {"protocol": "lib", "test_groups": stretched(1.0 - np.eye(3)), "test_labels": [0, 1, 0]}
    assert factor_vae(groups, labels, scale, **held_out) == 1.0
    assert factor_vae(groups, labels, scale, rows=2, **held_out) == pytest.approx(2 / 3)
    with pytest.raises(InputError, match="rows is 0, but at least 1 code must count"):
        factor_vae(groups, labels, scale, rows=0)


def test_held_out_groups_belong_to_lib_and_come_whole():
    groups, labels = stretched(SPREADS), [0, 0, 1, 1, 2, 2]
    with pytest.raises(InputError, match="held-out data need protocol 'lib'"):
        factor_vae(groups, labels, [1, 1], test_groups=groups, test_labels=labels)
    with pytest.raises(InputError, match="only one of the two is given"):
        factor_vae(groups, labels, [1, 1], protocol="lib", test_groups=groups)
    with pytest.raises(InputError, match="test_groups have 1 dimensions where 2 are expected"):
        factor_vae(groups, labels, [1, 1], protocol="lib", test_groups=groups[:, :, :1], test_labels=labels)
