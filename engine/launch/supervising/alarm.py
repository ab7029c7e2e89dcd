"""Signals, as a supervisor needs them."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterator, Sequence

from engine.storage.descriptors import release

_SHORT_SECONDS = 0.25
"""The longest sleep where no signal can end one."""


class Alarm:
    """Sleeps until a child ends, somebody asks to stop, or the time is over.

    Args:
        more_signals: signals that ask to stop, besides SIGTERM and SIGINT.

    Attributes:
        terminated: whether somebody has asked to stop. The reader sets it back to ``False``.
        received: the numbers of all signals that asked.
    """

    def __init__(self, more_signals: Sequence[signal.Signals] = ()) -> None:
        self.terminated = False
        self.received: set[int] = set()
        self._reading = _woken_by_signals()
        for asking in (signal.SIGTERM, signal.SIGINT, *more_signals):
            signal.signal(asking, self._terminate)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        # A supervisor has no terminal to lose. The worker inherits this.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def wait(self, seconds: float) -> None:
        """Sleep for so many seconds at most; a signal ends the sleep."""
        if self._reading is None:
            time.sleep(min(max(0.0, seconds), _SHORT_SECONDS))
            return
        select.select([self._reading], [], [], max(0.0, seconds))
        # What cannot be taken out of the pipe only ends the next sleep at once.
        with contextlib.suppress(OSError):
            os.read(self._reading, 4096)

    def _terminate(self, number: int, frame: object) -> None:
        self.received.add(number)
        self.terminated = True


def _woken_by_signals() -> int | None:
    """A descriptor that can be read once a signal has come; ``None`` where the system refuses one."""
    ends: tuple[int, ...] = ()
    try:
        ends = os.pipe()
        for end in ends:
            os.set_blocking(end, False)
        signal.set_wakeup_fd(ends[1], warn_on_full_buffer=False)
    except OSError:
        for end in ends:
            release(end)
        return None
    return ends[0]


@contextlib.contextmanager
def blocked_signals(*signals: signal.Signals) -> Iterator[None]:
    """Block signals in this process until the end of the block, and for good in processes that are started in it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
