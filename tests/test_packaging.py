"""The source archive and the wheel: what is in them, and that the wheel works where there is no clone."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("hatchling", reason="crtui is built with hatchling, which is not installed")

ROOT = Path(__file__).parents[1]
Call = Callable[..., str]


def said(*command: str | Path, folder: Path, **environment: str) -> str:
    """What a command prints. It sees neither the clone nor the settings of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CRTUI_", "PYTHON"))}
    home = {"HOME": str(folder), "CRTUI_SLOTS": str(folder / "slots"), "COLUMNS": "200"}
    done = subprocess.run(
        command, cwd=folder, env=kept | home | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("packaging")


@pytest.fixture(scope="module")
def sdist(folder: Path) -> Path:
    said(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, folder=ROOT)
    return next(folder.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def wheel(sdist: Path, folder: Path) -> Path:
    """Built from the source archive, as installers do."""
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "source", filter="data")
    [source] = (folder / "source").iterdir()
    said(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, folder=source)
    return next(folder.glob("*.whl"))


def tracked(*folders: str) -> set[str]:
    """Files of the tree that belong to the project, by their path in it."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *folders],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("this copy is not under version control")
    return {name for name in listed.stdout.splitlines() if (ROOT / name).exists()}


def test_the_wheel_has_every_file_of_the_packages_and_the_pages(wheel: Path) -> None:
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    pages = {name for name in tracked("docs/*.md", "docs/tutorials/*") if "/reference/" not in name}
    assert packed == tracked("cr_tui", "engine") | {f"cr_tui/{name}" for name in pages - {"docs/index.md"}}
    kinds = {Path(name).suffix for name in packed}
    assert {".toml", ".tcss", ".jinja", ".typed", ".md"} <= kinds


def test_the_source_archive_has_what_the_tests_need(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert tracked("cr_tui", "engine", "docs", "tests", "examples", "benchmarks") <= packed
    assert {"LICENSE", "README.md", "CHANGELOG.md", "constraints.txt", "pyproject.toml"} <= packed


@pytest.fixture(scope="module")
def crtui(wheel: Path, folder: Path) -> Call:
    """Calls programs of an environment that has the wheel, and dependencies but not the clone from this one."""
    home = folder / "environment"
    venv.create(home, symlinks=True)
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(home), "platbase": str(home)}))
    # A folder that is named in a .pth file is searched, but its own .pth files, one of which names the clone, are not.
    (site / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    options = ["--quiet", "--no-deps", "--no-index", "--ignore-installed"]
    said(sys.executable, "-m", "pip", "--python", home / "bin" / "python", "install", *options, wheel, folder=folder)
    return lambda program, *words: said(home / "bin" / program, *words, folder=folder)


def test_the_wheel_works_on_its_own(crtui: Call, folder: Path) -> None:
    """That no file of the clone is used is seen from where the package and its parts lie."""
    where = crtui("python", "-c", "import engine, cr_tui; print(engine.__file__); print(cr_tui.__file__)").split()
    assert all(Path(path).is_relative_to(folder / "environment") for path in where)
    assert "Usage: crtui" in crtui("crtui", "--help")
    assert "infogan-cr" in crtui("crtui", "methods")
    assert "photos-64" in crtui("crtui", "presets", "infogan-cr")
    assert str(folder / "environment") in crtui("crtui", "docs", "data", "--json")
    for name in ("data", "scores"):
        assert len(crtui("crtui", "docs", name)) > 1000
    assert "minisprites" in crtui("crtui", "train", "vae", "--preset", "quick", "--dry-run")
    styled = (
        "from cr_tui.dashboard.app import Dashboard; from pathlib import Path; import cr_tui;"
        "print(len(list(Path(cr_tui.__file__).parent.rglob('*.tcss'))), Path(Dashboard.CSS_PATH).name)"
    )
    assert "app.tcss" in crtui("python", "-c", styled)


@pytest.mark.slow
def test_the_wheel_is_installed_with_its_dependencies_and_trains(wheel: Path, tmp_path: Path) -> None:
    """As pipx does it: an environment of its own, everything from the package index. Takes minutes and a network."""
    home = tmp_path / "environment"
    venv.create(home, with_pip=True, symlinks=True)
    said(home / "bin" / "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", wheel, folder=tmp_path)
    store = ("--store", str(tmp_path / "store"))
    program = home / "bin" / "crtui"
    said(program, *store, "train", "vae", "--preset", "quick", "--steps", "5", "--name", "one", folder=tmp_path)
    assert "finished" in said(program, *store, "runs", "list", folder=tmp_path)
