"""The notebook of the tutorials, run cell by cell as Jupyter would, but without Jupyter: a notebook is JSON."""

from __future__ import annotations

import ast
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).parents[1] / "docs" / "tutorials" / "from-python.ipynb"
PNG = b"\x89PNG"


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Run a cell; return the value of its last line if that is an expression, as Jupyter shows it."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, str(NOTEBOOK), "exec"), names)
    return eval(compile(ast.Expression(last.value), str(NOTEBOOK), "eval"), names) if last else None


def test_every_cell_runs_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRTUI_SLOTS", str(tmp_path / "slots"))
    monkeypatch.setenv("CRTUI_STORE", "")
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    names: dict[str, Any] = {}
    shown = [run_cell("".join(cell["source"]), names) for cell in cells if cell["cell_type"] == "code"]
    assert {path.name for path in tmp_path.iterdir()} == {"notebook-store", "slots"}
    pictures = [value for value in shown if hasattr(value, "_repr_png_")]
    assert [type(value) for value in pictures] == [type(names["data"]), type(names["model"])]
    assert all(value._repr_png_().startswith(PNG) for value in pictures)
    assert list(names["curves"].groupby("name").groups) == ["note-s0", "note-s1", "note-s2"]
    assert set(shown[5]) >= {"mig"}
    assert abs(shown[-1]).max() == 0
    assert names["found"]["pick"] in capsys.readouterr().out


def test_the_notebook_is_stored_without_results() -> None:
    cells = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]
    assert cells
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells)
