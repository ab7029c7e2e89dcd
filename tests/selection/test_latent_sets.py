"""The latent vectors of a labelled set: what stands still in a group, and what is random."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch

from engine.models.codes import Codes, Prior
from engine.selection.latent_sets import LatentSet, independent_groups, latin_hypercubes

CODES = Codes(3, noise=2, categorical=(4,))
VALUES, SIZE = 40, 30

Draw = Callable[[Codes, int, int, int, int], LatentSet]


@pytest.mark.parametrize("draw", [independent_groups, latin_hypercubes])
@pytest.mark.parametrize("prior", ["uniform", "normal"])
def test_in_a_group_one_code_stands_still_and_all_else_is_drawn_from_the_prior(draw: Draw, prior: Prior) -> None:
    codes = Codes(3, 2, prior, (4,))
    drawn = draw(codes, VALUES, SIZE, 500, 0)
    assert drawn.groups.shape == (4 * VALUES, SIZE)
    spread = 3**-0.5 if prior == "uniform" else 1.0
    for code, groups in enumerate(np.split(drawn.groups, 4)):
        grouped = drawn.latents[torch.from_numpy(groups)].double()
        held = codes.columns(code)
        assert (grouped[:, :, held] == grouped[:, :1, held]).all()
        free = [column for column in (0, 1, 2, 7, 8) if column != code]
        moving = grouped[:, :, free]
        # Independent draws: the variances within groups, the variance of their means, no correlation.
        np.testing.assert_allclose(moving.std(dim=1).square().mean(dim=0).sqrt(), spread, rtol=0.08)
        np.testing.assert_allclose(moving.mean(dim=1).std(dim=0), spread / SIZE**0.5, rtol=0.4)
        correlations = np.corrcoef(moving.reshape(-1, len(free)).T.numpy()) - np.eye(len(free))
        assert np.abs(correlations).max() < 0.12
    values = drawn.latents[torch.from_numpy(drawn.groups[:, 0])]
    assert torch.bincount(values[3 * VALUES :, 3:7].argmax(dim=1), minlength=4).min() > 0
    assert torch.isfinite(drawn.latents).all()


def test_the_images_of_independent_groups_are_in_one_group_and_those_of_the_scale_in_none() -> None:
    drawn = independent_groups(CODES, VALUES, SIZE, 500, 0)
    grouped = 4 * VALUES * SIZE
    assert sorted(drawn.groups.ravel().tolist()) == list(range(grouped))
    assert len(drawn.latents[drawn.scale]) == 500
    assert len(drawn.latents) == grouped + 500
    # A value is drawn like any other: not one in each part of the prior.
    values = drawn.latents[torch.from_numpy(drawn.groups[:VALUES, 0]), 0]
    assert len(((values + 1) / 2 * VALUES).floor().unique()) < VALUES


def test_every_image_of_a_latin_hypercube_is_in_a_group_of_each_code() -> None:
    drawn = latin_hypercubes(CODES, VALUES, SIZE, 2, 0)
    assert len(drawn.latents) == len(drawn.latents[drawn.scale]) == VALUES * SIZE
    by_code = np.split(drawn.groups, 4)
    for groups in by_code:
        assert sorted(groups.ravel().tolist()) == list(range(VALUES * SIZE))
        # A group has one image of each hypercube.
        assert (np.sort(groups // VALUES, axis=1) == np.arange(SIZE)).all()
    shared = [len(set(a) & set(b)) for a, b in itertools.product(by_code[0], by_code[1])]
    assert np.mean(shared) == SIZE / VALUES
    assert max(shared) <= 6


def test_the_values_of_latin_hypercubes_are_one_in_each_part_of_the_prior() -> None:
    drawn = latin_hypercubes(CODES, VALUES, SIZE, 2, 0)
    for code in range(3):
        values = drawn.latents[torch.from_numpy(drawn.groups[code * VALUES : (code + 1) * VALUES, 0]), code]
        assert ((values + 1) / 2 * VALUES).floor().tolist() == list(range(VALUES))
        assert values.diff().std() > 0.3 * 2 / VALUES
    categories = drawn.latents[torch.from_numpy(drawn.groups[3 * VALUES :, 0]), 3:7].sum(dim=0)
    assert categories.tolist() == [VALUES / 4] * 4


def test_latin_hypercubes_get_random_images_where_the_scale_needs_more() -> None:
    drawn = latin_hypercubes(CODES, VALUES, SIZE, 2000, 0)
    assert len(drawn.latents) == len(drawn.latents[drawn.scale]) == 2000
    assert drawn.groups.max() == VALUES * SIZE - 1


@pytest.mark.parametrize("draw", [independent_groups, latin_hypercubes])
def test_the_seed_decides(draw: Draw) -> None:
    first, again, other = (draw(CODES, VALUES, SIZE, 50, seed).latents for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
