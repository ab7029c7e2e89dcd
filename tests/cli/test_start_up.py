from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "textual", "numpy", "sklearn", "scipy", "rich.console", "matplotlib", "jinja2")
"""Typer itself asks pydantic to convert what it is given."""
SLOW_PARTS_OF_PYTHON = ("importlib.metadata", "email", "hashlib", "concurrent.futures", "zipfile")
COMMANDS = (
    (),
    ("demo",),
    ("dashboard",),
    ("train",),
    ("score",),
    ("select",),
    ("traverse",),
    ("plot",),
    *(("plot", name) for name in ("curves", "matrix", "ranking", "traversal", "codes")),
    ("report",),
    ("export",),
    ("docs",),
    ("doctor",),
    ("reproduce",),
    *((name,) for name in ("encode", "methods", "presets", "datasets", "keys")),
    ("runs",),
    *(
        ("runs", name)
        for name in ("list", "show", "diff", "logs", "metrics", "sync", "stop", "resume", "rm", "reindex")
    ),
    ("data",),
    *(("data", name) for name in ("list", "prepare", "preview")),
)


def imported_after(calls: list[list[str]], expected: int = 0) -> set[str]:
    """The modules that a fresh interpreter holds after these calls."""
    program = (
        "import sys\n"
        "from cr_tui.cli import main\n"
        f"for words in {calls!r}:\n"
        f"    assert main(words) == {expected}, words\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_no_help_text_imports_what_computes_or_draws() -> None:
    modules = imported_after([[*command, "--help"] for command in COMMANDS])
    assert "typer" in modules
    assert modules.isdisjoint(HEAVY)


def test_the_list_of_commands_imports_no_slow_part_of_python_either() -> None:
    modules = imported_after([["--help"]])
    assert modules.isdisjoint((*HEAVY, "platformdirs", *SLOW_PARTS_OF_PYTHON))


def test_listing_runs_imports_neither_torch_nor_textual(store) -> None:
    modules = imported_after([["--store", str(store.root), "runs", "list", "--json"]])
    assert "engine.runs.catalogue" in modules
    assert modules.isdisjoint({"torch", "textual", "sklearn", "numpy"})


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command) or "crtui")
def test_every_command_explains_itself(crtui, command: tuple[str, ...]) -> None:
    result = crtui(*command, "--help")
    assert result.code == 0
    assert result.out.startswith("Usage: crtui")
    assert "..." not in result.out.partition("Commands:")[2], "a summary is too long for the list of commands"


def test_without_a_command_the_help_is_shown(crtui) -> None:
    result = crtui()
    assert result.code == 0
    assert "Commands:" in result.out


def test_version(crtui) -> None:
    from engine import __version__

    assert crtui("--version").out == f"crtui {__version__}\n"
