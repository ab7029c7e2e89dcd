"""The terminal's answer to the question about images, when it comes after nobody waits for it any more."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from textual import events

_OPENING = "^"
"""Textual gives an escape sequence that it does not know on as keys, escape itself as this one."""
_END = re.compile(r"\^\[\?[0-9;]*c$")
_EXPECTED_SECONDS = 30.0
_PAUSE_SECONDS = 0.15


class LateAnswer:
    """Holds back keys that nobody pressed: what an answer looks like to Textual. It comes at once, or it is none.

    Args:
        awaited: whether an answer is outstanding.
        clock: seconds from some beginning.
    """

    def __init__(self, *, awaited: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = clock() + _EXPECTED_SECONDS if awaited else 0.0
        self._newest: float | None = None
        self._held = ""

    def holds(self, event: events.Key) -> bool:
        """Whether a key belongs to an answer and must reach nobody."""
        if not self._until or event.character is None:
            return False
        now = self._clock()
        if self._newest is not None and now - self._newest > _PAUSE_SECONDS:
            self._newest = None
        if self._newest is None and (now > self._until or event.character != _OPENING):
            return False
        self._newest = now
        self._held += event.character
        if _END.search(self._held):
            self._until = 0.0
        return True
