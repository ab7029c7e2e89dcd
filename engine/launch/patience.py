"""Patience with a store that refuses: an expired ticket, a server that starts again, a file system that is away."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from engine.errors import StoreError
from engine.runs.log import Seldom, say

PATIENCE_SECONDS = 900.0
"""How long a store may refuse before a supervisor or a worker gives up."""
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 10.0
_Result = TypeVar("_Result")


class Patience:
    """Does things with a store, each again and again until the store does not refuse it.

    The time begins with the first refusal after something that was done. So once it is over, what is left to do is
    tried once, and nobody waits for it anew.

    Args:
        who: who waits, for the log.
        wait: waits for so many seconds, or less.
        seconds: how long the store may refuse.
        in_vain: whether an error will not pass, however long one waits.

    Attributes:
        waited: seconds that were waited for what was done last; 0 if it was done at once.
    """

    def __init__(
        self,
        who: str,
        wait: Callable[[float], None] = time.sleep,
        seconds: float = PATIENCE_SECONDS,
        in_vain: Callable[[StoreError], bool] = lambda error: False,
    ) -> None:
        self.waited = 0.0
        self._who = who
        self._wait = wait
        self._seconds = seconds
        self._in_vain = in_vain
        self._refused_since: float | None = None
        self._log = Seldom()

    def __call__(self, act: Callable[[], _Result]) -> _Result:
        """Do something, which may have been begun before when it is called again.

        Raises:
            StoreError: the store refused all the while, or what it refused will not pass.
        """
        began = time.monotonic()
        pause = _FIRST_PAUSE
        refused = said = False
        while True:
            try:
                result = act()
            except StoreError as error:
                now = time.monotonic()
                if self._refused_since is None:
                    self._refused_since = now
                if now - self._refused_since > self._seconds or self._in_vain(error):
                    raise
                if not refused:
                    refused = True
                    said = self._log.say(f"{self._who}: {error}; waiting until the store answers again")
            else:
                self._refused_since = None
                self.waited = time.monotonic() - began if refused else 0.0
                if said:
                    say(f"{self._who}: the store answers again after {self.waited:.0f} seconds")
                return result
            self._wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


def patiently(
    act: Callable[[], _Result], wait: Callable[[float], None] = time.sleep, patience: float = PATIENCE_SECONDS
) -> _Result:
    """Do something as a supervisor does, until the store does not refuse it; see :class:`Patience`.

    Raises:
        StoreError: the store refused all the while.
    """
    return Patience("supervisor", wait, patience)(act)
