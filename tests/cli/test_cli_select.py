"""``crtui select`` with the computation replaced: the pool it takes, what it prints and saves."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from PIL import Image
from rich.cells import cell_len

from cr_tui.cli.ranking import put_ranking
from engine.launch import selecting
from engine.runs.state import Status


def selection(ids: list[str], excluded: dict[str, str] | None = None) -> dict[str, Any]:
    """A result in which later runs are better."""
    excluded = excluded or {}
    n = len(ids)
    scores = [None if run_id in excluded else 0.5 + index / (2 * n) for index, run_id in enumerate(ids)]
    ranking = [run_id for run_id in reversed(ids) if run_id not in excluded]
    matrix = [
        [None if {row, column} & excluded.keys() else (i + j) / (2 * n) for j, column in enumerate(ids)]
        for i, row in enumerate(ids)
    ]
    return {
        "id": "s",
        "runs": ids,
        "names": [f"run-{index}" for index in range(n)],
        "steps": [100] * n,
        "methods": {
            "model-centrality": {"scores": scores, "ranking": ranking, "pick": ranking[0], "excluded": excluded}
        },
        "matrix": matrix,
    }


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the engine was asked."""
    asked: list[dict[str, Any]] = []

    def select_runs(store: object, records: Any, methods: Any, **options: Any) -> dict[str, Any]:
        asked.append({"names": [record.name for record in records], "methods": tuple(methods), **options})
        return selection([record.id for record in records])

    monkeypatch.setattr(selecting, "select_runs", select_runs)
    return asked


@pytest.fixture
def pool(add_run: Callable[..., Any]) -> None:
    for name, group, status in (
        ("a1", "a", Status.FINISHED),
        ("a2", "a", Status.FINISHED),
        ("a3", "a", Status.CRASHED),
        ("b1", "b", Status.FINISHED),
    ):
        add_run(status, name=name, group=group)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([], {"a1", "a2", "b1"}),
        (["--group", "a"], {"a1", "a2"}),
        (["a3", "b1"], {"a3", "b1"}),
        (["b1", "--group", "a"], {"a1", "a2", "b1"}),
    ],
)
def test_the_pool_is_what_was_named_or_has_finished(crtui, calls, pool, words: list[str], names: set[str]) -> None:
    assert crtui("select", *words).code == 0
    assert set(calls[0]["names"]) == names


def test_options_reach_the_engine(crtui, calls, pool) -> None:
    crtui("select", "--method", "supervised", "--method", "model-centrality", "--votes", "7", "--device", "cpu")
    assert calls[0]["methods"] == ("supervised", "model-centrality")
    assert (calls[0]["votes"], calls[0]["device"]) == (7, "cpu")


def test_the_default_is_model_centrality(crtui, calls, pool) -> None:
    crtui("select")
    assert calls[0]["methods"] == ("model-centrality",)


def test_json_is_the_result_and_nothing_else(crtui, calls, pool) -> None:
    result = crtui("select", "--json").json
    found = result["methods"]["model-centrality"]
    assert len(result["runs"]) == 3
    assert found["pick"] == found["ranking"][0] == result["runs"][-1]
    assert np.array(result["matrix"]).shape == (3, 3)


def test_the_result_is_printed_best_first_with_the_pick_in_a_sentence(crtui, calls, pool) -> None:
    out = crtui("select").out
    assert out.index("run-2") < out.index("run-1") < out.index("run-0")
    assert "model-centrality picks run-2" in out
    assert "best of 3 models" in out


def test_a_tie_is_called_a_tie(capsys: pytest.CaptureFixture[str]) -> None:
    result = selection(["one", "two", "three"])
    result["methods"]["model-centrality"]["scores"] = [1.0, 1.0 - 1e-12, 0.5]
    result["methods"]["model-centrality"] |= {"ranking": ["one", "two", "three"], "pick": "one"}
    put_ranking(result)
    assert "cannot tell 2 of 3 models apart at 1.000 and takes run-0" in capsys.readouterr().out


@pytest.mark.parametrize("n", [1, 2, 5, 12, 40])
def test_what_is_printed_fits_80_columns(capsys: pytest.CaptureFixture[str], n: int) -> None:
    ids = [f"20260101-000000-{index:06x}" for index in range(n)]
    result = selection(ids)
    result["names"] = [f"a-long-name-of-a-run-of-mine-{index}" for index in range(n)]
    put_ranking(result)
    lines = capsys.readouterr().out.splitlines()
    table = lines[: lines.index("")]
    picture = [line for line in lines[lines.index("") :] if " picks " not in line]
    assert max(map(cell_len, table + picture)) <= 80
    assert all(any(run_id in line for line in table) for run_id in ids)


def test_runs_that_were_left_out_are_named_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    put_ranking(selection(["one", "two", "three"], excluded={"two": "its images are not finite"}))
    assert "left out by model-centrality: two, because its images are not finite" in capsys.readouterr().out


def test_a_pool_of_one_has_nothing_to_compare_with(capsys: pytest.CaptureFixture[str]) -> None:
    result = selection(["one"])
    result["methods"]["model-centrality"]["scores"] = [None]
    put_ranking(result)
    assert "nothing to compare it with" in capsys.readouterr().out


def test_the_result_is_saved_in_four_forms(crtui, calls, pool, tmp_path: Path) -> None:
    for form in ("json", "csv", "npz", "png"):
        assert crtui("select", "--save", str(tmp_path / f"result.{form}")).code == 0
    document = orjson.loads((tmp_path / "result.json").read_bytes())
    assert document["methods"]["model-centrality"]["pick"] == document["runs"][-1]
    rows = list(csv.DictReader((tmp_path / "result.csv").open()))
    assert [row["model-centrality rank"] for row in rows] == ["3", "2", "1"]
    assert [row["run"] for row in rows] == document["runs"]
    with np.load(tmp_path / "result.npz", allow_pickle=False) as arrays:
        assert arrays["runs"].tolist() == document["runs"]
        np.testing.assert_array_equal(arrays["matrix"], document["matrix"])
        assert arrays["scores_model-centrality"].shape == (3,)
    with Image.open(tmp_path / "result.png") as picture:
        assert picture.width == picture.height
        assert picture.width % 3 == 0


@pytest.mark.parametrize("form", ["npz", "png"])
def test_what_has_no_matrix_is_not_saved_as_one(crtui, calls, pool, monkeypatch, tmp_path: Path, form: str) -> None:
    def without_matrix(store: object, records: Any, methods: Any, **options: Any) -> dict[str, Any]:
        result = selection([record.id for record in records])
        del result["matrix"]
        return result

    monkeypatch.setattr(selecting, "select_runs", without_matrix)
    result = crtui("select", "--save", str(tmp_path / f"x.{form}"))
    assert result.code == 2
    assert "model-centrality" in result.err
    assert not (tmp_path / f"x.{form}").exists()
