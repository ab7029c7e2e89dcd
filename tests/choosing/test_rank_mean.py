"""The rank mean of two selectors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import rankdata

from engine.choosing.choose import select_runs
from engine.choosing.methods import PoolRanking
from engine.runs.catalogue import RunRecord
from engine.selection import Ranking
from engine.storage.store import Store


def test_it_is_the_mean_of_the_ranks_of_its_parts(store: Store, make_run: Callable[..., RunRecord]) -> None:
    pool = [make_run(name, seed=seed) for seed, name in enumerate("abcd")]
    methods = select_runs(store, pool, ["model-centrality", "udr-lasso", "rank-mean"], votes=60, group_size=10).methods
    ranks = [rankdata(methods[name].scores) for name in ("model-centrality", "udr-lasso")]
    assert methods["rank-mean"].scores == pytest.approx((np.mean(ranks, axis=0) - 1) / 3)


def _found(included: list[int], scores: list[float], excluded: dict[int, str]) -> PoolRanking:
    return PoolRanking(included, Ranking.from_scores(scores), excluded)


def test_who_is_left_out_by_one_is_left_out_and_ties_count_half(
    store: Store, make_run: Callable[..., RunRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = [make_run(name, seed=seed) for seed, name in enumerate("abcd")]
    monkeypatch.setattr(
        "engine.choosing.methods.model_centrality.rank", lambda _: _found([0, 1, 3], [0.9, 0.9, 0.1], {2: "broken"})
    )
    monkeypatch.setattr("engine.choosing.methods.udr.rank_by_lasso", lambda _: _found([0, 1, 2, 3], [3, 1, 9, 2], {}))
    found = select_runs(store, pool, ["rank-mean"]).methods["rank-mean"]
    assert found.excluded == {pool[2].id: "broken"}
    assert [found.scores[index] for index in (0, 1, 3)] == pytest.approx([0.875, 0.375, 0.25])
    assert found.pick == pool[0].id


def test_a_pool_of_one_is_its_own_pick(store: Store, make_run: Callable[..., RunRecord]) -> None:
    record = make_run("a")
    assert select_runs(store, [record], ["rank-mean"]).methods["rank-mean"].pick == record.id
