"""The project keeps its own rules: types, lint, formatting, the direction of imports, and an instant ``--help``."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
LINT_IMPORTS = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
BELONG_TO_NO_ROOM = {".", "benchmarks", "e2e", "faults", "fuzz", "slurm"}
"""Folders of tests that go through several rooms, or stand for what is no room of the packages."""
SEARCH_PATH_EDIT = re.compile(r"sys\.path(\.insert|\.append|\.extend|\[:0\])")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["-m", "ruff", "check", "."], id="lint"),
        pytest.param(["-m", "ruff", "format", "--check", "."], id="format"),
        pytest.param(["-m", "mypy"], id="types"),
        pytest.param(["-c", LINT_IMPORTS], id="imports"),
    ],
)
def test_the_tree_keeps_its_rules(arguments: list[str]) -> None:
    result = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    "module",
    [
        "engine",
        "engine.runs.specification.spec",
        "engine.runs.catalogue",
        "engine.launch.local",
        "engine.launch.supervisor",
        "cr_tui.cli",
    ],
)
def test_what_does_not_compute_does_not_import_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules or 'textual' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_test_computes_on_one_thread() -> None:
    # conftest.py says it before PyTorch is imported; whoever imports it sooner would make the suite crawl.
    assert torch.get_num_threads() == 1


def test_resolving_a_specification_does_not_import_torch() -> None:
    call = "from engine.runs.specification.resolving import resolve; resolve()"
    code = f"import sys; {call}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_tests_stand_where_the_code_stands() -> None:
    folders = {str(path.parent.relative_to(ROOT / "tests")) for path in (ROOT / "tests").rglob("test_*.py")}
    rooms = {
        str(path.relative_to(package))
        for package in (ROOT / "engine", ROOT / "cr_tui")
        for path in package.rglob("*")
        if path.is_dir()
    }
    assert folders - rooms == BELONG_TO_NO_ROOM


def test_no_test_edits_the_search_path_of_modules() -> None:
    edited = [path for path in (ROOT / "tests").rglob("*.py") if SEARCH_PATH_EDIT.search(path.read_text())]
    assert edited == []


def test_the_pinned_versions_with_hashes_are_those_without() -> None:
    def lines(name: str) -> list[str]:
        text = (ROOT / name).read_text().replace("\\\n", " ")
        return [line for line in text.splitlines() if line and not line.startswith("#")]

    def pinned(line: str) -> tuple[str, str, str]:
        name, version, marker = re.fullmatch(
            r"(\S+)==([^\s;]+)\s*(?:;\s*([^-]+?))?\s*", line.partition("--hash")[0]
        ).groups()
        return (
            re.sub(r"[-_.]+", "-", name).lower(),
            version,
            (marker or "").replace("python_full_version", "python_version"),
        )

    hashed = lines("constraints-hashed.txt")
    assert sorted(map(pinned, hashed)) == sorted(map(pinned, lines("constraints.txt")))
    assert all(re.fullmatch(r"(\s*--hash=sha256:[0-9a-f]{64})+", line[line.index("--hash") :]) for line in hashed)


def test_the_lowest_versions_are_those_that_the_security_page_gives_reasons_for() -> None:
    table = re.findall(r"^\| ([a-z-]+) \| ([0-9.]+) \|", (ROOT / "docs" / "security.md").read_text(), re.MULTILINE)
    floors = dict(re.findall(r'"([a-z-]+)>=([0-9.]+)[",]', (ROOT / "pyproject.toml").read_text()))
    assert len(table) > 5
    assert dict(table) == {name: floors[name] for name, _ in table}
