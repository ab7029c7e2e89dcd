"""Pools of VAEs and GANs with different numbers and kinds of codes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.models.codes import Codes
from engine.selection.cross_scores import cross_scores
from engine.selection.generated_set import VotingProtocol
from engine.selection.pair_cache import PairCache

PROTOCOL = VotingProtocol(votes=60, group_size=20, scale_samples=500)

Maker = Callable[..., Any]


@dataclass
class Stripes:
    """Two continuous codes and a category of three, each a pixel value of its own; a pixel of noise."""

    name: str = "stripes"
    image_shape: tuple[int, int, int] = (4, 4, 1)
    decoded: torch.Tensor | None = None

    codes = Codes(2, noise=1, categorical=(3,))
    fingerprint = "stripes"

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        self.decoded = z if self.decoded is None else torch.cat([self.decoded, z])
        images = torch.zeros(len(z), 1, 4, 4)
        images[:, 0, 0, :3] = self.codes.values(z)
        images[:, 0, 1, 0] = z[:, -1]
        return images

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, 0, 0, :3].clone()

    def sample_codes(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        return self.encode(x)

    def posterior(self, x: torch.Tensor) -> None:
        return None


def test_a_categorical_code_is_held_as_a_block_and_voted_for() -> None:
    model = Stripes()
    result = cross_scores([model], PROTOCOL)
    assert model.decoded is not None
    held = model.decoded[:, 2:5]
    assert (held.sum(dim=1) == 1).all()
    np.testing.assert_allclose(held.mean(dim=0).numpy(), 1 / 3, atol=0.03)
    # The categories of the 20 groups of the third code, each of which holds one.
    groups = model.decoded[: 20 * 20][model.decoded[: 20 * 20, 2:5].argmax(dim=1).argsort()]
    assert [int(count) % 20 for count in groups[:, 2:5].sum(dim=0)] == [0, 0, 0]
    np.testing.assert_array_equal(result.matrix, 1.0)
    np.testing.assert_array_equal(result.comparisons[0, 0].table, np.eye(3) * 20)


def test_models_of_three_four_and_stochastic_codes_are_compared(clean: Maker, hazy: Maker) -> None:
    three = replace(clean(9), name="three", basis=torch.eye(4)[:, :3])
    pool = [Stripes(), three, clean(0), hazy(1, 0.05)]
    result = cross_scores(pool, PROTOCOL)
    assert result.included == [0, 1, 2, 3]
    assert np.isfinite(result.matrix).all()
    assert result.matrix[2, 3] == result.matrix[3, 2] == 1.0
    assert [len(result.comparisons[i, 1].table) for i in range(4)] == [3, 3, 4, 4]


def test_codes_of_a_vae_are_drawn_from_its_posterior(clean: Maker, hazy: Maker) -> None:
    spread = [
        cross_scores([clean(0), hazy(0, haze)], PROTOCOL, similarity="margin").matrix[1, 0] for haze in (1e-4, 0.3, 2.0)
    ]
    exact = cross_scores([clean(0)], PROTOCOL, similarity="margin").matrix[0, 0]
    # A uniform code has the variance 1/3, a drawn one that of the haze besides.
    assert spread[0] == pytest.approx(exact, abs=0.02)
    assert exact - 0.1 > spread[1] > spread[2] + 0.2


def test_the_draws_do_not_depend_on_the_pool_around(clean: Maker, hazy: Maker, tmp_path: Path) -> None:
    pool = [hazy(0, 0.5), clean(1), hazy(2, 0.5)]
    together = cross_scores(pool, PROTOCOL).matrix
    np.testing.assert_array_equal(cross_scores(pool[::-1], PROTOCOL).matrix, together[::-1, ::-1])
    cache = PairCache(tmp_path)
    cross_scores([pool[0], pool[2]], PROTOCOL, cache=cache)
    np.testing.assert_array_equal(cross_scores(pool, PROTOCOL, cache=cache).matrix, together)
    assert not np.array_equal(cross_scores(pool, replace(PROTOCOL, seed=1)).matrix, together)
