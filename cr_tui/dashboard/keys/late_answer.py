"""Drops the terminal's answer to the question about images, if it comes when nobody waits for it any more."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from textual import events

_ESCAPE = "^"
_BEGINNING = re.compile(r"\^(\[[?0-9;]*[ct]?|[_P][^^]{0,200}(\^\\?)?)?")
"""The beginning of an answer. Textual passes an unknown escape sequence on as keys, with ``^`` for escape."""
_END = re.compile(r"\^(\[[?0-9;]*[ct]|[_P][^^]*\^\\)")
_LAST_END = re.compile(r"\^\[\?[0-9;]*c")
_EXPECTED_SECONDS = 30.0
_PAUSE_SECONDS = 0.15


class LateAnswer:
    """Holds back keys that look like the beginning of an answer. Those of an answer follow each other at once.

    Args:
        awaited: whether an answer is outstanding.
    """

    def __init__(self, *, awaited: bool) -> None:
        self._until = time.monotonic() + _EXPECTED_SECONDS if awaited else 0.0
        self._newest = self._ended = 0.0
        self._held: list[events.Key] = []
        self._missing = ""

    def sift(self, event: events.Key) -> Sequence[events.Key]:
        """Take a key.

        Returns:
            The keys that are known to be pressed by somebody. While this key may belong to an answer, there are none.
            If this key shows that the held ones are no answer, they come before it.
        """
        if not self._until:
            return (event,)
        # The time of reading: a busy event loop may look at the key much later.
        now = event.time
        pressed: list[events.Key] = []
        if self._held and now - self._newest > _PAUSE_SECONDS:
            # Several held keys are an answer that broke off; a single one was pressed.
            pressed = self._held if len(self._held) == 1 else []
            self._held = []
        if not self._held:
            if now > self._until:
                self._until = 0.0
                return (*pressed, event)
            # Textual may swallow the escape of a sequence that follows another.
            follows = now - self._ended <= _PAUSE_SECONDS
            self._missing = _ESCAPE if follows and event.character != _ESCAPE else ""
        self._newest = now
        self._held.append(event)
        text = self._missing + "".join(key.character or "" for key in self._held)
        if event.character is None or not _BEGINNING.fullmatch(text):
            pressed += self._held
            self._held = []
        elif _END.fullmatch(text):
            self._held = []
            self._ended = now
            if _LAST_END.fullmatch(text):
                self._until = 0.0
        return pressed
