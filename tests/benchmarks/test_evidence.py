"""The analysis of docs/evidence.md: whom it pairs, what it refuses, what it prints, and a rehearsal of its commands."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

import evidence
from engine.errors import InputError
from engine.launch.taking_up import earlier_runs
from engine.metrics.checks import Protocol
from engine.metrics.scoring import choose
from engine.runs.catalogue import RunRecord, list_runs
from engine.runs.registry import Registry
from engine.runs.run_folders import create_run_folders
from engine.runs.specification.resolving import resolve
from engine.runs.specification.spec import BranchSettings, RunSpec
from engine.runs.state import Status
from engine.storage.store import Store
from pools import train_pool

TRUNK = "20261128-005021-40bc78"
OTHER_TRUNK = "20261128-005021-4bf30c"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


def branch(seed: int, weight: float, trunk: str = TRUNK) -> RunSpec:
    """A branch whose lambda_CR ends at a weight."""
    [spec] = resolve(
        "infogan-cr",
        preset="quick-minishapes",
        flags={"group": "branches", "name": f"branch-{seed}-{weight}", "seed": seed, "training.steps": 16},
        overrides=[f"lambda_cr=[[0,0],[8,{weight}]]", "gap=0", "training.score_every=4"],
    )
    return spec.model_copy(update={"branch": BranchSettings(run=trunk, step=8)})


def add(store: Store, *specs: RunSpec, status: Status = Status.FINISHED) -> list[RunRecord]:
    """Runs that have ended, without checkpoints of their own; what branches start from is an empty folder."""
    for spec in specs:
        if spec.branch:
            (store.runs / spec.branch.run / "checkpoints" / "step-00000008").mkdir(parents=True, exist_ok=True)
    folders = create_run_folders(store, list(specs))
    for folder, lease in folders:
        os.close(lease)
        folder.update_state(lambda state: state.model_copy(update={"step": 16}).ended_as(status))
    Registry(store).add_runs([folder for folder, _ in folders])
    return [record for record in earlier_runs(store, specs) if record is not None]


def test_branches_of_one_trunk_are_a_pair_and_the_regularised_one_comes_first(store: Store) -> None:
    control, regularised = add(store, branch(3, 0), branch(3, 2))
    add(store, branch(4, 2))  # of a seed that is not asked for
    assert evidence.arms_of(list_runs(store), [3]) == {3: (regularised, control)}


@pytest.mark.parametrize(
    ("specs", "said"),
    [
        ([branch(0, 2)], "seed 0 has 0 branches without it in group 'branches'; it needs one"),
        ([branch(0, 2), branch(0, 3), branch(0, 0)], "seed 0 has 2 branches with the regulariser"),
        ([branch(0, 2), branch(0, 0, OTHER_TRUNK)], "the branches of seed 0 do not start from one checkpoint"),
    ],
)
def test_what_is_no_pair_is_refused(specs: list[RunSpec], said: str, store: Store) -> None:
    add(store, *specs)
    with pytest.raises(InputError, match=said):
        evidence.arms_of(list_runs(store), [0])


def test_nothing_is_scored_before_all_branches_have_finished(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    add(store, branch(0, 2), branch(0, 0), branch(1, 2))
    add(store, branch(1, 0), status=Status.STOPPED)
    monkeypatch.setattr(sys, "argv", ["evidence.py", "--store", str(store.root), "--seeds", "0-1"])
    monkeypatch.setattr(evidence, "score_pool", lambda *_: pytest.fail("it scored"))
    with pytest.raises(SystemExit, match=r"branch-1-0(\.0)? is stopped; the protocol scores no branch before all have"):
        evidence.main()


def test_differences_are_paired_by_trunk(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    records = add(store, branch(0, 2), branch(0, 0), branch(1, 2), branch(1, 0))
    values = dict(zip([record.id for record in records], (0.4, 0.1, 0.6, 0.5), strict=True))
    names = evidence.names_of("paper")
    monkeypatch.setattr(
        evidence, "score_pool", lambda *_: {run: dict.fromkeys(names, value) for run, value in values.items()}
    )
    arms = evidence.arms_of(list_runs(store), [0, 1])
    found = evidence.compared(store, arms, "paper", 1, print)
    assert found["differences"]["mig"]["pairs"] == pytest.approx([0.3, 0.1])
    assert found["differences"]["mig"]["mean"] == pytest.approx(0.2)
    evidence.put("paper", found)
    out = capsys.readouterr().out
    assert "| MIG | +0.200 | -1.071 … +1.471 | 0.141 | +0.300 +0.100 |" in out
    assert "| 1 | on | 0.600 |" in out

    del values[records[-1].id]
    with pytest.raises(InputError, match=f"{records[-1].name} cannot be scored by protocol paper"):
        evidence.compared(store, arms, "paper", 1, print)


@pytest.mark.parametrize("protocol", ["paper", "lib"])
def test_every_regressor_of_dci_is_compared_once(protocol: Protocol) -> None:
    names = evidence.names_of(protocol)
    assert {name for name in choose(["all"]) if name.startswith("dci_") and name != "dci_es"} == {
        key.removesuffix("_disentanglement") for key in evidence.REGRESSORS
    }
    assert evidence.REGRESSORS.keys() - names.keys() == {evidence.OWN_REGRESSOR[protocol]}
    assert "dci_disentanglement" in names


def test_a_run_that_is_no_branch_has_no_trunk(store: Store) -> None:
    [spec] = resolve("infogan-cr", preset="quick-minishapes", flags={"seed": 0})
    [record] = add(store, spec)
    with pytest.raises(InputError, match="starts from no other run"):
        evidence.trunk_of(record)


@pytest.mark.slow
def test_a_rehearsal(tmp_path: Path, store: Store, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "slots").mkdir(mode=0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRTUI_SLOTS", str(tmp_path / "slots"))
        trunks = [
            resolve(
                "infogan-cr",
                preset="quick-minishapes",
                flags={"name": f"trunk-s{seed}", "seed": seed, "training.steps": 8},
                overrides=["lambda_cr=0", "training.score_every=4", "training.checkpoint_every=4", "gap=0"],
            )[0]
            for seed in (0, 1)
        ]
        records = train_pool(store, trunks, 2, print)
        branches = [branch(record.seed or 0, weight, record.id) for record in records for weight in (2, 0)]
        assert len(train_pool(store, branches, 2, print)) == 4
        words = ["evidence.py", "--store", str(store.root), "--seeds", "0-1", "--protocols", "paper"]
        patch.setattr(sys, "argv", words)
        evidence.main()
        assert "on minus 0, paired by trunk" in capfd.readouterr().out
        figure, figures = tmp_path / "curves.svg", tmp_path / "curves.json"
        patch.setattr(sys, "argv", [*words, "--curves", "--save", str(figure), "--json", str(figures)])
        evidence.main()
    table = capfd.readouterr().out
    assert "| trunk | 8 | 2 |" in table
    assert "| lambda_CR on | 16 | 2 |" in table
    assert b"<svg" in figure.read_bytes()
    found = json.loads(figures.read_text())
    assert [run["steps"] for run in found["trunk"]] == [[4, 8], [4, 8]]
    assert all(len(run["mig"]) == len(run["steps"]) for line in found.values() for run in line)


def test_curves_have_a_row_for_each_step_and_a_panel_for_each_score(capsys: pytest.CaptureFixture[str]) -> None:
    runs = [
        {"steps": [4, 8], "mig": [0.1, 0.2], "factor_vae": [0.5, 0.6]},
        {"steps": [8], "mig": [0.4], "factor_vae": [0.8]},
    ]
    evidence.put_curves({"trunk": runs})
    out = capsys.readouterr().out
    assert "| trunk | 4 | 1 | 0.100 | 0.500 |" in out
    assert "| trunk | 8 | 2 | 0.300 ± 0.141 | 0.700 ± 0.141 |" in out
    figure = evidence.draw_curves_of({"trunk": runs})
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["MIG", "FactorVAE"]
