"""The recipes of CONTRIBUTING.md, followed to the letter in a copy of the source: one file, or folder, and one line."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import orjson
import pytest

ROOT = Path(__file__).parents[1]
STORE = ROOT / "tests" / "fixtures" / "store-0.1"
OPEN_ITS_SCREEN = """
import asyncio
from cr_tui.dashboard.app import Dashboard
from cr_tui.dashboard.store.source import StoreSource
from engine.storage.store import Store


async def look():
    app = Dashboard(StoreSource(Store.open("store")))
    async with app.run_test() as pilot:
        await pilot.press("7")
        while not app.screen.query("#sentence") or str(app.screen.query_one("#sentence").render()) != "3 runs":
            await pilot.pause(0.01)
        await pilot.press("question_mark")
        await pilot.pause()
        print(type(app.screen_stack[-2]).__name__)


asyncio.run(asyncio.wait_for(look(), 60))
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of both packages, and a store with three small runs beside them."""
    for package in ("engine", "cr_tui"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(STORE, tmp_path / "store")
    return tmp_path


def blocks(recipe: str) -> list[str]:
    """The pieces of Python in a recipe."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    part = text.partition(f"\n### {recipe}\n")[2].partition("\n### ")[0]
    found = re.findall(r"^   ```python\n(.*?)^   ```", part, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for block in found]


def add_line(path: Path, registry: str, line: str) -> None:
    """Put a line, or an entry of several, at the end of a registry."""
    before, start, content = path.read_text().partition(f"\n{registry} = ")
    content, end, after = content.partition("\n)\n" if content.startswith("(") else "\n}\n")
    assert end, f"there is no {registry} in {path}"
    path.write_text(before + start + content + "\n" + textwrap.indent(line, "    ").rstrip() + end + after)


def python(copy: Path, *arguments: str) -> str:
    """Run Python in the copy, and return what it printed."""
    environment = os.environ | {"PYTHONPATH": str(copy), "CRTUI_SLOTS": str(copy), "XDG_STATE_HOME": str(copy)}
    command = [sys.executable, *arguments]
    result = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def crtui(copy: Path, *arguments: str) -> str:
    return python(copy, "-m", "cr_tui", "--store", "store", *arguments)


def test_a_score(copy: Path) -> None:
    code, line = blocks("A score")
    (copy / "engine/metrics/scores/moving_codes.py").write_text(code)
    add_line(copy / "engine/metrics/registry.py", "SCORES", line)
    (scored,) = orjson.loads(crtui(copy, "score", "flagship", "--metric", "moving_codes", "--json"))
    assert scored["scores"] == {"moving_codes": 1.0}
    (listed,) = orjson.loads(crtui(copy, "runs", "list", "--where", "score.moving_codes>0.5", "--json"))
    assert listed["name"] == "flagship"


def test_a_selection_method(copy: Path) -> None:
    code, entry = blocks("A selection method")
    (copy / "engine/choosing/methods/most_trained.py").write_text(code)
    add_line(copy / "engine/choosing/methods/__init__.py", "OWN_SELECTION_METHODS", entry)
    found = orjson.loads(crtui(copy, "select", "flagship", "halted", "--method", "most-trained", "--json"))
    _, halted = found["runs"]
    assert found["methods"]["most-trained"]["scores"] == [60, 84]
    assert found["methods"]["most-trained"]["pick"] == halted
    assert "ranked by most-trained" in crtui(copy, "select", "flagship", "halted", "--method", "most-trained")


def test_a_screen(copy: Path) -> None:
    keys, screen, line = blocks("A screen")
    folder = copy / "cr_tui/dashboard/notes"
    folder.mkdir()
    for name, code in {"__init__": '"""The notes screen."""\n', "keys": keys, "screen": screen}.items():
        (folder / f"{name}.py").write_text(code)
    add_line(copy / "cr_tui/dashboard/screens.py", "SCREENS", line)
    assert python(copy, "-c", OPEN_ITS_SCREEN).strip() == "NotesScreen"
