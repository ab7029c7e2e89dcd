"""What lies below a store is reached through ``engine.storage.descriptors``, and by path in no other way."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = (
    *("engine/runs", "engine/launch", "engine/choosing", "engine/tracking", "engine/training", "engine/storage"),
    *("engine/data/prepared.py", "engine/data/partial.py", "engine/selection"),
    *("cr_tui/dashboard/store", "cr_tui/cli/run_reading.py", "cr_tui/cli/following.py"),
)
_OF_PATHS = (
    "chmod exists glob group hardlink_to is_dir is_file is_fifo is_symlink iterdir lchmod lstat mkdir open owner"
    " read_bytes read_text readlink rename rglob rmdir samefile stat symlink_to touch unlink walk write_bytes"
    " write_text"
)
"""Methods of ``Path``. Its ``replace`` has the name of a string's, and takes one argument where that takes two."""
_OF_MODULES = {
    "os": (
        "access chmod chown link listdir lstat mkdir makedirs mkfifo open readlink remove removedirs rename renames"
        " replace rmdir scandir stat symlink truncate unlink utime walk fwalk"
    ),
    "shutil": "copy copy2 copyfile copymode copystat copytree move rmtree",
    "tempfile": "NamedTemporaryFile TemporaryFile TemporaryDirectory mkstemp mkdtemp",
}
OF_PATHS = frozenset(_OF_PATHS.split())
OF_MODULES = {module: frozenset(names.split()) for module, names in _OF_MODULES.items()}
MAY = {
    "engine/storage/descriptors.py": "is the one way in",
    "engine/storage/files.py:leads_to": "looks for a folder or file that the user named",
    "engine/storage/files.py:make_folders": "looks for what is missing above a store",
    "engine/storage/files.py:saving": "writes a file that the user named, outside of a store",
    "engine/storage/files.py:sync": "likewise",
    "engine/storage/locks.py:_holder": "reads /proc",
    "engine/storage/store.py:open": "opens and makes the store itself, which the user named",
    "engine/runs/exporting.py": "writes a folder that the user named",
    "engine/runs/specification/files.py": "reads a configuration that the user named",
    "engine/launch/slot_folder.py": "makes the folder of the user's own that slots lie in, outside of every store",
    "engine/launch/slots.py": "lies outside of every store, in a folder of the user's own",
    "engine/launch/supervising/endings.py:_group_counters": "reads /proc",
    "engine/launch/supervising/endings.py:_kills": "reads /sys",
    "cr_tui/dashboard/store/workers.py:_cpu": "reads /proc",
    "cr_tui/dashboard/store/workers.py:_own_processes": "likewise",
    "cr_tui/dashboard/store/workers.py:_held_slots": "likewise",
    "cr_tui/dashboard/store/workers.py:_memory": "likewise",
}
"""Places that touch no store, and what they do instead."""


def _calls(tree: ast.AST, inside: str = "") -> Iterator[tuple[str, int, str]]:
    """Name of the function around it, line and words of each call that reaches a file by its path."""
    for node in ast.iter_child_nodes(tree):
        name = node.name if isinstance(node, ast.FunctionDef) else inside
        if isinstance(node, ast.Call) and (words := _by_path(node)):
            yield inside, node.lineno, words
        yield from _calls(node, name)


def _by_path(call: ast.Call) -> str | None:
    function, given = call.func, {keyword.arg for keyword in call.keywords}
    if isinstance(function, ast.Name):
        return "open" if function.id == "open" else None
    if not isinstance(function, ast.Attribute):
        return None
    module = function.value.id if isinstance(function.value, ast.Name) else ""
    if module in OF_MODULES:
        return f"{module}.{function.attr}" if function.attr in OF_MODULES[module] else None
    if module in ("Store", "webbrowser", "self"):
        return None
    if function.attr == "replace":
        return ".replace" if len(call.args) == 1 and not given else None
    return f".{function.attr}" if function.attr in OF_PATHS else None


def _found(text: str) -> list[str]:
    return [words for _, _, words in _calls(ast.parse(text))]


def test_no_store_is_touched_by_path() -> None:
    used, found = set(), []
    for room in ROOMS:
        place = ROOT / room
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            file = str(path.relative_to(ROOT))
            for inside, line, words in _calls(ast.parse(path.read_text())):
                allowed = {file, f"{file}:{inside}"} & MAY.keys()
                used |= allowed
                if not allowed:
                    found.append(f"{file}:{line} {words} in {inside or 'the module'}")
    assert found == []
    assert {place for place in MAY if place not in used} == set(), "no exception is kept that nothing needs"


@pytest.mark.parametrize(
    "text",
    [
        *("open('x')", "path.read_text()", "(a / b).exists()", "os.open(path, 0)", "shutil.rmtree(path)"),
        *("folder.state_path.unlink(missing_ok=True)", "path.replace(other)", "os.scandir(path)", "path.rename(new)"),
    ],
)
def test_the_rule_sees(text: str) -> None:
    assert len(_found(text)) == 1


@pytest.mark.parametrize(
    "text", ["text.replace('a', 'b')", "os.close(1)", "rename(old, new)", "replace(state, step=1)"]
)
def test_the_rule_lets_through(text: str) -> None:
    assert _found(text) == []
