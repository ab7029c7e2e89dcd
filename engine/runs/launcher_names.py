"""The launchers by name: one module each, one line here.

The names stand here because a specification is checked without launching anything. What a launcher must offer is
:class:`engine.launch.launchers.Launcher`; its module is imported when it is first asked for.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from engine.errors import InputError

LAUNCHERS = {
    "local": "engine.launch.local",
    "slurm": "engine.launch.slurm",
}
DEFAULT_LAUNCHER = "local"


def launcher_module(name: str) -> ModuleType:
    """The module of the launcher called ``name``.

    Raises:
        InputError: there is no such launcher.
    """
    if name not in LAUNCHERS:
        raise InputError(f"there is no launcher '{name[:80]}'; use {' or '.join(LAUNCHERS)}")
    return importlib.import_module(LAUNCHERS[name])
