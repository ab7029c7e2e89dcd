"""PIPE: images of dependent codes are told from images of shuffled ones, those of independent codes are not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.choosing.choose import select_runs
from engine.choosing.methods import pipe
from engine.errors import InputError
from engine.models.codes import Codes
from engine.models.model import Model
from engine.runs.catalogue import RunRecord
from engine.storage.store import Store


class Pixels(torch.nn.Module):
    """An image with a pixel for each column of the latent."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))
        self.columns = columns

    def forward(self, z: Tensor) -> Tensor:
        return (0.5 + 0.5 * self.scale * z).reshape(-1, 1, 1, self.columns)


def _model(codes: Codes) -> Model:
    pixels = Pixels(codes.dimensions)
    return Model(codes, (1, codes.dimensions, 1), pixels, pixels, fingerprint="f")


@pytest.fixture
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipe, "TRAINING_IMAGES", 6000)
    monkeypatch.setattr(pipe, "TEST_IMAGES", 2000)
    monkeypatch.setattr(pipe, "STEP_SIZE", 1e-3)


@pytest.fixture
def very_few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too few to learn anything."""
    monkeypatch.setattr(pipe, "TRAINING_IMAGES", 320)
    monkeypatch.setattr(pipe, "TEST_IMAGES", 500)


def test_dependence_is_seen_and_independence_is_not(few_images: None) -> None:
    draws = np.random.default_rng(0)
    independent = draws.uniform(-1, 1, (4000, 2))
    dependent = np.column_stack([independent[:, 0], independent[:, 0]])
    model = _model(Codes(2, noise=1))
    assert pipe.score_of(model, independent, 0) > 0.9
    assert pipe.score_of(model, dependent, 0) < 0.4


def test_categories_are_decoded_one_hot(few_images: None) -> None:
    draws = np.random.default_rng(0)
    category = draws.integers(0, 3, 4000)
    model = _model(Codes(1, noise=1, categorical=(3,)))
    together = np.column_stack([category - 1.0, category])
    apart = np.column_stack([draws.permutation(category) - 1.0, category])
    assert pipe.score_of(model, together, 0) < 0.7
    assert pipe.score_of(model, apart, 0) > 0.9


def test_it_is_the_same_each_time_and_leaves_the_global_generator(few_images: None) -> None:
    codes = np.random.default_rng(0).uniform(-1, 1, (400, 2))
    before = torch.get_rng_state()
    scores = [pipe.score_of(_model(Codes(2)), codes, seed) for seed in (1, 1, 2)]
    assert scores[0] == scores[1] != scores[2]
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("side", [1, 8, 28, 32, 64, 100])
def test_images_of_any_size_can_be_told(side: int) -> None:
    assert pipe._network((side, side, 3))(torch.rand(2, 3, side, side)).shape == (2, 1)


def test_a_pool_is_ranked_and_what_encodes_nothing_left_out(
    store: Store, make_run: Callable[..., RunRecord], very_few_images: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = [make_run(name, seed=seed) for seed, name in enumerate("ab")]
    found = select_runs(store, pool, ["pipe"]).methods["pipe"]
    assert sorted(found.ranking) == sorted(record.id for record in pool)
    assert all(0 <= score <= 1 for score in found.scores)
    monkeypatch.setattr(pipe, "INFORMATIVE_KL", np.inf)
    with pytest.raises(InputError, match="none of its codes says anything"):
        select_runs(store, pool, ["pipe"])


def test_a_score_is_computed_once_and_what_is_damaged_again(
    store: Store, make_run: Callable[..., RunRecord], very_few_images: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [make_run(name, seed=seed) for seed, name in enumerate("ab")]
    first = select_runs(store, records, ["pipe"]).methods["pipe"].scores
    computed = []
    score_of = pipe.score_of
    monkeypatch.setattr(pipe, "score_of", lambda model, *given: computed.append(model.name) or score_of(model, *given))
    assert select_runs(store, records, ["pipe"]).methods["pipe"].scores == first
    assert not computed
    kept = sorted((store.selections / "cache" / "pipe").glob("*.json"))
    assert len(kept) == len(records)
    for damage in (b"2.5", b"true", b'{"score": 1.0}', b"0." + b"9" * 100, b""):
        kept[0].write_bytes(damage)
        assert select_runs(store, records, ["pipe"]).methods["pipe"].scores == first
    assert len(computed) == 5
    select_runs(store, records, ["pipe"], seed=1)
    assert len(computed) == 5 + len(records)
