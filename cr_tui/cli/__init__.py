"""The command line: one file a group of commands, each of which parses, asks the engine and prints."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``crtui``.

    Args:
        arguments: the words after ``crtui``; default: those of the process.

    Returns:
        The exit code: 0 done, 1 the work failed, 2 bad usage or bad input, 130 interrupted.
    """
    _open_closed_streams()
    hidden_by = _what_hides_the_engine()
    if hidden_by is not None:
        print(
            f"error: {hidden_by} hides the package 'engine' that crtui needs; rename it, or take its folder out of "
            "PYTHONPATH",
            file=sys.stderr,
        )
        return 2
    from cr_tui.cli.app import run

    return run(arguments)


def _open_closed_streams() -> None:
    """Give a process whose standard streams were closed, as by ``>&-``, streams that lead nowhere.

    Otherwise the next file that is opened takes the number of the closed one, and what is printed ends up in it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number, which is this one.
            os.open(os.devnull, os.O_RDWR)
    # They stay open until the program ends, so no context closes them; the name of the null device needs no Path.
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: SIM115, PTH123
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115, PTH123
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115, PTH123


def _what_hides_the_engine() -> Path | None:
    """A file or folder ``engine`` that Python finds before ours, such as one in the user's folder."""
    ours = Path(__file__).resolve().parents[2] / "engine" / "__init__.py"
    found = importlib.util.find_spec("engine")
    if found is None:
        return None
    place = found.origin or next(iter(found.submodule_search_locations or ()), None)
    return None if place is None or Path(place).resolve() == ours else Path(place)
