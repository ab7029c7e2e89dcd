"""The terminal's answer to the question about images, when it comes after nobody waits for it any more."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from textual import events

_ESCAPE = "^"
_BEGINNING = re.compile(r"\^(\[[?0-9;]*[ct]?|_[^^]{0,200}(\^\\?)?)?")
"""What can become one. Textual gives an escape sequence that it does not know on as keys, escape itself as ``^``."""
_END = re.compile(r"\^(\[[?0-9;]*[ct]|_[^^]*\^\\)")
_LAST_END = re.compile(r"\^\[\?[0-9;]*c")
_EXPECTED_SECONDS = 30.0
_PAUSE_SECONDS = 0.15


class LateAnswer:
    """Holds back keys that nobody pressed: what an answer looks like to Textual. It comes at once, or it is none.

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
            The keys that have been pressed, as is known now: none while this one may belong to an answer, or those that
            were held back before it as well, where it shows that they do not.
        """
        if not self._until:
            return (event,)
        # When it was read: when it is looked at depends on what else there was to do.
        now = event.time
        pressed: list[events.Key] = []
        if self._held and now - self._newest > _PAUSE_SECONDS:
            # Several are an answer that broke off; one alone is a key.
            pressed = self._held if len(self._held) == 1 else []
            self._held = []
        if not self._held:
            if now > self._until:
                self._until = 0.0
                return (*pressed, event)
            # Of a sequence behind another Textual may swallow the escape.
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
