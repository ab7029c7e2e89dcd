"""The benchmark of selectors, on pools of tiny models: whom it compares, in which pools, and what it prints."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import selector_regret
from engine.choosing.scoring import score_run
from engine.runs.catalogue import list_runs
from engine.runs.event_log import EventLog
from engine.runs.loading import load_model
from engine.selection.generated_set import VotingProtocol
from engine.storage.store import Store
from method_table import COLUMNS
from tests.tiny_runs import add_quick_run, add_tiny_run, serve_tiny_images


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Calls the program on two groups of three models, with small sets; what it prints, and the figures it writes."""
    serve_tiny_images(monkeypatch)
    store = Store.open(tmp_path / "store")
    for group in ("one", "two"):
        for seed in range(3):
            add_tiny_run(store, f"{group}-s{seed}", seed=seed, group=group)

    def scores(store: Store, records: Sequence[Any], *_: object) -> dict[str, dict[str, float]]:
        return {record.id: score_run(store, record, list(COLUMNS))["scores"] for record in records}

    def small(name: str = "latin") -> VotingProtocol:
        return VotingProtocol(name, votes=20, group_size=10, scale_samples=100)

    monkeypatch.setattr(selector_regret, "score_pool", scores)
    monkeypatch.setattr(selector_regret, "VotingProtocol", small)

    def call(*words: str) -> tuple[str, Any]:
        figures = tmp_path / "figures.json"
        words = ("--store", str(store.root), "--pools", "50", "--json", str(figures), *words)
        monkeypatch.setattr(sys, "argv", ["selector_regret.py", *words])
        selector_regret.main()
        return capsys.readouterr().out, json.loads(figures.read_text())

    return call


def rows(table: str) -> list[str]:
    """The selectors whose regret is printed, sorted."""
    regret = table.partition("Difference to")[0]
    return sorted(line.split(" | ")[0][2:] for line in regret.splitlines() if line.startswith("| ") and "±" in line)


def test_each_group_is_one_pool(call: Callable[..., Any]) -> None:
    table, figures = call("--group", "*", "--each-group", "--paper-sets")
    assert "2 pools, 6 models" in table
    assert figures["pools"].keys() == {"one", "two"}
    assert sorted(figures["pools"]["one"]["models"]) == ["one-s0", "one-s1", "one-s2"]
    assert figures["regret"].keys() == set(rows(table))
    assert {selector_regret.DEFAULT, selector_regret.BY_PAPER_SETS, "UDR (lasso)", "ICA", "rank mean"} <= set(
        rows(table)
    )
    # The best by FactorVAE loses nothing by FactorVAE, and nobody less than nothing.
    assert [pool[0] for pool in figures["regret"][selector_regret.BEST]] == [0.0, 0.0]
    assert min(value for pools in figures["regret"].values() for pool in pools for value in pool) >= 0


def test_pools_are_drawn_from_all_models_of_a_kind_or_from_all_together(call: Callable[..., Any]) -> None:
    apart, figures = call("--group", "one", "--pool-size", "2")
    assert figures.keys() == {"GANs"}
    assert "GANs: 3 models, 3 independent units" in apart
    assert call("--group", "one", "--pool-size", "2", "--kind", "VAEs") == ("", {})
    together, figures = call("--group", "one", "--pool-size", "2", "--together")
    assert figures.keys() == {"GANs and VAEs"}
    assert rows(together) == rows(apart)


def test_two_groups_of_the_same_seeds_are_three_units(call: Callable[..., Any]) -> None:
    """InfoGANs of one seed are one model for as long as they train alike. Pools of all units would have no interval."""
    table, _ = call("--group", "one", "--group", "two", "--pool-size", "2")
    assert "GANs: 6 models, 3 independent units" in table
    table, figures = call("--group", "one", "--group", "two", "--pool-size", "3")
    assert (rows(table), figures) == ([], {})


def test_some_of_the_runs_are_meant_by_terms(call: Callable[..., Any]) -> None:
    table, _ = call("--group", "*", "--where", "seed<2", "--each-group")
    assert "2 pools, 4 models" in table
    with pytest.raises(SystemExit, match="--where knows no 'sead'"):
        call("--group", "*", "--where", "sead<2")
    with pytest.raises(SystemExit, match="no finished run is in three"):
        call("--group", "three")


@pytest.mark.parametrize(
    ("method", "kind"),
    [("infogan-cr", "GANs"), ("ib-gan", "GANs"), ("hf-vae", "VAEs"), ("chy-vae", "VAEs"), ("qlae", "autoencoders")],
)
def test_each_kind_of_model_has_a_table_of_its_own(tmp_path: Path, method: str, kind: str) -> None:
    """QLAE has no posterior, as a GAN; it is none."""
    record = add_quick_run(Store.open(tmp_path), method)
    assert selector_regret.kind_of(record, load_model(record.folder.path)) == kind


def test_models_with_a_bound_can_be_chosen_by_it(call: Callable[..., Any], tmp_path: Path) -> None:
    """No GAN has one. The runs' own logs say which is best, and the highest is picked in every pool."""
    table, _ = call("--group", "one", "--each-group")
    assert selector_regret.BY_BOUND not in rows(table)
    for record in list_runs(Store.open(tmp_path / "store")):
        with EventLog(record.folder.events_path) as log:
            log.write(6, "train", loss_reconstruction=0.0, kl=0.0)
            log.write(7, "train", loss_reconstruction=50.0 - (record.seed or 0), kl=10.0)
    table, figures = call("--group", "one", "--each-group")
    assert selector_regret.BY_BOUND in rows(table)
    assert figures["pools"]["one"]["picks"][selector_regret.BY_BOUND] == "one-s2"
