"""The study on minishapes: what it compares, its intervals, and a rehearsal with runs of a few updates."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

import minishapes_study as study
from differences import apart, paired, put_paired
from engine.launch.taking_up import earlier_runs
from engine.methods import METHODS, method_class
from engine.methods.base import Setup
from engine.runs.catalogue import list_runs
from engine.runs.run_folders import create_run_folders
from engine.runs.specification.resolving import resolve
from engine.storage.store import Store
from method_table import COLUMNS

TINY = ("--steps", "8", "--seeds", "0-1", "--methods", "infogan-cr", "infogan-cr-control", "--protocols", "paper")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "slots").mkdir(mode=0o700)
    monkeypatch.setenv("CRTUI_SLOTS", str(tmp_path / "slots"))
    return tmp_path / "store"


def call(store: Path, capfd: pytest.CaptureFixture[str], *words: str) -> tuple[str, str]:
    """Call a tiny study; what it prints to its reader, and on the side."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["minishapes_study.py", "--store", str(store), *TINY, *words])
        study.main()
    out, err = capfd.readouterr()
    return out, err


@pytest.mark.slow
def test_a_study_trains_and_scores_each_run_once(store: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out, err = call(store, capfd, "--jobs", "2", "--json")
    document = json.loads(out)
    names = {(row["method"], row["seed"]) for row in document["runs"]}
    assert names == {(arm, seed) for arm in ("infogan-cr", "infogan-cr-control") for seed in (0, 1)}
    assert all(row["scores"]["paper"].keys() == COLUMNS.keys() for row in document["runs"])
    assert "trained 4 of 4" in err
    opened = Store.open(store)
    before = {record.id: (record.group, record.status, record.updated) for record in list_runs(opened)}
    assert {(group, status) for group, status, _ in before.values()} == {("minishapes", "finished")}

    table, err = call(store, capfd)
    assert "4 of 4 runs are there already" in err
    assert "scored" not in err
    assert {record.id: (record.group, record.status, record.updated) for record in list_runs(opened)} == before
    assert "| infogan-cr-control | 2 |" in table
    assert "infogan-cr minus infogan-cr-control, 2 pairs" in table

    found = document["protocols"]["paper"]
    scores = {(row["method"], row["seed"]): row["scores"]["paper"]["mig"] for row in document["runs"]}
    pairs = [scores["infogan-cr", seed] - scores["infogan-cr-control", seed] for seed in (0, 1)]
    assert found["differences"]["mig"]["pairs"] == pairs
    assert found["methods"]["infogan-cr"]["mig"]["mean"] == pytest.approx(
        (scores["infogan-cr", 0] + scores["infogan-cr", 1]) / 2
    )


def test_a_report_trains_nothing(store: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out, _ = call(store, capfd, "--report", "--json")
    assert json.loads(out)["runs"] == []
    assert list_runs(Store.open(store)) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seeds", "3-1"], "ends before it begins"),
        (["--jobs", "0"], "give a number from 1, not '0'"),
        (["--methods", "infogann"], "invalid choice: 'infogann'"),
    ],
)
def test_a_wrong_option_is_named(words: list[str], said: str, store: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        call(store, capfd, *words)
    assert caught.value.code not in (0, None)
    assert said in f"{caught.value.code}{capfd.readouterr().err}"


def test_every_method_is_in_the_study_seed_by_seed() -> None:
    specs = study.study_specs(study.ARMS, [0, 1])
    assert [spec.name for spec in specs] == [f"{arm}-s{seed}" for seed in (0, 1) for arm in study.ARMS]
    assert {study.arm_of(spec.name) for spec in specs} == {*METHODS, "infogan-cr-control"}
    assert {spec.training.steps for spec in specs} == {specs[0].training.steps}
    assert {(spec.preset, spec.data.name, spec.group) for spec in specs} == {
        ("quick-minishapes", "minishapes", "minishapes")
    }


@pytest.mark.parametrize("steps", [None, 50])
def test_the_control_differs_in_the_weight_of_the_regulariser_alone(steps: int | None) -> None:
    regularised, control = study.study_specs(["infogan-cr", "infogan-cr-control"], [4], steps)
    given, zero = regularised.method.model_dump(), control.method.model_dump()
    assert {key for key in given if given[key] != zero[key]} == {"lambda_cr"}
    assert [at for at, _ in given["lambda_cr"]] == [at for at, _ in zero["lambda_cr"]]
    assert given["lambda_cr"][-1][1] > 0 == zero["lambda_cr"][-1][1]
    assert regularised.model_dump(exclude={"name", "method"}) == control.model_dump(exclude={"name", "method"})
    schedule = regularised.method.lambda_cr  # type: ignore[attr-defined]  # a specification knows no method's settings
    assert schedule.over(regularised.training.steps).turning_points == (round(0.4 * regularised.training.steps),)


def test_the_control_trains_the_model_that_infogan_trains() -> None:
    tiny = ["generator.dense=[8]", "discriminator.dense=[8]"]
    control = ["lambda_cr=[[0,0],[2,0]]", "contrastive.dense=[8]", "contrastive_warm_up=true"]
    states = []
    for method, overrides in (("infogan", tiny), ("infogan-cr", tiny + control)):
        [spec] = resolve(method, preset="quick-minishapes", overrides=overrides)
        setup = Setup((8, 8, 1), images=64, seed=3, total_steps=4, device=torch.device("cpu"))
        trained = method_class(method)(spec.method, setup)
        images = torch.rand(4, 6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
        for iteration in range(4):
            trained.update(images[iteration], iteration)
        states.append([network.state_dict() for network in trained.latent_networks()])
    for plain, other in zip(*states, strict=True):
        assert plain.keys() == other.keys()
        assert all(torch.equal(plain[key], other[key]) for key in plain)


def test_intervals_are_those_of_a_paired_t_test() -> None:
    rng = np.random.default_rng(0)
    regularised, control = rng.normal(0.1, 1, 12), rng.normal(0, 1, 12)
    found = paired(list(regularised - control))
    expected = stats.ttest_rel(regularised, control).confidence_interval(0.95)
    assert (found["low"], found["high"]) == pytest.approx((expected.low, expected.high))
    assert (found["n"], found["mean"]) == (12, pytest.approx(np.mean(regularised - control)))


def test_a_difference_is_bold_where_it_stands_among_all_rows(capsys: pytest.CaptureFixture[str]) -> None:
    # Means of three with Student's t of 4.30 for one comparison, and of 6.21 for two.
    rows = {"a": paired([4.9, 4.9 + 3**0.5, 4.9 - 3**0.5]), "b": paired([8.4, 8.4 + 3**0.5, 8.4 - 3**0.5])}
    put_paired(rows, {"a": "A", "b": "B"})
    out = capsys.readouterr().out
    assert "| A | +4.900 | +0.597 … +9.203 |" in out
    assert "| B | **+8.400** |" in out
    put_paired({"a": rows["a"]}, {"a": "A"})
    assert "| A | **+4.900** |" in capsys.readouterr().out


def test_one_pair_has_no_interval() -> None:
    found = paired([0.5])
    assert found["mean"] == 0.5
    assert np.isnan([found["low"], found["high"]]).all()


def test_methods_are_compared_by_welch_s_test_and_a_difference_must_stand_among_all(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rng = np.random.default_rng(1)
    one, two = list(rng.normal(0.5, 0.1, 4)), list(rng.normal(0.3, 0.05, 5))
    expected = stats.ttest_ind(one, two, equal_var=False)
    found = apart(one, two, 1)
    assert (found["low"], found["high"]) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert found["resolved"] is bool(expected.pvalue < 0.05) is True
    assert apart(one, two, 10_000)["resolved"] is bool(expected.pvalue < 0.05 / 10_000) is False

    scores = {
        "qlae": {seed: dict.fromkeys(COLUMNS, value) for seed, value in enumerate((0.9, 0.901, 0.902))},
        "vae": {seed: dict.fromkeys(COLUMNS, value) for seed, value in enumerate((0.1, 0.101, 0.102))},
        "hf-vae": {0: dict.fromkeys(COLUMNS, 0.5)},
    }
    study.print_against("paper", "vae", scores)
    out = capsys.readouterr().out
    assert f"among {len(COLUMNS) + 1} comparisons" in out
    assert "| qlae | **+0.800 ± 0.002**" in out
    assert "hf-vae" not in out


def test_only_seeds_of_both_arms_are_compared() -> None:
    row = dict.fromkeys(COLUMNS, 0.0)
    scores = {"infogan-cr": {0: row, 1: row | {"mig": 0.3}}, "infogan-cr-control": {1: row | {"mig": 0.1}, 2: row}}
    result = study.summarise(scores)
    assert result["seeds"] == [1]
    assert result["differences"]["mig"]["pairs"] == pytest.approx([0.2])


def test_a_run_of_another_specification_is_not_taken_for_one_of_the_study(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "store")
    wanted, other = study.study_specs(["vae"], [0], 8)[0], study.study_specs(["vae"], [0], 9)[0]
    assert earlier_runs(store, [wanted]) == [None]
    [(_, lease)] = create_run_folders(store, [other])
    os.close(lease)
    assert earlier_runs(store, [wanted]) == [None]
