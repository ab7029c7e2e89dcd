"""The commands that README and the documentation show are run as they stand there, but for what takes hours.

The shell reads each block, so quotes, loops and variables mean what they mean to a reader. In place of the programs it
finds one that notes its arguments. What was noted is then run here: trainings up to their specifications, the rest
whole, in a store whose runs have the names that the pages use.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer.main
from PIL import Image

import engine.data
from cr_tui.cli.app import app
from engine.storage.store import Store
from tests.tiny_runs import TinyImages, add_tiny_run

PROJECT = Path(__file__).parents[2]
PAGES = [PROJECT / "README.md", *sorted(PROJECT.glob("docs/*.md")), *sorted(PROJECT.glob("docs/tutorials/*.md"))]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
RUNS = {"branches": 2, "first": 2, "mine": 3, "mine-vae": 2, "small-vaes": 2, "sprites": 3, "sweep": 2, "vaes": 1}
"""How many runs of each name the store has, each name a group."""
NOT_RUN = {
    "demo": "takes minutes; tests/cli/commands/test_demo.py",
    "dashboard": "needs a terminal; tests/e2e",
    "reproduce": "times updates of published networks; tests/reproduction",
    "doctor": "tests/cli/commands/test_doctor.py",
    "all": "every score takes a minute; tests/choosing",
    "lib": "the same",
    "20": "twenty evaluations; tests/choosing",
    "plot curves": "needs runs with curves; tests/cli/commands/test_plot.py",
    "runs rm": "asks first; tests/cli/commands/test_runs.py",
    "runs sync": "needs runs with curves; tests/tracking",
    "runs metrics": "needs runs with curves; tests/cli",
    "--branch-from": "needs its trunk; tests/runs",
    "--launcher": "needs Slurm; tests/slurm",
    "ssh://gpu1/data/runs": "needs another machine; tests/e2e",
    "--onnx": "tests/runs",
    "STORE/runs/RUN/spec.json": "a path to fill in",
    "pulled": "needs the example package; tests/test_extending.py",
    "pulled-s0": "needs the example package; tests/test_extending.py",
    "most-trained": "needs the example package; tests/test_extending.py",
    "./model": "a folder to be made first; tests/runs",
    "./model-a": "folders to be made first; tests/runs",
    "RUN…": "a list to fill in",
}
"""Commands, options and words that keep a call from being run here, and why. It is parsed all the same."""


def documented(page: Path, folder: Path) -> list[list[str]]:
    """The calls of ``crtui`` on a page, each as the words after ``crtui``."""
    shim, notes = folder / "bin", folder / "notes"
    shim.mkdir()
    for name in ("crtui", "python", "python3", "pip", "tensorboard"):
        program = shim / name
        # One call a line, a unit separator behind each word.
        program.write_text('#!/bin/sh\n{ printf "%s\\037" "${0##*/}" "$@"; echo; } >> "$NOTES"\n')
        program.chmod(0o755)
    notes.touch()
    environment = {"PATH": str(shim), "HOME": os.environ["HOME"], "NOTES": str(notes)}
    for block in BLOCK.findall(page.read_text()):
        subprocess.run(["/bin/bash", "-c", block], env=environment, cwd=folder, check=False, capture_output=True)
    calls = [line.split("\x1f")[:-1] for line in notes.read_text().splitlines()]
    return [words for program, *words in calls if program == "crtui"]


@pytest.fixture
def ready_made(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with photos, a store with runs, and a working folder to write into."""
    home, work = tmp_path / "home", tmp_path / "work"
    (home / "photos").mkdir(parents=True)
    work.mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 255, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(home / "photos" / f"{number}.png")
    monkeypatch.setenv("HOME", str(home))
    real = engine.data.load

    def load(name: str, *places: Any, **options: Any) -> Any:
        return TinyImages(name) if name == "minisprites" else real(name, *places, **options)

    monkeypatch.setattr(engine.data, "load", load)
    for group, count in RUNS.items():
        for seed in range(count):
            add_tiny_run(store, f"{group}-s{seed}", seed=seed, data="minisprites", group=group)
    (work / "benchmarks").symlink_to(PROJECT / "benchmarks")
    monkeypatch.chdir(work)
    return work


def command_of(words: list[str]) -> tuple[str, Any, list[str]]:
    """The name of the command, the command, and what follows it."""
    found: Any = typer.main.get_command(app)
    name: list[str] = []
    rest = words[2:] if words[0] == "--store" else words
    while hasattr(found, "commands") and rest and rest[0] in found.commands:
        found = found.commands[rest[0]]
        name.append(rest[0])
        rest = rest[1:]
    return " ".join(name), found, rest


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_documented_commands_work(page: Path, ready_made: Path, tmp_path: Path, crtui: Any) -> None:
    for words in documented(page, tmp_path):
        line = " ".join(words)
        name, command, rest = command_of(words)
        assert command.make_context(name, list(rest), resilient_parsing=False).args == [], line
        if {name, *words} & NOT_RUN.keys():
            continue
        run = [{"RUN": "first-s0", "DIR": "model", "NAME": "first"}.get(word, word) for word in words]
        if name == "train":
            run.append("--dry-run")
        if name == "data prepare" and "dsprites" in run:
            continue  # Some seconds, and tests/data has it.
        result = crtui(*run)
        assert result.code == 0, f"{line}: {result.err}"
