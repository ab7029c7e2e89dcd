"""Patience with a store that refuses: an expired ticket, a server that starts again, a disk full for a moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from engine.errors import StoreError
from engine.runs.log import say

PATIENCE_SECONDS = 900.0
"""How long a store may refuse before a supervisor gives up."""
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 10.0
_Result = TypeVar("_Result")


def patiently(
    act: Callable[[], _Result],
    wait: Callable[[float], None] = time.sleep,
    patience: float = PATIENCE_SECONDS,
    who: str = "supervisor",
) -> _Result:
    """Do something with the store, again and again until the store does not refuse it.

    Args:
        act: what to do; called until it raises no :class:`StoreError`.
        wait: waits for so many seconds, or less.
        patience: seconds until the last error is raised.
        who: which process says in the log that it waits.

    Raises:
        StoreError: the store refused all the while.
    """
    deadline = time.monotonic() + patience
    pause = _FIRST_PAUSE
    said = False
    while True:
        try:
            return act()
        except StoreError as error:
            if time.monotonic() > deadline:
                raise
            if not said:
                say(f"{who}: {error}; waiting until the store answers again")
                said = True
        wait(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
