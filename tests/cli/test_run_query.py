from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from cr_tui.cli.run_query import SpecKeys, parse_columns, parse_where, sort_runs
from cr_tui.dashboard.model.data import Run
from cr_tui.dashboard.runs.query import parse
from engine.errors import InputError
from engine.runs.folder import RunFolder
from engine.runs.labels import change_labels, read_labels


def record(name: str, **fields: object) -> SimpleNamespace:
    given = {"id": f"id-{name}", "name": name, "group": None, "method": "infogan", "data": "minisprites", "seed": 0}
    given |= {"status": "finished", "step": 10, "total_steps": 10, "device": "cpu", "pid": None, "scores": {}}
    return SimpleNamespace(**(given | {"created": None, "updated": None} | fields))


RUNS = [
    record("low", seed=1, scores={"factor_vae": 0.5}, group="a"),
    record("high", seed=2, scores={"factor_vae": 0.9}, group="a"),
    record("unscored", seed=3, status="running", step=4),
    record("diverged", seed=4, scores={"factor_vae": None}),
]


def names(expression: str) -> list[str]:
    condition = parse_where(expression)
    return [run.name for run in RUNS if condition(run)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("score.factor_vae>0.8", ["high"]),
        ("score.factor_vae >= 0.5", ["low", "high"]),
        ("score.factor_vae<0.9", ["low"]),
        ("score.factor_vae!=0.9", ["low", "unscored", "diverged"]),
        ("score.absent>0", []),
        ("seed<=2", ["low", "high"]),
        ("seed=2", ["high"]),
        ("seed==2", ["high"]),
        ("status=running", ["unscored"]),
        ("status!=running", ["low", "high", "diverged"]),
        ("group=a", ["low", "high"]),
        ("group!=a", ["unscored", "diverged"]),
        ("group=a seed>1", ["high"]),
        ("group=a and seed>1", ["high"]),
        ("  group=a   and   seed < 2  ", ["low"]),
        ("step<total_steps", None),
        ("score.factor_vae>8e-1", ["high"]),
    ],
)
def test_where_keeps_the_runs_that_meet_all_terms(expression: str, expected: list[str] | None) -> None:
    if expected is None:
        with pytest.raises(InputError, match="number"):
            parse_where(expression)
    else:
        assert names(expression) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("tag=paper", ["one"]),
        ("tag=PAPER", ["one"]),
        ("tag:p", ["one", "two"]),
        ("tag!=paper", ["two", "three"]),
        ("tag:p and seed=2", ["two"]),
        ("tag=図", ["three"]),
        ("tag=pap", []),
    ],
)
def test_tags_are_found_as_by_the_filter_of_the_dashboard(tmp_path: Path, expression: str, expected: list[str]) -> None:
    runs = []
    for seed, (name, tags) in enumerate({"one": ["paper"], "two": ["Poster"], "three": ["図"], "none": []}.items(), 1):
        folder = RunFolder(tmp_path / name)
        folder.path.mkdir()
        change_labels(folder, tags)
        runs.append(record(name, seed=seed, folder=folder))
    expected = [*expected, "none"] if "!=" in expression else expected
    listed = [
        Run(run.id, run.name, "", "infogan", "minisprites", run.seed, "finished", 1, 1, 0, 0, tags=tags)
        for run in runs
        for tags in [read_labels(run.folder).tags]
    ]
    assert [run.name for run in runs if parse_where(expression)(run)] == expected
    assert [run.name for run in listed if parse(expression).passes(run)] == expected


@pytest.mark.parametrize(
    ("expression", "hint"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("seed", "seed"),
        ("seed>", "seed>"),
        (">3", ">3"),
        ("seed>1 or seed<0", "or seed<0"),
        ("seed>1 and", "and"),
        ("seed>1and seed<3", "1and"),
        ("seed>=>1", "seed>=>1"),
        ("seed>two", "two"),
        ("seed>inf", "inf"),
        ("score.>1", "score."),
        ("colour=red", "colour"),
        ("name<b", "name"),
        ("name:b", "name:b"),
        ("tag<b", "tag<b"),
        ("__class__=x", "__class__"),
    ],
)
def test_where_names_what_it_cannot_read(expression: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_where(expression)
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("seed", ["low", "high", "unscored", "diverged"]),
        ("-seed", ["diverged", "unscored", "high", "low"]),
        ("score.factor_vae", ["low", "high", "unscored", "diverged"]),
        ("-score.factor_vae", ["high", "low", "unscored", "diverged"]),
        ("group", ["low", "high", "unscored", "diverged"]),
        ("name", ["diverged", "high", "low", "unscored"]),
    ],
)
def test_runs_without_a_value_come_last_either_way(key: str, expected: list[str]) -> None:
    assert [run.name for run in sort_runs(RUNS, key)] == expected


SETTINGS = {
    "low": {"method.lambda_info": 0.1, "method.lambda_cr": [[0, 0.0], ["90%", 2.0]], "training.steps": 10},
    "high": {"method.lambda_info": 0.3, "method.contrastive_warm_up": True, "method.mine": "x"},
}


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> SpecKeys:
    keys = SpecKeys(RUNS)
    monkeypatch.setattr(keys, "_of", lambda run: SETTINGS.get(run.name, {}))
    return keys


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("lambda_info>0.2", ["high"]),
        ("method.lambda_info<=0.3 seed=1", ["low"]),
        ("lambda_info=0.10", ["low"]),
        ("lambda_info!=0.1", ["high", "unscored", "diverged"]),
        ('lambda_cr=[[0,0.0],["90%",2.0]]', ["low"]),
        ("contrastive_warm_up=true", ["high"]),
        ("contrastive_warm_up>1", []),
        ("mine=x", ["high"]),
        ("mine!=x", ["low", "unscored", "diverged"]),
        ("steps<11", ["low"]),
    ],
)
def test_where_knows_every_key_of_the_specification(keys: SpecKeys, expression: str, expected: list[str]) -> None:
    assert [run.name for run in filter(parse_where(expression, keys), RUNS)] == expected


def test_sort_and_columns_know_every_key_of_the_specification(keys: SpecKeys) -> None:
    assert [run.name for run in sort_runs(RUNS, "-lambda_info", keys)] == ["high", "low", "unscored", "diverged"]
    assert parse_columns("name, lambda_info,score.mig,created", keys) == [
        *("name", "method.lambda_info", "score.mig", "created")
    ]


@pytest.mark.parametrize(
    ("columns", "hint"),
    [
        ("lambda_ifno", "did you mean 'lambda_info'?"),
        ("name,name", "--columns has name twice"),
        ("method.lambda_info,lambda_info", "--columns has method.lambda_info twice"),
        ("", "--columns knows no ''"),
        ("dense", "ambiguous"),
        ("score.", "score."),
    ],
)
def test_columns_that_are_not_there_are_named(keys: SpecKeys, columns: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_columns(columns, keys)
    assert hint in str(caught.value)
    assert len(str(caught.value)) < 400


def test_sort_names_the_fields_there_are() -> None:
    with pytest.raises(InputError, match="total_steps"):
        sort_runs(RUNS, "loss")
