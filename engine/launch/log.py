"""The log of a run, which is what its processes print."""

from __future__ import annotations

import contextlib
import sys


def say(text: str, *, error: bool = False) -> None:
    """Write lines to the log. One that cannot be written, as on a full disk, must not end what it tells of.

    Args:
        text: the lines.
        error: whether they belong to the error stream.
    """
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr if error else sys.stdout, flush=True)
