"""The log of a run: what its supervisor and its worker print."""

from __future__ import annotations

import contextlib
import sys


def say(text: str, *, error: bool = False) -> None:
    """Write lines to the log. Errors are ignored: a full disk must not end the run.

    Args:
        text: the lines.
        error: write them to the error stream.
    """
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr if error else sys.stdout, flush=True)
