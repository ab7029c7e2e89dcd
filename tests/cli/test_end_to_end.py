"""The main job through real supervisors and workers, as small as it can be: train, list, score, select, traverse."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import orjson
import pytest
from PIL import Image

from cr_tui.cli import main

QUICK = ("--preset", "quick", "--set", "score_every=0", "--set", "log_every=5", "--threads", "1", "--device", "cpu")


class Trained:
    """A store with two runs of 20 updates, and the command line on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        result = self.call(
            "train", "infogan-cr", *QUICK, "--steps", "20", "--seeds", "0-1", "--group", "tiny", "--json"
        )
        self.runs: list[dict[str, Any]] = result

    def call(self, *words: str) -> Any:
        """What ``crtui ... --json`` prints, or the text of a command without it."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main(["--store", str(self.folder / "store"), *words])
        assert code == 0, err.getvalue()
        return orjson.loads(out.getvalue()) if "--json" in words else out.getvalue()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    folder = tmp_path_factory.mktemp("trained")
    (folder / "slots").mkdir(mode=0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRTUI_SLOTS", str(folder / "slots"))
        yield Trained(folder)


def test_training_ends_with_finished_runs_and_their_checkpoints(trained: Trained) -> None:
    assert [(run["status"], run["step"], run["seed"]) for run in trained.runs] == [
        ("finished", 20, 0),
        ("finished", 20, 1),
    ]
    assert trained.call("runs", "list", "--json", "--group", "tiny") == trained.runs
    # The regulariser comes on at 8, and the checkpoint before it is kept.
    assert trained.call("runs", "show", trained.runs[0]["id"], "--json")["checkpoints"] == [8, 20]


def test_the_run_wrote_its_losses_and_its_log(trained: Trained) -> None:
    name = trained.runs[0]["name"]
    rows = trained.call("runs", "metrics", name, "--name", "loss_generator", "--json")
    assert [row["step"] for row in rows] == [5, 10, 15, 20]
    assert "finished at step 20" in trained.call("runs", "logs", name)


def test_scores_are_kept_with_the_run(trained: Trained) -> None:
    name = trained.runs[1]["name"]
    [result] = trained.call("score", name, "--metric", "factor_vae", "--json")
    assert (result["run"], result["step"], result["protocol"]) == (trained.runs[1]["id"], 20, "paper")
    assert 0.0 <= result["scores"]["factor_vae"] <= 1.0
    assert "FactorVAE" in trained.call("score", name, "--metric", "factor_vae")
    [listed] = trained.call("runs", "list", "--json", "--where", "score.factor_vae>=0")
    assert listed["scores"]["factor_vae"] == result["scores"]["factor_vae"]


def test_a_pool_is_ranked_and_the_ranking_kept(trained: Trained) -> None:
    result = trained.call("select", "--group", "tiny", "--votes", "8", "--json")
    assert result["runs"] == [run["id"] for run in trained.runs]
    assert result["methods"]["model-centrality"]["pick"] in result["runs"]
    assert len(result["matrix"]) == 2
    assert (trained.folder / "store" / "selections" / result["id"] / "scores.npz").is_file()
    # Two models agree with each other equally: always a tie.
    assert "careful: two models always tie" in trained.call("select", "--group", "tiny", "--votes", "8")


def test_codes_are_walked_in_the_terminal_and_into_files(trained: Trained) -> None:
    run_id = trained.runs[0]["id"]
    drawn = trained.call("traverse", run_id, "--steps", "4")
    assert all(f"c{code} " in drawn for code in range(4))
    only = trained.call("traverse", run_id, "--steps", "4", "--code", "2")
    assert "c2 " in only
    assert "c0 " not in only
    for form in ("png", "gif"):
        path = trained.folder / f"walk.{form}"
        saved = trained.call("traverse", run_id, "--save", str(path), "--steps", "3", "--samples", "2", "--json")
        assert saved["file"] == str(path)
        with Image.open(path) as picture:
            assert picture.format == form.upper()
            assert getattr(picture, "n_frames", 1) == (4 if form == "gif" else 1)


def test_a_dataset_is_listed_prepared_and_previewed(trained: Trained) -> None:
    assert {entry["name"]: entry["prepared"] for entry in trained.call("data", "list", "--json")}["minisprites"] is True
    facts = trained.call("data", "prepare", "minisprites", "--json")
    assert facts["image_shape"] == [32, 32, 1]
    path = trained.folder / "preview.png"
    trained.call("data", "preview", "minisprites", "--images", "9", "--save", str(path))
    with Image.open(path) as picture:
        assert picture.width > picture.height > 32
    assert trained.call("data", "preview", "minisprites", "--images", "3").strip()
