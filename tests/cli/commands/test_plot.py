"""``crtui plot``, ``report`` and ``export`` on runs of tiny models, and exported folders where a run is taken."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from engine.runs.catalogue import RunRecord
from engine.runs.event_log import EventLog
from tests.tiny_runs import add_tiny_run, serve_tiny_images


@pytest.fixture
def pool(store, monkeypatch: pytest.MonkeyPatch) -> list[RunRecord]:
    """Three runs of a group, with curves."""
    serve_tiny_images(monkeypatch)
    records = [add_tiny_run(store, f"a{seed}", seed, group="a") for seed in range(3)]
    for number, record in enumerate(records):
        with EventLog(record.folder.events_path) as log:
            for step in range(1, 8):
                log.write(step, "train", loss=1.0 / step + number, learning_rate_factor=1.0)
    return records


def text_of(path: Path) -> str:
    return path.read_text()


@pytest.mark.parametrize("words", [["curves"], ["matrix"], ["ranking"], ["traversal", "a0"], ["codes", "a0"]])
def test_every_figure_is_written(crtui, pool, tmp_path: Path, words: list[str]) -> None:
    path = tmp_path / "figure.pdf"
    result = crtui("plot", *words, "--save", str(path), "--json")
    assert result.code == 0, result.err
    assert result.json["file"] == str(path)
    assert path.stat().st_size > 1000


@pytest.mark.parametrize("kind", ["traversal", "codes"])
def test_several_runs_stand_below_each_other(crtui, pool, tmp_path: Path, kind: str) -> None:
    paths = [tmp_path / f"{number}.svg" for number in range(2)]
    result = crtui("plot", kind, "--group", "a", "--save", str(paths[0]), "--json")
    assert result.code == 0, result.err
    assert len(result.json["runs"]) > 1
    assert crtui("plot", kind, "a0", "--save", str(paths[1])).code == 0
    several, one = (float(re.search(r'height="([\d.]+)pt"', path.read_text())[1]) for path in paths)  # type: ignore[index]
    assert several > len(result.json["runs"]) * one * 0.9


def test_more_runs_than_a_figure_can_show_are_refused(crtui, store, tmp_path: Path) -> None:
    for number in range(13):
        add_tiny_run(store, f"many{number}", group="many")
    refused = crtui("plot", "traversal", "--group", "many", "--save", str(tmp_path / "x.pdf"))
    assert refused.code == 2
    assert "13 runs are too many" in refused.err


def test_without_labels_the_codes_are_drawn_by_themselves(crtui, store, pool, tmp_path: Path) -> None:
    add_tiny_run(store, "plain", data="unlabelled")
    assert crtui("plot", "codes", "plain", "--save", str(tmp_path / "codes.pdf")).code == 0


def test_a_selection_in_the_store_is_drawn_and_not_computed_again(
    crtui, store, pool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert crtui("select", "--group", "a").code == 0
    from engine.choosing import choose

    monkeypatch.setattr(choose, "select_runs", lambda *_, **__: pytest.fail("it was computed again"))
    assert crtui("plot", "matrix", "--group", "a", "--save", str(tmp_path / "m.pdf")).code == 0
    assert crtui("report", "--group", "a", "--to", str(tmp_path / "r.html")).code == 0


def test_a_selection_that_a_run_has_outgrown_is_computed_anew(crtui, store, pool, tmp_path: Path) -> None:
    assert crtui("select", "--group", "a").code == 0
    before = {path.name for path in store.selections.iterdir()}
    checkpoints = pool[0].folder.checkpoints
    (checkpoints / "step-00000007").rename(checkpoints / "step-00000006")
    assert crtui("plot", "matrix", "--group", "a", "--save", str(tmp_path / "m.pdf")).code == 0
    assert {path.name for path in store.selections.iterdir()} - before


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["plot", "curves", "--save", "{tmp}/x.doc"], "x.doc"),
        (["plot", "curves", "--save", "{tmp}/none/x.pdf"], "none"),
        (["plot", "curves", "--save", "{tmp}/x.pdf", "--by", "moon"], "--by"),
        (["plot", "curves", "--save", "{tmp}/x.pdf", "--scalar", "los"], "there are: loss"),
        (["plot", "curves", "nobody", "--save", "{tmp}/x.pdf"], "nobody"),
        (["plot", "ranking", "--method", "dice", "--save", "{tmp}/x.pdf"], "dice"),
        (["plot", "traversal", "--save", "{tmp}/x.pdf"], "name the runs to draw"),
        (["plot", "codes", "--save", "{tmp}/x.pdf"], "name the runs to draw"),
        (["plot", "traversal", "a0", "--code", "9", "--save", "{tmp}/x.pdf"], "no code 9"),
        (["plot", "traversal", "a0", "--step", "9", "--save", "{tmp}/x.pdf"], "no checkpoint at step 9"),
        (["plot", "matrix", "--group", "none", "--save", "{tmp}/x.pdf"], "no group 'none'"),
        (["report", "--to", "{tmp}/x.pdf"], "x.pdf"),
        (["report", "nobody", "--to", "{tmp}/x.html"], "nobody"),
        (["export", "a0", "--to", "{tmp}"], "not empty"),
        (["export", "a0", "--to", "{tmp}/none/x"], "none"),
        (["export", "a0", "--step", "9", "--to", "{tmp}/x"], "no checkpoint at step 9"),
        (["export", "nobody", "--to", "{tmp}/x"], "nobody"),
        (["export", "a0", "--codes", "pca", "--to", "{tmp}/x"], "no codes 'pca'; use own or ica"),
        (["score", "a0", "--codes", "pca"], "no codes 'pca'; use own or ica"),
        (["select", "--group", "a", "--codes", "pca"], "no codes 'pca'; use own or ica"),
        (["select", "--group", "a", "--codes", "ica", "--shard", "1/2"], "--shard only computes for later"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(crtui, pool, tmp_path: Path, words: list[str], hint: str) -> None:
    before = sorted(tmp_path.iterdir())
    result = crtui(*(word.format(tmp=tmp_path) for word in words))
    assert result.code == 2
    assert hint in result.err
    assert result.err.count("error:") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_without_matplotlib_figures_are_refused_before_anything_is_computed(
    crtui, pool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for words in (["plot", "matrix", "--save"], ["report", "--to"], ["traverse", "a0", "--save"]):
        suffix = "html" if words[0] == "report" else "pdf"
        result = crtui(*words, str(tmp_path / f"x.{suffix}"))
        assert result.code == 2
        assert "pip install" in result.err
    assert crtui("traverse", "a0", "--save", str(tmp_path / "x.png")).code == 0
    assert crtui("export", "a0", "--to", str(tmp_path / "model")).code == 0


def test_a_report_shows_the_pool(crtui, pool, tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    result = crtui("report", "--group", "a", "--to", str(path), "--title", "My <pool>", "--json")
    assert result.code == 0, result.err
    assert result.json["bytes"] == path.stat().st_size
    text = text_of(path)
    assert "My &lt;pool&gt;" in text
    headings = re.findall(r"<h2>([^<]+)</h2>", text)
    assert headings[:6] == ["Ranking", "Configurations", "What the codes do", "Training", "Cross-scores", "Runs"]
    assert all(record.id in text for record in pool)
    assert "model-centrality" in text


def test_a_report_of_one_run_has_no_ranking(crtui, pool, tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    assert crtui("report", "a0", "--to", str(path)).code == 0
    assert "<h2>Ranking" not in text_of(path)
    assert "<h2>Training" in text_of(path)


@pytest.fixture
def exported(crtui: Callable[..., Any], pool, tmp_path: Path) -> list[str]:
    """The folders of three exported models, in a store that has none of their runs."""
    folders = [str(tmp_path / f"model-{record.name}") for record in pool]
    for record, folder in zip(pool, folders, strict=True):
        assert crtui("export", record.id, "--to", folder).code == 0
        assert crtui("runs", "rm", "--yes", record.id).code == 0
    return folders


def test_independent_components_are_exported_scored_and_not_looked_for_again(crtui, pool, tmp_path: Path) -> None:
    folder = str(tmp_path / "turned")
    made = crtui("export", "a0", "--codes", "ica", "--to", folder)
    assert made.code == 0
    assert "independent components of 3 codes" in made.err
    assert f"'crtui score {folder}' computes them" in made.err
    of_folder = crtui("score", folder, "--metric", "mig", "--json").json[0]
    of_run = crtui("score", "a0", "--metric", "mig", "--codes", "ica", "--json").json[0]
    assert (of_folder["codes"], of_run["codes"]) == ("mean", "mean, ica")
    assert of_folder["scores"]["mig"] == pytest.approx(of_run["scores"]["mig"], abs=0.02)
    assert crtui("traverse", folder, "--save", str(tmp_path / "t.png")).code == 0
    again = crtui("export", folder, "--codes", "ica", "--to", str(tmp_path / "again"))
    assert again.code == 2
    assert "already" in again.err
    assert "independent components of 3" not in again.err, "said before anything is computed"


def test_a_ranking_of_components_says_so(crtui, pool) -> None:
    result = crtui("select", "a0", "a1", "--method", "ica", "--codes", "ica")
    assert result.code == 0
    assert "independent components" in result.out
    assert "independent components" not in crtui("select", "a0", "a1", "--method", "ica").out


def test_commands_that_take_a_run_take_an_exported_folder(crtui, exported: list[str], tmp_path: Path) -> None:
    first = exported[0]
    scored = crtui("score", first, "--metric", "factor_vae", "--json").json
    assert set(scored[0]["scores"]) == {"factor_vae"}
    selected = crtui("select", *exported, "--json").json
    assert len(selected["methods"]["model-centrality"]["ranking"]) == 3
    assert crtui("traverse", first, "--steps", "3").code == 0
    assert crtui("traverse", first, "--save", str(tmp_path / "t.png")).code == 0
    with Image.open(tmp_path / "t.png") as picture:
        assert picture.width > 300
    for words in (["codes", first], ["traversal", first], ["matrix", *exported], ["ranking", *exported]):
        assert crtui("plot", *words, "--save", str(tmp_path / "f.pdf")).code == 0
    assert crtui("report", *exported, "--to", str(tmp_path / "r.html")).code == 0
    assert "no training curves" in text_of(tmp_path / "r.html")
    refused = crtui("plot", "curves", first, "--save", str(tmp_path / "f.pdf"))
    assert refused.code == 2
    assert "exported models have none" in refused.err
    assert crtui("export", first, "--to", str(tmp_path / "copy")).code == 0


def test_a_command_leaves_an_exported_folder_as_it_is(crtui, exported: list[str]) -> None:
    before = {path.name: path.read_bytes() for path in Path(exported[0]).iterdir()}
    assert crtui("score", exported[0], "--metric", "factor_vae").code == 0
    assert {path.name: path.read_bytes() for path in Path(exported[0]).iterdir()} == before


def test_slurm_cannot_compare_exported_models(crtui, exported: list[str]) -> None:
    result = crtui("select", *exported, "--launcher", "slurm")
    assert result.code == 2
    assert "exported model" in result.err


def test_an_export_with_onnx_says_how_far_the_files_differ(crtui, pool, tmp_path: Path) -> None:
    done = crtui("export", "a0", "--to", str(tmp_path / "out"), "--onnx", "--json").json
    assert set(done["onnx"]) == {"decoder.onnx", "encoder.onnx"}
    assert all(0 <= difference <= 1e-4 for difference in done["onnx"].values())
    assert {"decoder.onnx", "encoder.onnx"} < set(done["files"])
