"""Runs with the independent components of their codes in their place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import engine
from engine.choosing.choose import select_runs
from engine.choosing.scoring import score_run
from engine.choosing.stored import newest_selection
from engine.errors import InputError
from engine.metrics.independent_components import IndependentComponents
from engine.models.unmixed import UNMIXING
from engine.runs.catalogue import RunRecord
from engine.runs.exporting import export_run
from engine.runs.loading import load_model
from engine.runs.references import find_models
from engine.selection.common_codes import CommonCodes
from engine.selection.independent import components_of, find_components, tensors_of, unmixed_by
from engine.storage.store import Store
from tests.tiny_runs import TinyImages

RunMaker = Callable[..., RunRecord]
UNKNOWN = IndependentComponents(np.eye(3), np.zeros(3), np.ones(3, dtype=np.bool_), 0.5, 3, settled=True)


def test_scores_of_components_are_told_apart_and_kept_nowhere(store: Store, make_run: RunMaker) -> None:
    record = make_run("a")
    own = score_run(store, record, ["mig"])
    turned = score_run(store, record, ["mig"], codes="ica")
    assert (own["codes"], turned["codes"]) == ("mean", "mean, ica")
    assert own["scores"] != turned["scores"]
    kept = json.loads((record.folder.path / "scores" / "step-00000007-paper.json").read_text())
    assert kept["scores"] == own["scores"]


def test_codes_that_are_mostly_noise_take_no_part(store: Store, make_run: RunMaker) -> None:
    model = load_model(make_run("a").folder.path)
    codes = np.random.default_rng(0).uniform(-1, 1, (400, 3))
    found = components_of(model, CommonCodes(codes, np.array([1.5, 0.34, 0.36])), 0)
    assert found.took_part.tolist() == [True, False, True]
    np.testing.assert_array_equal(found.of(codes)[:, 1], codes[:, 1])
    assert found.of(codes).std(axis=0)[[0, 2]] == pytest.approx(np.full(2, 3**-0.5), abs=1e-6), "the prior's spread"


def test_an_exported_model_keeps_the_map(store: Store, make_run: RunMaker, tmp_path: Path) -> None:
    record = make_run("a")
    model = load_model(record.folder.path)
    components = find_components(model, TinyImages("tiny"))
    export_run(record, tmp_path / "out", unmixing=tensors_of(components))
    again = engine.load(tmp_path / "out")
    images = model.sample(5, seed=1)
    expected = unmixed_by(model, components)
    np.testing.assert_allclose(again.encode(images), components.of(model.encode(images)), atol=1e-4)
    np.testing.assert_array_equal(again.encode(images), expected.encode(images))
    np.testing.assert_array_equal(again.sample(2, seed=3), expected.sample(2, seed=3))
    latents = model.codes.sample(4, torch.Generator().manual_seed(0)).numpy()
    mapped = np.hstack([components.of(latents[:, :3]), latents[:, 3:]]).astype(np.float32)
    np.testing.assert_allclose(again.decode(mapped), model.decode(latents), atol=1e-4)
    assert "independent components" in (tmp_path / "out" / "README.md").read_text()


def test_a_copy_of_it_is_the_same_and_no_map_of_a_map_is_made(store: Store, make_run: RunMaker, tmp_path: Path) -> None:
    record = make_run("a")
    tensors = tensors_of(find_components(load_model(record.folder.path), TinyImages("tiny")))
    export_run(record, tmp_path / "out", unmixing=tensors)
    [exported] = find_models(store, [str(tmp_path / "out")])
    export_run(exported, tmp_path / "copy")
    images = engine.load(tmp_path / "out").sample(2, seed=3)
    np.testing.assert_array_equal(engine.load(tmp_path / "copy").sample(2, seed=3), images)
    with pytest.raises(InputError, match="already"):
        export_run(exported, tmp_path / "third", unmixing=tensors)
    assert score_run(store, exported, ["mig"])["scores"]["mig"] >= 0


def test_an_exported_map_that_does_not_fit_is_refused(store: Store, make_run: RunMaker, tmp_path: Path) -> None:
    record = make_run("a")
    tensors = tensors_of(find_components(load_model(record.folder.path), TinyImages("tiny")))
    wrong = {**tensors, UNMIXING: torch.zeros(2, 2)}
    with pytest.raises(ValueError, match="shape"):
        export_run(record, tmp_path / "out", unmixing=wrong)
    assert not (tmp_path / "out").exists()


def test_a_pool_is_looked_at_with_its_components(store: Store, make_run: RunMaker) -> None:
    pool = [make_run(name, seed=seed) for seed, name in enumerate("ab")]
    own = select_runs(store, pool, ["model-centrality", "ica"], votes=60, group_size=10)
    turned = select_runs(store, pool, ["model-centrality", "ica"], votes=60, group_size=10, codes="ica")
    assert (own.codes, turned.codes) == ("own", "ica")
    assert turned.to_json()["codes"] == "ica"
    assert own.methods["model-centrality"].scores != turned.methods["model-centrality"].scores
    assert turned.methods["ica"].scores == pytest.approx([1, 1], abs=0.05)
    assert max(own.methods["ica"].scores) < 0.95
    found = newest_selection(store, pool, ["ica"])
    assert found is not None
    assert found.id == own.id, "other codes are not the runs'"


def test_where_nothing_can_be_known_it_is_said(
    store: Store, make_run: RunMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = [make_run(name, seed=seed) for seed, name in enumerate("ab")]
    monkeypatch.setattr("engine.selection.independent.independent_components", lambda *_, **__: UNKNOWN)
    with pytest.raises(InputError, match="stay as they are: ICA cannot know their axes: 3 of the 3 components look"):
        score_run(store, pool[0], ["mig"], codes="ica")
    for options in ({"methods": ["ica"]}, {"codes": "ica"}):
        with pytest.raises(InputError, match=r"can rank none of these runs .*ICA cannot know"):
            select_runs(store, pool, **options)


def test_what_makes_no_sense_is_refused(store: Store, make_run: RunMaker) -> None:
    record = make_run("a")
    for call in (
        lambda: score_run(store, record, ["mig"], codes="pca"),
        lambda: select_runs(store, [record], codes="pca"),
    ):
        with pytest.raises(InputError, match="no codes 'pca'; use own or ica"):
            call()
    with pytest.raises(InputError, match="supervised"):
        select_runs(store, [record], ["supervised"], codes="ica")
