"""The example package of docs/extending.md: built, installed beside crtui, trained, scored, ranked, and missed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

pytest.importorskip("hatchling", reason="the example is built with hatchling, which is not installed")

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "crtui-example"
Crtui = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example, as pip installs it."""
    folder = tmp_path_factory.mktemp("installed")
    source = folder / "source"
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("__pycache__"))
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(folder / "site")]
    command = [sys.executable, "-m", "pip", "install", *options, str(source)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return folder / "site"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


def caller(store: Path, *search_path: Path) -> Crtui:
    """Calls ``crtui`` in a process that finds packages in these folders."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(map(str, [*search_path, ROOT])),
        "CRTUI_SLOTS": str(store),
        "XDG_STATE_HOME": str(store),
        "COLUMNS": "200",
    }

    def crtui(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-m", "cr_tui", "--store", str(store), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    return crtui


def answer(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return orjson.loads(done.stdout)


@pytest.fixture(scope="module")
def run(store: Path, installed: Path) -> dict[str, Any]:
    """The run ``one`` by the example's method on its dataset."""
    crtui = caller(store, installed)
    (trained,) = answer(crtui("train", "pulled", "--device", "cpu", "--seed", "3", "--name", "one", "--json"))
    return trained


def test_the_example_is_found_trained_scored_and_ranked(store: Path, installed: Path, run: dict[str, Any]) -> None:
    crtui = caller(store, installed)
    assert "pulled; default" in " ".join(crtui("train", "--help").stdout.split())
    assert "most-trained" in crtui("select", "--help").stdout
    assert {entry["name"]: entry["description"] for entry in answer(crtui("data", "list", "--json"))}["bars"] == (
        "256 grey 8x8 images of a bar: thickness, place, brightness; made in memory"
    )

    assert (run["status"], run["method"], run["data"]) == ("finished", "pulled", "bars"), run["reason"]
    assert 0 <= run["scores"]["factor_vae"] <= 1
    assert "method pulled is of the package crtui-example 0.1.0" in (
        (store / "runs" / run["id"] / "events.jsonl").read_text()
    )
    (scored,) = answer(crtui("score", "one", "--metric", "moving_codes", "--json"))
    assert scored["scores"] == {"moving_codes": 1.0}
    selected = answer(crtui("select", "one", "--method", "most-trained", "--json"))
    assert selected["methods"]["most-trained"]["scores"] == [40]
    doctor = answer(crtui("doctor", "--json"))
    assert doctor["plugins"] == {
        "methods": ["pulled (crtui-example 0.1.0)"],
        "datasets": ["bars (crtui-example 0.1.0)"],
        "scores": ["moving_codes (crtui-example 0.1.0)"],
        "selectors": ["most-trained (crtui-example 0.1.0)"],
    }


def test_where_it_is_not_installed_its_run_says_so(store: Path, run: dict[str, Any]) -> None:
    crtui = caller(store)
    assert run["name"] == "one"
    assert [run["method"] for run in answer(crtui("runs", "list", "--json"))] == ["pulled"]
    for words in (["score", "one"], ["traverse", "one"]):
        refused = crtui(*words)
        assert refused.returncode == 2
        assert "the method 'pulled', which is not installed here; install the package crtui-example 0.1.0" in (
            refused.stderr
        )
    shown = crtui("runs", "show", "one")
    assert shown.returncode == 0
    assert "was made with the method 'pulled', which is not installed here" in shown.stderr
    assert "did you mean" not in shown.stderr
    typed = crtui("train", "puled", "--dry-run")
    assert (typed.returncode, "there is no method 'puled'" in typed.stderr) == (2, True)
