"""The command line: one file a group of commands, each of which parses, asks the engine and prints."""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``crtui``.

    Args:
        arguments: the words after ``crtui``; default: those of the process.

    Returns:
        The exit code: 0 done, 1 the work failed, 2 bad usage or bad input, 130 interrupted.
    """
    from cr_tui.cli.app import run

    return run(arguments)
