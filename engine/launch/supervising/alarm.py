"""Signals, as a supervisor needs them."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Iterator, Sequence


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
        self._reading, writing = os.pipe()
        os.set_blocking(self._reading, False)
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        for asking in (signal.SIGTERM, signal.SIGINT, *more_signals):
            signal.signal(asking, self._terminate)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        # A supervisor has no terminal to lose. The worker inherits this.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def wait(self, seconds: float) -> None:
        """Sleep for so many seconds at most; a signal ends the sleep."""
        select.select([self._reading], [], [], max(0.0, seconds))
        # What cannot be taken out of the pipe only ends the next sleep at once.
        with contextlib.suppress(OSError):
            os.read(self._reading, 4096)

    def _terminate(self, number: int, frame: object) -> None:
        self.received.add(number)
        self.terminated = True


@contextlib.contextmanager
def blocked_signals(*signals: signal.Signals) -> Iterator[None]:
    """Block signals in this process until the end of the block, and for good in processes that are started in it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
