"""Reads one run as it grows."""

from __future__ import annotations

from collections.abc import Sequence

from cr_tui.dashboard.model.curves import History
from cr_tui.dashboard.store.log_tail import LogTail
from engine.runs.events import EventTail
from engine.runs.folder import RunFolder

_EVENT_BYTES = 32 * 1024
_SHORT_LOG = (400, 32 * 1024)
LONG_LOG = (20_000, 4 * 2**20)
"""Most lines kept and bytes read of a log: for a glance, and to scroll and search in."""


class StoreFollower:
    """Reads a run's events in pieces of 32 kB, and the end of its log.

    Args:
        folder: the run.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.history = History()
        self._events = EventTail(folder.events_path, _EVENT_BYTES)
        self._log = LogTail(folder.log_path, *_SHORT_LOG)

    @property
    def log(self) -> Sequence[str]:
        """The newest lines of the log, oldest first."""
        return self._log.lines

    def poll(self) -> bool:
        """Read a piece of what is new; return whether there was anything new."""
        batch = self._events.read()
        if batch.restarted:
            self.history.clear()
        if batch.resumed_step is not None:
            self.history.forget_after(batch.resumed_step)
        self.history.add(batch.rows)
        log_grew = self._log.poll()
        return log_grew or batch.restarted or bool(batch.rows) or batch.more
