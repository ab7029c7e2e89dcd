"""The log of a run: what its supervisor and its worker print."""

from __future__ import annotations

import contextlib
import sys
import time

_HOUR_SECONDS = 3600.0
_MOST_LINES = 20


def say(text: str, *, error: bool = False) -> None:
    """Write lines to the log. Errors are ignored: a full disk must not end the run.

    Args:
        text: the lines.
        error: write them to the error stream.
    """
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr if error else sys.stdout, flush=True)


class Seldom:
    """Writes to the log what may come again and again, such as what a disk refuses: the same line once an hour.

    However many different lines take turns, and if a number in them is always another, there are no more than 20 in an
    hour. So nothing that goes wrong for days fills a disk with the news of it.
    """

    def __init__(self) -> None:
        self._said: set[str] = set()
        self._since = time.monotonic()

    def say(self, text: str) -> bool:
        """Write a line, unless the same was written this hour; whether it was written."""
        now = time.monotonic()
        if now - self._since >= _HOUR_SECONDS:
            self._said, self._since = set(), now
        if text in self._said or len(self._said) >= _MOST_LINES:
            return False
        self._said.add(text)
        say(text)
        if len(self._said) == _MOST_LINES:
            say("more such lines are left out, for an hour at most")
        return True
