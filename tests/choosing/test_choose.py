"""Ranking a pool of runs, from their folders to the selection's."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import engine.data
from engine.choosing.choose import compare_share, select_runs
from engine.choosing.scoring import score_run
from engine.errors import InputError
from engine.models.model import Model
from engine.runs.catalogue import RunRecord, look_at
from engine.runs.loading import load_model
from engine.runs.registry import Registry
from engine.selection import model_centrality, udr
from engine.selection.common_codes import common_codes
from engine.selection.cross_scores import cross_scores
from engine.selection.generated_set import VotingProtocol
from engine.storage.store import Store

RunMaker = Callable[..., RunRecord]
ALL = ("model-centrality", "udr-lasso", "udr-spearman", "supervised")


@pytest.fixture
def pool(make_run: RunMaker) -> list[RunRecord]:
    return [make_run(f"run-{seed}", seed=seed) for seed in range(4)]


def _select(store: Store, records: list[RunRecord], *methods: str, **options: Any) -> dict[str, Any]:
    chosen = methods or ("model-centrality",)
    return select_runs(store, records, chosen, **({"votes": 12, "scale_samples": 64} | options)).to_json()


def _models(records: list[RunRecord]) -> list[Model]:
    return [load_model(record.folder.path) for record in records]


def _spoil(monkeypatch: pytest.MonkeyPatch, record: RunRecord, value: float) -> None:
    """Make the encoder of one run return nothing but ``value``."""
    honest = Model._means

    def means(model: Model, x: Any) -> Any:
        codes = honest(model, x)
        return codes * 0 + value if model.name == record.name else codes

    monkeypatch.setattr(Model, "_means", means)


def test_model_centrality_end_to_end(store: Store, pool: list[RunRecord]) -> None:
    result = _select(store, pool)
    protocol = VotingProtocol(votes=12, scale_samples=64)
    expected = cross_scores(_models(pool), protocol, similarity="margin").matrix
    ranking = model_centrality(expected)
    found = result["methods"]["model-centrality"]
    assert result["runs"] == [record.id for record in pool]
    np.testing.assert_array_equal(result["matrix"], expected)
    assert found["scores"] == pytest.approx(list(ranking.scores))
    assert found["ranking"] == [pool[index].id for index in ranking.order]
    assert found["pick"] == found["ranking"][0]
    assert found["excluded"] == {}
    assert result["protocol"] == {
        "name": "latin",
        "votes": 12,
        "group_size": 100,
        "scale_samples": 64,
        "seed": 0,
        "images": 2000,
    }
    assert result["steps"] == [7] * 4


def test_the_result_is_kept_in_the_store_and_its_registry(store: Store, pool: list[RunRecord]) -> None:
    result = _select(store, pool, "model-centrality", "supervised")
    folder = store.selections / result["id"]
    assert json.loads((folder / "ranking.json").read_text()) == result
    with np.load(folder / "scores.npz", allow_pickle=False) as kept:
        assert list(kept["runs"]) == result["runs"]
        np.testing.assert_array_equal(kept["matrix"], result["matrix"])
        np.testing.assert_array_equal(kept["scores_supervised"], result["methods"]["supervised"]["scores"])
    (row,) = Registry(store).selections()
    assert (row.id, row.runs) == (result["id"], result["runs"])
    assert row.picks == {method: found["pick"] for method, found in result["methods"].items()}
    assert {path.name for path in store.selections.iterdir()} == {"cache", result["id"]}


def test_udr_compares_codes_of_the_same_images(store: Store, pool: list[RunRecord]) -> None:
    result = _select(store, pool, "udr-lasso", "udr-spearman")
    codes = common_codes(_models(pool), engine.data.load("tiny"), seed=0)
    for kind in ("lasso", "spearman"):
        found = result["methods"][f"udr-{kind}"]
        ranking = udr([found.codes for found in codes], None, kind)  # type: ignore[union-attr]
        assert found["scores"] == pytest.approx(list(ranking.scores))
        assert found["ranking"] == [pool[index].id for index in ranking.order]
    assert "matrix" not in result


def test_supervised_is_the_factor_vae_score(store: Store, pool: list[RunRecord]) -> None:
    found = _select(store, pool, "supervised")["methods"]["supervised"]
    expected = [score_run(store, record, ["factor_vae"])["scores"]["factor_vae"] for record in pool]
    assert found["scores"] == expected
    assert expected[[record.id for record in pool].index(found["pick"])] == max(expected)


def test_a_second_call_computes_nothing_and_a_grown_pool_only_what_is_new(
    store: Store, pool: list[RunRecord], make_run: RunMaker
) -> None:
    first = _select(store, pool)
    assert first["evaluated_pairs"] == 16
    second = _select(store, pool)
    assert second["evaluated_pairs"] == 0
    assert second["matrix"] == first["matrix"]
    assert second["id"] != first["id"]
    grown = _select(store, [*pool, make_run("run-4", seed=4)])
    assert grown["evaluated_pairs"] == 9
    assert [row[:4] for row in grown["matrix"][:4]] == first["matrix"]


def test_interrupted_and_called_again_it_ends_the_same(store: Store, pool: list[RunRecord], tmp_path: Path) -> None:
    expected = _select(store, pool)["matrix"]
    shutil.rmtree(store.selections / "cache")

    def interrupt(phase: str, done: int, total: int) -> None:
        if phase == "comparing models" and done > 8:
            raise KeyboardInterrupt

    before = set(store.selections.iterdir())
    with pytest.raises(KeyboardInterrupt):
        _select(store, pool, progress=interrupt)
    assert set(store.selections.iterdir()) - before == {store.selections / "cache"}
    again = _select(store, pool)
    assert again["evaluated_pairs"] == 8
    assert again["matrix"] == expected


@pytest.mark.parametrize("place", [0, 2])
@pytest.mark.parametrize("fault", ["no checkpoint", "damaged checkpoint", "folder gone", "specification gone"])
def test_a_run_that_cannot_be_loaded_is_left_out_by_every_method(
    store: Store, pool: list[RunRecord], fault: str, place: int
) -> None:
    expected = _select(store, pool[:place] + pool[place + 1 :], *ALL)
    folder = pool[place].folder
    checkpoint = folder.checkpoints / "step-00000007"
    if fault == "no checkpoint":
        shutil.rmtree(checkpoint)
    elif fault == "damaged checkpoint":
        (checkpoint / "weights.safetensors").write_bytes(b"nonsense")
    elif fault == "folder gone":
        shutil.rmtree(folder.path)
    else:
        shutil.rmtree(checkpoint)
        folder.spec_path.unlink()
        (folder.path / ".spec.json.bak").unlink()
        pool[place] = look_at(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = _select(store, pool, *ALL)
    for method in ALL:
        found = result["methods"][method]
        assert list(found["excluded"]) == [pool[place].id]
        assert found["scores"][place] is None
        assert found["ranking"] == expected["methods"][method]["ranking"]
    assert result["matrix"][place] == [None] * 4
    assert result["steps"][place] is None


@pytest.mark.parametrize(("value", "reason"), [(float("nan"), "not finite"), (0.5, "constant")])
def test_a_model_with_useless_codes_is_left_out_with_a_reason(
    store: Store, pool: list[RunRecord], monkeypatch: pytest.MonkeyPatch, value: float, reason: str
) -> None:
    expected = _select(store, [pool[0], *pool[2:]])
    shutil.rmtree(store.selections / "cache")
    _spoil(monkeypatch, pool[1], value)
    found = _select(store, pool)["methods"]["model-centrality"]
    assert list(found["excluded"]) == [pool[1].id]
    assert reason in found["excluded"][pool[1].id]
    assert found["ranking"] == expected["methods"]["model-centrality"]["ranking"]


def test_a_model_that_is_not_finite_on_real_images_is_left_out_by_the_others(
    store: Store, pool: list[RunRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    _spoil(monkeypatch, pool[1], float("inf"))
    methods = _select(store, pool, "udr-lasso", "udr-spearman", "supervised")["methods"]
    assert [list(found["excluded"]) for found in methods.values()] == [[pool[1].id]] * 3


def test_when_no_run_can_be_ranked_the_reasons_are_told(store: Store, make_run: RunMaker) -> None:
    records = [make_run("a", steps=()), make_run("b", steps=())]
    with pytest.raises(InputError, match="model-centrality can rank none of these runs") as error:
        _select(store, records)
    assert all(f"{record.id}: {record.id} has no whole checkpoint" in str(error.value) for record in records)
    for method in ALL[1:]:
        with pytest.raises(InputError, match=f"{method} can rank none of these runs"):
            _select(store, records, method)
    assert list(store.selections.iterdir()) == []
    assert Registry(store).selections() == []


def test_a_pool_of_one_is_its_own_pick(store: Store, make_run: RunMaker) -> None:
    record = make_run("a")
    result = _select(store, [record, record], "model-centrality", "udr-lasso")
    assert result["runs"] == [record.id]
    assert [found["pick"] for found in result["methods"].values()] == [record.id] * 2
    assert [found["scores"] for found in result["methods"].values()] == [[None], [None]]


def test_equal_models_tie_in_the_order_they_were_given(store: Store, make_run: RunMaker) -> None:
    records = [make_run(f"twin-{i}", seed=0) for i in range(3)]
    found = _select(store, records)["methods"]["model-centrality"]
    assert found["ranking"] == [record.id for record in records]
    assert len(set(found["scores"])) == 1


def test_only_model_centrality_ranks_runs_of_several_datasets(store: Store, make_run: RunMaker) -> None:
    records = [make_run("a"), make_run("b", seed=1, data="other")]
    assert _select(store, records)["methods"]["model-centrality"]["excluded"] == {}
    for method in ALL[1:]:
        with pytest.raises(InputError, match=r"'tiny' and run .* on 'other'"):
            _select(store, records, method)


def test_supervised_needs_known_factors(store: Store, make_run: RunMaker) -> None:
    with pytest.raises(InputError, match="'unlabelled' has no known factors"):
        _select(store, [make_run("a", data="unlabelled")], "supervised")


def test_bad_input_is_refused_and_leaves_nothing(store: Store, pool: list[RunRecord]) -> None:
    with pytest.raises(InputError, match="no run to choose from"):
        _select(store, [])
    with pytest.raises(InputError, match="no selection method 'oracle'; use one of model-centrality, udr-lasso"):
        _select(store, pool, "oracle")
    with pytest.raises(InputError, match="no selection method was named"):
        select_runs(store, pool, ())
    with pytest.raises(InputError, match="0 votes"):
        _select(store, pool, votes=0)
    with pytest.raises(InputError, match="'cuda:7' is not available"):
        _select(store, pool, device="cuda:7")
    assert list(store.selections.iterdir()) == []


def test_progress_speaks_of_every_phase(store: Store, pool: list[RunRecord]) -> None:
    seen: list[tuple[str, int, int]] = []
    _select(store, pool, *ALL, progress=lambda *report: seen.append(report))
    phases = list(dict.fromkeys(phase for phase, _, _ in seen))
    assert phases[:4] == ["loading models", "comparing models", "resampling votes", "encoding images"]
    assert all(0 <= done <= total for _, done, total in seen)
    assert ("comparing models", 16, 16) in seen


def test_choosing_does_not_touch_the_global_generator(store: Store, pool: list[RunRecord]) -> None:
    before = torch.get_rng_state()
    _select(store, pool, *ALL)
    assert torch.equal(torch.get_rng_state(), before)


def test_how_sure_the_ranking_is_comes_with_it(store: Store, pool: list[RunRecord]) -> None:
    found = _select(store, pool)["methods"]["model-centrality"]
    assert found["similarity"] == "margin"
    assert found["verdict"] in ("clear", "cannot tell")
    assert bool(found["warnings"]) == (found["verdict"] == "cannot tell")
    assert found["runner_up"] == found["ranking"][1]
    for score, (low, high) in zip(found["scores"], found["intervals"], strict=True):
        assert low <= score <= high
    assert sum(found["medoid_probability"]) == pytest.approx(1.0)
    assert found["confidence"] is None
    assert 0 <= found["agreement_by_chance"] <= 1
    again = _select(store, pool)["methods"]["model-centrality"]
    assert {**again, "seconds": 0} == {**found, "seconds": 0}


def test_supervised_ranks_no_finer_than_its_votes(store: Store, make_run: RunMaker) -> None:
    twins = [make_run(f"twin-{i}", seed=0) for i in range(3)]
    found = _select(store, twins, "supervised")["methods"]["supervised"]
    for score, (low, high) in zip(found["scores"], found["intervals"], strict=True):
        assert low <= score <= high
        assert 0.01 < high - low < 0.1
    assert found["verdict"] == "cannot tell"
    assert found["warnings"] == ["3 models, twin-0 among them, lie within the noise of the best score"]


def test_equal_models_are_said_to_tie(store: Store, make_run: RunMaker) -> None:
    found = _select(store, [make_run(f"twin-{i}", seed=0) for i in range(3)])["methods"]["model-centrality"]
    assert found["verdict"] == "cannot tell"
    assert "twin-0 and twin-1" in found["warnings"][0]


@pytest.mark.parametrize(("n", "words"), [(1, "one model has nobody"), (2, "two models always tie")])
def test_a_pool_that_is_too_small_for_a_medoid_is_said_to_be(
    store: Store, pool: list[RunRecord], n: int, words: str
) -> None:
    found = _select(store, pool[:n])["methods"]["model-centrality"]
    assert found["verdict"] == "cannot tell"
    assert words in found["warnings"][0]


def test_the_papers_protocol_is_told_from_the_other_in_cache_and_result(store: Store, pool: list[RunRecord]) -> None:
    _select(store, pool)
    result = _select(store, pool, protocol="paper")
    assert result["evaluated_pairs"] == 16
    assert result["protocol"]["name"] == "paper"
    assert result["protocol"]["images"] == 60 * 100 + 64
    protocol = VotingProtocol("paper", votes=12, scale_samples=64)
    expected = cross_scores(_models(pool), protocol, similarity="margin").matrix
    np.testing.assert_array_equal(result["matrix"], expected)
    assert _select(store, pool, protocol="paper")["evaluated_pairs"] == 0


def test_a_share_by_the_papers_protocol_is_what_the_selection_then_finds(store: Store, pool: list[RunRecord]) -> None:
    sizes = {"votes": 12, "scale_samples": 64}
    for share in (1, 2):
        assert compare_share(store, pool, share, 2, protocol="paper", **sizes)["evaluated_pairs"] == 8
    assert _select(store, pool, protocol="paper")["evaluated_pairs"] == 0


@pytest.mark.parametrize("similarity", ["factor-vae", "mig"])
def test_another_similarity_is_read_off_what_is_known(store: Store, pool: list[RunRecord], similarity: str) -> None:
    first = _select(store, pool)
    result = _select(store, pool, similarity=similarity)
    assert result["evaluated_pairs"] == 0
    protocol = VotingProtocol(votes=12, scale_samples=64)
    expected = cross_scores(_models(pool), protocol, similarity=similarity).matrix
    np.testing.assert_array_equal(result["matrix"], expected)
    assert result["matrix"] != first["matrix"]
    found = result["methods"]["model-centrality"]
    assert found["similarity"] == similarity
    if similarity == "mig":
        assert found["verdict"] in ("not estimated", "cannot tell")
        assert found["intervals"] == found["medoid_probability"] == [None] * 4


def test_a_budget_compares_part_of_the_pairs(store: Store, make_run: RunMaker) -> None:
    records = [make_run(f"run-{seed}", seed=seed) for seed in range(8)]
    result = _select(store, records, budget=50)
    found = result["methods"]["model-centrality"]
    missing = sum(score is None for row in result["matrix"] for score in row)
    assert result["compared_pairs"] == 64 - missing <= 50
    assert 0 <= found["confidence"] <= 1
    assert sorted(found["ranking"]) == sorted(record.id for record in records)
    assert None not in found["scores"]
    whole = _select(store, records, budget=1000)
    assert whole["compared_pairs"] == 64
    assert whole["methods"]["model-centrality"]["confidence"] is None
    assert _select(store, records, budget=0)["compared_pairs"] <= 64
    with pytest.raises(InputError, match="a budget of 9 pairs is too small for 8 models"):
        _select(store, records, budget=9)
    with pytest.raises(InputError, match="a budget of -1 pairs"):
        _select(store, records, budget=-1)


def test_codes_are_matched_to_the_pick_on_request(store: Store, pool: list[RunRecord]) -> None:
    assert "matching" not in _select(store, pool)["methods"]["model-centrality"]
    found = _select(store, pool, matching=True)["methods"]["model-centrality"]
    assert set(found["matching"]) == set(found["ranking"])
    own = found["matching"][found["pick"]]
    assert {match["code"] for match in own} <= {0, 1, 2}
    assert all(match.keys() == {"code", "of_pick", "agreement", "sign"} for match in own)


def test_shares_fill_the_cache_for_the_whole(store: Store, pool: list[RunRecord]) -> None:
    sizes = {"votes": 12, "scale_samples": 64}
    shares = [compare_share(store, pool, share, 3, **sizes) for share in (1, 2, 3)]
    assert [share["evaluated_pairs"] for share in shares] == [8, 4, 4]
    assert [share["shard"] for share in shares] == ["1/3", "2/3", "3/3"]
    assert compare_share(store, pool, 1, 3, **sizes)["evaluated_pairs"] == 0
    assert _select(store, pool)["evaluated_pairs"] == 0
    with pytest.raises(InputError, match="no shard 4/3"):
        compare_share(store, pool, 4, 3)


def test_the_size_of_groups_is_part_of_the_protocol(store: Store, pool: list[RunRecord]) -> None:
    result = _select(store, pool[:3], group_size=20)
    assert (result["protocol"]["group_size"], result["protocol"]["images"]) == (20, 20 * 20)
    assert _select(store, pool[:3])["evaluated_pairs"] == 9


def test_an_unknown_similarity_is_refused_before_anything_is_loaded(store: Store, pool: list[RunRecord]) -> None:
    seen: list[tuple[str, int, int]] = []
    with pytest.raises(InputError, match="no similarity 'cosine'"):
        _select(store, pool, similarity="cosine", progress=lambda *report: seen.append(report))
    assert not seen


def test_the_launching_side_imports_no_torch() -> None:
    program = "import sys, engine.choosing.choose, engine.choosing.scoring; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
