"""``crtui select`` with the computation replaced: the pool it takes, what it prints and saves."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from PIL import Image
from rich.cells import cell_len

from cr_tui.cli import ranking
from engine.choosing import choose
from engine.choosing.result import SelectionResult
from engine.runs.state import Status
from engine.selection import DEFAULT_SIMILARITY


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


def put_ranking(result: dict[str, Any]) -> None:
    """Print a JSON object of ``crtui select``."""
    ranking.put_ranking(SelectionResult.from_json(result))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the engine was asked."""
    asked: list[dict[str, Any]] = []

    def select_runs(store: object, records: Any, methods: Any, **options: Any) -> SelectionResult:
        asked.append({"names": [record.name for record in records], "methods": tuple(methods), **options})
        return SelectionResult.from_json(selection([record.id for record in records]))

    monkeypatch.setattr(choose, "select_runs", select_runs)
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
        (["--group", "a", "--group", "b"], {"a1", "a2", "b1"}),
    ],
)
def test_the_pool_is_what_was_named_or_has_finished(crtui, calls, pool, words: list[str], names: set[str]) -> None:
    assert crtui("select", *words).code == 0
    assert set(calls[0]["names"]) == names


def test_options_reach_the_engine(crtui, calls, pool) -> None:
    crtui("select", "--method", "supervised", "--method", "model-centrality", "--votes", "7", "--device", "cpu")
    crtui("select", "--protocol", "paper")
    assert calls[0]["methods"] == ("supervised", "model-centrality")
    assert (calls[0]["votes"], calls[0]["device"], calls[0]["protocol"]) == (7, "cpu", "latin")
    assert calls[1]["protocol"] == "paper"


def test_a_protocol_that_does_not_exist_is_refused(crtui, calls, pool) -> None:
    result = crtui("select", "--protocol", "papr")
    assert (result.code, calls) == (2, [])
    assert "there is no protocol 'papr' to select by; use latin or paper" in result.err


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


def test_the_protocol_and_its_images_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    put_ranking(selection(["one", "two"]))
    assert "protocol" not in capsys.readouterr().out
    put_ranking(selection(["one", "two"]) | {"protocol": {"name": "paper", "images": 123728}})
    assert "compared by the protocol paper, 123,728 images a generator" in capsys.readouterr().out


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
    # In the table, and beside the heat map where there is room, models are known by the ends of their names.
    for index in range(n):
        assert len([line for line in lines if re.search(rf"(-|…){index}\s", f"{line} ")]) >= (2 if n <= 12 else 1)


def test_runs_that_were_left_out_are_named_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    put_ranking(selection(["one", "two", "three"], excluded={"two": "its images are not finite"}))
    assert "left out by model-centrality: two, because its images are not finite" in capsys.readouterr().out


def test_a_pool_of_one_has_nothing_to_compare_with(capsys: pytest.CaptureFixture[str]) -> None:
    result = selection(["one"])
    result["methods"]["model-centrality"]["scores"] = [None]
    put_ranking(result)
    assert "nothing to compare it with" in capsys.readouterr().out


def test_the_result_is_saved_in_six_forms(crtui, calls, pool, tmp_path: Path) -> None:
    for form in ("json", "csv", "npz", "png", "pdf", "svg"):
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
        assert picture.format == "PNG"
        assert picture.width > 600, "it is meant for print"
    assert (tmp_path / "result.pdf").read_bytes().startswith(b"%PDF")
    assert b"<svg" in (tmp_path / "result.svg").read_bytes()


def test_without_matplotlib_a_png_is_drawn_in_pixels_and_a_pdf_is_refused(
    crtui, calls, pool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert crtui("select", "--save", str(tmp_path / "result.png")).code == 0
    with Image.open(tmp_path / "result.png") as picture:
        assert picture.format == "PNG"
    calls.clear()
    refused = crtui("select", "--save", str(tmp_path / "result.pdf"))
    assert refused.code == 2
    assert "pip install" in refused.err
    assert "[plot]" in refused.err
    assert not calls, "nothing is computed for a file that cannot be written"


@pytest.mark.parametrize("form", ["npz", "png"])
def test_what_has_no_matrix_is_not_saved_as_one(crtui, calls, pool, monkeypatch, tmp_path: Path, form: str) -> None:
    def without_matrix(store: object, records: Any, methods: Any, **options: Any) -> SelectionResult:
        result = selection([record.id for record in records])
        del result["matrix"]
        return SelectionResult.from_json(result)

    monkeypatch.setattr(choose, "select_runs", without_matrix)
    result = crtui("select", "--save", str(tmp_path / f"x.{form}"))
    assert result.code == 2
    assert "model-centrality" in result.err
    assert not (tmp_path / f"x.{form}").exists()


def sure(result: dict[str, Any], **facts: Any) -> dict[str, Any]:
    """The result with what is known of its uncertainty."""
    found = result["methods"]["model-centrality"]
    n = len(result["runs"])
    intervals = [None if score is None else [score - 0.02, score + 0.02] for score in found["scores"]]
    shares = [None if score is None else 1 / n for score in found["scores"]]
    found |= {"intervals": intervals, "medoid_probability": shares, "verdict": "clear", "warnings": []} | facts
    return result


@pytest.mark.parametrize("n", [1, 5, 40, 60])
def test_intervals_and_probabilities_fit_80_columns_too(capsys: pytest.CaptureFixture[str], n: int) -> None:
    ids = [f"20260101-000000-{index:06x}" for index in range(n)]
    result = sure(selection(ids))
    result["names"] = [f"a-long-name-of-a-run-of-mine-{index}" for index in range(n)]
    put_ranking(result)
    lines = capsys.readouterr().out.splitlines()
    table = lines[: lines.index("")]
    assert max(cell_len(line) for line in lines if " picks " not in line) <= 80
    assert all(any(run_id in line for line in table) for run_id in ids)
    best = result["methods"]["model-centrality"]["scores"][-1]
    assert f"{best - 0.02:.3f}–{best + 0.02:.3f}" in table[2]
    assert f"{1 / n:.0%}" in table[2]


def test_more_models_than_can_be_drawn_are_cut_to_the_best(capsys: pytest.CaptureFixture[str]) -> None:
    put_ranking(selection([f"run{index}" for index in range(41)]))
    assert "the best 40 of 41 models; --save keeps them all" in capsys.readouterr().out
    put_ranking(selection([f"run{index}" for index in range(40)]))
    assert "the best 40" not in capsys.readouterr().out


def test_the_heat_map_is_in_the_order_of_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    put_ranking(selection(["one", "two", "three"], excluded={"two": "it is broken"}))
    lines = capsys.readouterr().out.splitlines()
    drawn = lines[lines.index("") + 2 :]
    assert [line.split()[:2] for line in drawn[1:4]] == [["1", "run-2"], ["2", "run-0"], ["3", "run-1"]]


def test_doubts_stand_above_the_pick(capsys: pytest.CaptureFixture[str]) -> None:
    put_ranking(sure(selection(["one", "two", "three"]), verdict="cannot tell", warnings=["more votes would help"]))
    out = capsys.readouterr().out
    assert out.index("careful: more votes would help") < out.index("run-2")
    assert out.splitlines()[-1].startswith("model-centrality cannot tell which of 3 models is the best and takes run-2")


@pytest.mark.parametrize("scores", [[0.5, 0.6, 0.7], [1.0, 1.0, 1.0]])
def test_a_pool_without_consensus_says_so_before_it_names_a_pick(
    capsys: pytest.CaptureFixture[str], scores: list[float]
) -> None:
    facts = {"verdict": "cannot tell", "agreement": 0.4, "agreement_by_chance": 0.5, "scores": scores}
    put_ranking(sure(selection(["one", "two", "three"]), warnings=["the models agree no better"], **facts))
    out = capsys.readouterr().out
    assert out.index("careful: the models agree no better") < out.index("run-2")
    assert out.splitlines()[-1].startswith("No consensus: ")
    put_ranking(sure(selection(["one", "two", "three"]), agreement=0.6, agreement_by_chance=0.5))
    assert "No consensus" not in capsys.readouterr().out


def test_the_confidence_in_a_pick_by_part_of_the_pairs_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    put_ranking(sure(selection(["one", "two", "three"]), confidence=0.97))
    assert "other draws of its votes and references pick it 97% of the time" in capsys.readouterr().out


def test_the_doubts_are_saved_too(crtui, pool, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(
        choose,
        "select_runs",
        lambda store, records, methods, **_: SelectionResult.from_json(
            sure(selection([record.id for record in records]))
        ),
    )
    for form in ("csv", "npz"):
        assert crtui("select", "--save", str(tmp_path / f"result.{form}")).code == 0
    (row, *_) = csv.DictReader((tmp_path / "result.csv").open())
    assert float(row["model-centrality low"]) < float(row["model-centrality"]) < float(row["model-centrality high"])
    assert float(row["model-centrality medoid probability"]) == pytest.approx(1 / 3)
    with np.load(tmp_path / "result.npz", allow_pickle=False) as arrays:
        assert arrays["intervals_model-centrality"].shape == (3, 2)
        assert arrays["medoid_probability_model-centrality"].shape == (3,)


def test_ways_to_compare_reach_the_engine(crtui, calls, pool) -> None:
    crtui("select", "--similarity", "factor-vae", "--budget", "0", "--matching", "--group-size", "25")
    assert calls[0]["group_size"] == 25
    assert (calls[0]["similarity"], calls[0]["budget"], calls[0]["matching"]) == ("factor-vae", 0, True)
    crtui("select")
    assert (calls[1]["similarity"], calls[1]["budget"], calls[1]["matching"]) == (DEFAULT_SIMILARITY, None, False)


def test_a_shard_is_computed_and_nothing_ranked(crtui, calls, pool, monkeypatch) -> None:
    asked: list[tuple[int, int, Any]] = []

    def compare_share(store: object, records: Any, share: int, shares: int, **options: Any) -> dict[str, Any]:
        asked.append((share, shares, options["votes"]))
        return {"shard": f"{share}/{shares}", "compared_pairs": 9, "evaluated_pairs": 4, "excluded": {"x": "why"}}

    monkeypatch.setattr(choose, "compare_share", compare_share)
    out = crtui("select", "--shard", "2/8", "--votes", "7").out
    assert "shard 2/8: 4 pairs computed, 5 were known" in out
    assert "left out: x, because why" in out
    assert crtui("select", "--shard", "2/8", "--json").json["shard"] == "2/8"
    assert asked == [(2, 8, 7), (2, 8, None)]
    assert not calls


@pytest.mark.parametrize("words", [["--shard", "two"], ["--shard", "1/2", "--budget", "9"], ["--shard", "/3"]])
def test_a_shard_that_makes_no_sense_is_refused(crtui, calls, pool, words: list[str]) -> None:
    result = crtui("select", *words)
    assert result.code == 2
    assert "--shard" in result.err
