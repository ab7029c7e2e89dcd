"""Helper processes: how one is started so that it finds this very program."""

from __future__ import annotations

import sys


def child_command(module: str, *arguments: str) -> list[str]:
    """The command that calls ``main(arguments)`` of a module in a new interpreter.

    The search path is handed over, so that the child runs this very program, installed or in its source tree.
    """
    code = f"import sys; sys.path[:] = {sys.path!r}; from {module} import main; sys.exit(main(sys.argv[1:]))"
    return [sys.executable, "-c", code, *arguments]
