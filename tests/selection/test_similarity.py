"""Cross-scores by several supervised scores, against these scores of the codes and latents themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.errors import InputError
from engine.metrics import dci, mig, sap
from engine.models.codes import Codes
from engine.selection import SIMILARITIES
from engine.selection.cross_scores import cross_scores
from engine.selection.generated_set import VotingProtocol
from engine.selection.latent_sets import LatentSet
from engine.selection.pair_cache import PairCache
from engine.selection.pair_statistics import PairStatistics
from engine.selection.similarity import READ_OFF

PROTOCOL = VotingProtocol(votes=160, group_size=25, scale_samples=1000)
GROUPS = np.arange(100).reshape(10, 10)

Maker = Callable[..., Any]


@pytest.fixture
def pool(clean: Maker, mixed: Maker, turned: Maker) -> list[Any]:
    return [replace(clean(1), name="half-dead", dead=(1,)), mixed(3), turned(0, 30)]


@pytest.fixture
def cache(tmp_path: Path) -> PairCache:
    return PairCache(tmp_path / "cache")


def _set(latents: Any, groups: Any) -> LatentSet:
    return LatentSet(torch.from_numpy(latents), groups, slice(None))


def _labelled(pool: list[Any], i: int, j: int) -> tuple[Any, Any]:
    """Codes of encoder i and latents of generator j on the latter's set, as it was asked for them first."""
    latents = torch.cat(pool[j].decoded)[:1000]
    return pool[i].encode(pool[j].decode(latents)).double().numpy(), latents[:, :4].double().numpy()


def test_linear_scores_are_those_of_the_whole_set(pool: list[Any], cache: PairCache) -> None:
    expected = {"sap": np.zeros((3, 3)), "dci": np.zeros((3, 3))}
    for similarity, matrix in expected.items():
        found = cross_scores(pool, PROTOCOL, similarity=similarity, cache=cache).matrix
        for i, j in np.ndindex(3, 3):
            codes, factors = _labelled(pool, i, j)
            if similarity == "sap":
                matrix[i, j] = sap(codes, factors, [True] * 4)
            else:
                whole = dci(codes, factors, "lasso")
                matrix[i, j] = (whole.disentanglement + whole.completeness) / 2
        np.testing.assert_allclose(found, matrix, atol=2e-3)
        assert found.std() > 0.05


def test_mig_is_that_of_the_whole_set_with_factors_in_twenty_bins(pool: list[Any]) -> None:
    found = cross_scores(pool, PROTOCOL, similarity="mig").matrix
    for i, j in np.ndindex(3, 3):
        codes, factors = _labelled(pool, i, j)
        ids = np.minimum(((factors + 1) * 10).astype(int), 19)
        assert found[i, j] == pytest.approx(mig(codes, ids), abs=1e-3)


def test_factors_of_a_normal_prior_are_cut_into_equally_likely_bins() -> None:
    draws = np.random.default_rng(0).normal(size=(4000, 2))
    found = PairStatistics.of(draws, _set(draws, GROUPS), Codes(2, prior="normal"))
    ids = np.stack([np.argsort(np.argsort(column)) * 20 // 4000 for column in draws.T], axis=1)
    assert READ_OFF["mig"](found) == pytest.approx(mig(draws, ids), abs=0.02)


def test_a_categorical_factor_is_its_category() -> None:
    generator = Codes(1, categorical=(5,))
    latents = generator.sample(3000, torch.Generator().manual_seed(0)).double().numpy()
    category = latents[:, 1:].argmax(axis=1)
    encoded = np.column_stack([category, latents[:, 0]]).astype(np.float64)
    found = PairStatistics.of(encoded, _set(latents, GROUPS), generator)
    assert found.correlations.shape == (8, 8)
    np.testing.assert_allclose(found.information[0, 1], 1.0)
    np.testing.assert_allclose(found.information[1, 0], 1.0, atol=0.02)
    assert max(found.information[0, 0], found.information[1, 1]) < 0.05


def test_every_similarity_is_read_off_the_same_encoding(pool: list[Any], cache: PairCache) -> None:
    for place, similarity in enumerate(SIMILARITIES):
        result = cross_scores(pool, PROTOCOL, similarity=similarity, cache=cache)
        assert result.evaluated == (9 if place == 0 else 0)
        assert result.similarity == similarity
        assert np.isfinite(result.matrix).all()
    assert {model.encoded for model in pool} == {3 * 1000}


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_a_model_without_live_codes_elsewhere_scores_nothing(similarity: str) -> None:
    latents = Codes(3).sample(500, torch.Generator().manual_seed(0)).double().numpy()
    statistics = PairStatistics.of(np.full((500, 2), 0.3), _set(latents, GROUPS), Codes(3))
    assert (statistics.scale == 0).all()
    if similarity in READ_OFF:
        assert READ_OFF[similarity](statistics) == pytest.approx(0.0, abs=1e-9)


def test_a_pair_of_ten_codes_a_side_takes_less_than_64_kilobytes(tmp_path: Path) -> None:
    draws = np.random.default_rng(0).normal(size=(8192, 10))
    groups = np.arange(8000).reshape(1000, 8)
    PairCache(tmp_path).save("p", "g", "e", PairStatistics.of(draws, _set(draws, groups), Codes(10, prior="normal")))
    (file,) = tmp_path.rglob("*.npz")
    assert file.stat().st_size < 64_000


def test_an_unknown_similarity_is_refused_with_those_there_are(pool: list[Any]) -> None:
    with pytest.raises(InputError, match="no similarity 'cosine'; use factor-vae, mig, dci, sap, margin"):
        cross_scores(pool, PROTOCOL, similarity="cosine")
