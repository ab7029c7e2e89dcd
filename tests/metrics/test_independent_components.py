"""Independent components: rotated codes are turned back where that can be known, and where it cannot, it is said."""

import numpy as np
import pytest

from engine.errors import InputError
from engine.metrics.independent_components import independent_components


def rotation(seed, d=4):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((d, d)))[0]


def uniform(n=4000, d=4, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (n, d))


def matched(components, sources):
    d = sources.shape[1]
    correlations = np.abs(np.corrcoef(components.T, sources.T)[:d, d:])
    assert sorted(correlations.argmax(axis=1)) == list(range(d)), "each component is another source"
    return correlations.max(axis=1)


@pytest.mark.parametrize("seed", range(4))
def test_rotated_uniform_codes_are_recovered(seed):
    sources = uniform(seed=seed)
    codes = 3 * sources @ rotation(seed) + 5
    found = independent_components(codes, seed=seed)
    assert found.doubt is None
    assert found.normal == 0
    assert matched(found.of(codes), sources).min() >= 0.99
    assert found.of(codes).std(axis=0) == pytest.approx(np.ones(4), abs=1e-6)
    assert found.of(codes).mean(axis=0) == pytest.approx(np.zeros(4), abs=1e-9)


def test_codes_that_are_independent_stay_as_they_are():
    codes = uniform()
    found = independent_components(codes, spread=codes.std())
    assert found.agreement > 0.995
    assert np.corrcoef(codes.T, found.of(codes).T)[:4, 4:].diagonal().min() > 0.99, "in their order, with their signs"


@pytest.mark.parametrize("degrees", [0, 15, 30, 45])
def test_the_agreement_is_the_squared_cosine_of_a_turn(degrees):
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    codes = uniform(20_000, 2) @ np.array([[cosine, -sine], [sine, cosine]])
    assert independent_components(codes).agreement == pytest.approx(cosine**2, abs=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_of_normal_codes_it_says_that_it_cannot_know(seed):
    codes = np.random.default_rng(seed).standard_normal((4000, 4)) @ rotation(seed)
    found = independent_components(codes, seed=seed)
    assert found.normal >= 3
    assert "cannot know" in (found.doubt or "")


def test_one_normal_source_can_be_known_and_two_cannot():
    sources = uniform()
    sources[:, 0] = np.random.default_rng(1).standard_normal(4000)
    one = independent_components(sources @ rotation(0))
    assert (one.normal, one.doubt) == (1, None)
    assert matched(one.of(sources @ rotation(0)), sources).min() >= 0.98
    sources[:, 1] = np.random.default_rng(2).standard_normal(4000)
    assert independent_components(sources @ rotation(0)).normal == 2


def test_dead_and_uninformative_codes_take_no_part():
    codes = np.column_stack([np.full(4000, 0.3), uniform(d=3) @ rotation(0, 3), 1e-3 * uniform(d=1, seed=9)])
    found = independent_components(codes, np.array([True, True, True, True, False]))
    assert found.took_part.tolist() == [False, True, True, True, False]
    np.testing.assert_array_equal(found.of(codes)[:, [0, 4]], codes[:, [0, 4]])
    assert matched(found.of(codes)[:, 1:4], uniform(d=3)).min() >= 0.99


def test_a_single_code_is_its_own_component():
    found = independent_components(uniform(d=1))
    assert (found.agreement, found.doubt) == (1.0, None)
    np.testing.assert_array_equal(found.of(uniform(d=1)), uniform(d=1))


def test_what_makes_no_sense_is_refused():
    with pytest.raises(InputError, match="79 samples are too few"):
        independent_components(uniform(79))
    with pytest.raises(InputError, match="finite"):
        independent_components(np.full((100, 2), np.inf))
