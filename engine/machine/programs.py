"""How Python programs of crtui are started: what they import from, with which environment, and in which folder.

Whatever a person's current folder holds (photographs, a download, another member's folder) is data. Python would import
modules from it: ``python -m``, ``python -c`` and the helper processes of ``multiprocessing`` put the current folder
before the standard library. So each program of ours is started with ``-P``, which leaves that folder out, and hands
this on to what it starts itself.
"""

from __future__ import annotations

import contextlib
import os
import site
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

ANYWHERE = "/"
"""The folder of a program that reads and writes no file by a relative name: it is there, and cannot be deleted."""

_SAFE_PATH = "PYTHONSAFEPATH"
_CHANGES_THE_PROGRAM = ("PYTHONOPTIMIZE", "PYTHONINSPECT", "PYTHONSTARTUP", "PYTHONBREAKPOINT")
"""Variables that make Python leave out parts of the program, or wait for a person at the end of it."""
_NAMES_A_PLACE = ("CRTUI_STORE", "CRTUI_SLOTS", "TMPDIR")


def program(module: str, *arguments: str) -> tuple[str, ...]:
    """The command that runs a module of ours as a program."""
    return (sys.executable, "-P", "-m", module, *arguments)


def script(code: str) -> tuple[str, ...]:
    """The command that runs a few lines of Python."""
    return (sys.executable, "-P", "-c", code)


def environment() -> dict[str, str]:
    """The environment of a program of ours, which may be started in another folder than this process.

    Relative paths in it are made absolute. Empty entries of ``PYTHONPATH``, which mean the current folder, are left
    out. The source tree is added to it if the package is not installed.
    """
    made = {name: value for name, value in os.environ.items() if name not in _CHANGES_THE_PROGRAM}
    made |= {name: _absolute(made[name]) for name in _NAMES_A_PLACE if made.get(name)}
    path = [_absolute(entry) for entry in made.pop("PYTHONPATH", "").split(os.pathsep) if entry]
    root = str(Path(__file__).resolve().parents[2])
    installed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), site.getusersitepackages()}
    if root not in installed and root not in path[:1]:
        path.insert(0, root)
    return made | ({"PYTHONPATH": os.pathsep.join(path)} if path else {}) | {_SAFE_PATH: "1"}


@contextlib.contextmanager
def safe_path_for_children() -> Iterator[None]:
    """Have Python programs that a library starts within the block leave the current folder out as well."""
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SAFE_PATH]
        else:
            os.environ[_SAFE_PATH] = before


def _absolute(path: str) -> str:
    try:
        return path if path.startswith("~") else str(Path(path).absolute())
    except FileNotFoundError:
        # The current folder has been deleted: there is nothing that a relative path could name.
        return path
