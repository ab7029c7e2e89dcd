"""JEMMIG and DCIMIG, against their definitions by counting."""

from collections import Counter

import numpy as np
import pytest

from engine.errors import InputError
from engine.metrics import dcimig, jemmig


def entropy_of(*columns):
    counts = np.array(list(Counter(zip(*(column.tolist() for column in columns), strict=True)).values()))
    return float(-np.sum(counts / counts.sum() * np.log(counts / counts.sum())))


def cells(codes, bins):
    low, width = codes.min(axis=0), np.ptp(codes, axis=0) / bins
    return np.minimum(np.floor((codes - low) / np.where(width > 0, width, 1.0)), bins - 1).astype(int)


def table(codes, factors, bins):
    return np.array(
        [[entropy_of(cell) + entropy_of(f) - entropy_of(cell, f) for f in factors.T] for cell in cells(codes, bins).T]
    )


@pytest.mark.parametrize("bins", [5, 20])
def test_on_codes_of_no_virtue(factors, mixed, bins):
    information, cell = table(mixed, factors, bins), cells(mixed, bins)
    expected = []
    for j, factor in enumerate(factors.T):
        second, best = np.argsort(information[:, j])[-2:]
        loss = entropy_of(cell[:, best], factor) - information[best, j] + information[second, j]
        expected.append(1 - loss / (entropy_of(factor) + np.log(bins)))
    assert jemmig(mixed, factors, bins) == pytest.approx(np.mean(expected), abs=1e-9)

    shares = Counter()
    for row in information:
        second, best = np.argsort(row)[-2:]
        shares[best] = max(shares[best], row[best] - row[second])
    total = sum(entropy_of(factor) for factor in factors.T)
    assert dcimig(mixed, factors, bins) == pytest.approx(sum(shares.values()) / total, abs=1e-9)


def test_a_perfect_code_reaches_what_can_be_reached(factors, perfect):
    assert dcimig(perfect, factors) == pytest.approx(1)
    assert jemmig(perfect, factors) == pytest.approx(1)


def test_what_each_of_them_sees(factors, perfect, rotate):
    twice = np.hstack([perfect, perfect[:, :1]])
    assert dcimig(twice, factors) == pytest.approx(1), "a duplicate is no loss"
    assert jemmig(twice, factors) < jemmig(perfect, factors), "a duplicate leaves no gap"
    assert dcimig(perfect[:, 1:], factors) < 0.75, "a factor without a code"
    for score in (dcimig, jemmig):
        assert score(rotate(perfect), factors) < score(perfect, factors) - 0.1
        assert score(perfect[:, ::-1], factors[:, ::-1]) == pytest.approx(score(perfect, factors))


def test_of_a_dead_code_the_joint_entropy_is_the_factors(factors):
    entropies = np.array([entropy_of(factor) for factor in factors.T])
    expected = np.mean(np.log(20) / (entropies + np.log(20)))
    assert jemmig(np.ones((len(factors), 2)), factors) == pytest.approx(expected)


def test_dead_codes_and_single_ones(factors, perfect):
    dead = np.ones((len(factors), 2))
    assert dcimig(dead, factors) == 0
    assert 0 <= jemmig(dead, factors) <= 1
    assert dcimig(perfect[:, :1], factors[:, :1]) == pytest.approx(1)
    assert dcimig(np.hstack([perfect, dead]), factors) == pytest.approx(1)
    with pytest.raises(InputError, match="bins is 1"):
        jemmig(perfect, factors, 1)
