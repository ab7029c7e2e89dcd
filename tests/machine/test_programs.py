"""What the current folder and Python's own variables hold never decides what a program of ours does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.machine.programs import environment, program, safe_path_for_children

CRTUI = Path(sys.executable).with_name("crtui")
ROOT = Path(__file__).parents[2]
QUICK = ("train", "infogan", "--preset", "quick", "--data", "minisprites", "--device", "cpu", "--name", "here")
STARTING = [["doctor"], ["data", "prepare", "."], [*QUICK, "--set", "training.steps=4"], ["runs", "list"]]
"""Commands that start processes."""
READING = [
    ["score", "here"],
    ["traverse", "here"],
    ["encode", "here"],
    ["plot", "curves", "here", "--save", "../curves.svg"],
    ["select", "here"],
    ["report", "here", "--to", "../report.html"],
    ["export", "here", "--to", "../exported"],
    ["methods"],
    ["presets"],
    ["datasets"],
    ["keys"],
    ["runs", "show", "here"],
    ["runs", "stop", "here"],
    ["runs", "reindex"],
    ["runs", "metrics", "here"],
    ["runs", "logs", "here"],
    ["runs", "diff", "here", "here"],
    ["runs", "pause"],
    ["runs", "unpause"],
    ["reproduce"],
    ["runs", "rm", "here", "--yes"],
]
"""The other commands, in an order in which the run is there as long as they want it."""


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CRTUI_", "PYTHON"))}
    places = {"CRTUI_STORE": str(tmp_path / "store"), "CRTUI_SLOTS": str(tmp_path / "slots"), "HOME": str(tmp_path)}
    return kept | places


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder of photographs and of modules that have the names of Python's own and of ours, and leave a mark."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in {*sys.stdlib_module_names, "engine", "cr_tui", "torch", "numpy", "orjson", "PIL"}:
        (folder / f"{name}.py").write_text(f"open({str(tmp_path / 'mark')!r}, 'a').write({name!r} + chr(10))\n")
    generator = np.random.default_rng(0)
    for number in range(40):
        Image.fromarray(generator.integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    return folder


def call(words: Sequence[str], place: Path, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([CRTUI, *words], cwd=place, env=variables, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("commands", [STARTING, pytest.param(STARTING + READING, marks=pytest.mark.slow)])
def test_no_command_imports_from_the_current_folder(
    commands: list[list[str]], hostile: Path, variables: dict[str, str], tmp_path: Path
) -> None:
    for words in commands:
        done = call(words, hostile, variables)
        assert "Traceback" not in done.stderr, words
        assert not (tmp_path / "mark").exists(), (words, (tmp_path / "mark").read_text().split())
        assert "no such" not in done.stderr, (words, done.stderr)


def test_helpers_of_a_library_do_not_either(hostile: Path, variables: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    program = tmp_path / "own" / "program.py"
    program.write_text(
        "from engine.data.processes import in_order\n"
        "if __name__ == '__main__':\n    print(sum(in_order(abs, range(-9, 0), processes=2)))\n"
    )
    command = [sys.executable, program]
    done = subprocess.run(command, cwd=hostile, env=variables | {"PYTHONPATH": str(ROOT)}, capture_output=True)
    assert done.stdout.split() == [b"45"], done.stderr
    assert not (tmp_path / "mark").exists()


def test_a_deleted_current_folder_harms_no_run(variables: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    command = f'cd {tmp_path}/gone && rmdir ../gone && exec "$@"'
    train = ["sh", "-c", command, "sh", CRTUI, *QUICK, "--set", "training.steps=4"]
    assert "finished" in subprocess.run(train, env=variables, capture_output=True, text=True, check=True).stdout
    score = ["sh", "-c", command, "sh", CRTUI, "score", "here"]
    (tmp_path / "gone").mkdir()
    done = subprocess.run(score, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "error: the current folder has been deleted; go to one that is there, and call again\n"


def test_a_run_does_not_depend_on_pythons_variables(variables: dict[str, str], tmp_path: Path) -> None:
    odd = {"PYTHONOPTIMIZE": "2", "PYTHONPATH": f":{ROOT}:"}
    done = call([*QUICK, "--set", "training.steps=4"], tmp_path, variables | odd)
    assert done.returncode == 0, done.stderr
    assert "finished" in done.stdout


def test_a_module_that_hides_ours_is_one_sentence(variables: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "engine.py").write_text("")
    done = call(["runs", "list"], tmp_path, variables | {"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 2
    assert re.fullmatch(r"error: \S+/engine.py hides the package 'engine' [^\n]+\n", done.stderr)


class TestEnvironment:
    def test_relative_places_are_those_of_the_caller(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("PYTHONPATH", f"lib:::{ROOT}")
        monkeypatch.setenv("CRTUI_STORE", "store")
        monkeypatch.setenv("CRTUI_SLOTS", "~/slots")
        made = environment()
        assert made["PYTHONPATH"].split(":")[-2:] == [str(tmp_path / "lib"), str(ROOT)]
        assert "" not in made["PYTHONPATH"].split(":")
        assert (made["CRTUI_STORE"], made["CRTUI_SLOTS"]) == (str(tmp_path / "store"), "~/slots")

    def test_is_handed_on_and_taken_back(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
        with safe_path_for_children():
            assert os.environ["PYTHONSAFEPATH"] == "1"
        assert "PYTHONSAFEPATH" not in os.environ
        assert environment()["PYTHONSAFEPATH"] == "1"


def test_every_python_process_is_started_from_one_module() -> None:
    allowed = {"engine/machine/programs.py", "engine/extras.py"}
    naming = {
        str(path.relative_to(ROOT))
        for package in ("engine", "cr_tui")
        for path in (ROOT / package).rglob("*.py")
        if "sys.executable" in path.read_text()
    }
    assert naming <= allowed
    assert "-P" in program("engine.launch.worker")
