"""Reads copies of a run's files as they grow, by the same means as the files of a store here."""

from __future__ import annotations

import time
from collections.abc import Sequence

from cr_tui.dashboard.far.copies import Copies
from cr_tui.dashboard.model.curves import History
from cr_tui.dashboard.store.follower import StoreFollower
from cr_tui.dashboard.store.timed_log import TimedLog
from engine.runs.folder import RunFolder

_PAUSE_SECONDS = 0.02
_COMING = "(this log is on its way)"
_NOTHING_YET = "(nothing of this log has come yet, and there is no connection at present)"


class FarFollower:
    """Reads a run's events and the end of its log.

    Args:
        copies: the copies of its store.
        run_id: the run.

    Raises:
        InputError: the id is none.
    """

    def __init__(self, copies: Copies, run_id: str) -> None:
        self._growing = (copies.growing("events", run_id), copies.growing("log", run_id))
        self._files = StoreFollower(RunFolder(copies.store.runs / run_id))

    @property
    def history(self) -> History:
        """The scalars read so far."""
        return self._files.history

    @property
    def log(self) -> Sequence[str]:
        """The newest lines of the log, oldest first."""
        return self._files.log

    def poll(self) -> bool:
        """Read a piece of what has come; return whether there was any, or more is on its way."""
        if self._files.poll():
            return True
        if any(growing.behind for growing in self._growing):
            # Whoever reads asks again at once, which would keep a core busy.
            time.sleep(_PAUSE_SECONDS)
            return True
        return False


class FarLog:
    """Reads a run's log at some length. It is shown once as much as is kept of it has come.

    Args:
        copies: the copies of its store.
        run_id: the run.

    Raises:
        InputError: the id is none.
    """

    def __init__(self, copies: Copies, run_id: str) -> None:
        self._copies = copies
        self._growing = copies.growing("whole-log", run_id)
        self._events = copies.growing("events", run_id)
        self._tail = TimedLog(self._growing.copy.path, self._events.copy.path)
        self._begun = False
        self._instead: list[str] | None = [_COMING]

    @property
    def lines(self) -> Sequence[str]:
        """The newest lines, oldest first. A log that has not come is not shown as an empty one."""
        return self._tail.lines if self._instead is None else self._instead

    @property
    def dropped(self) -> int:
        """How many lines came before those that are kept, as far as they were read."""
        return self._tail.dropped

    @property
    def times(self) -> Sequence[float | None]:
        """When each line was written; None where that is not known."""
        return self._tail.times

    @property
    def skipped(self) -> bool:
        """Whether the log's beginning was not read at all."""
        return self._tail.skipped

    def poll(self) -> bool:
        """Read a piece of what has come; return whether the lines changed."""
        # What is missing before the first piece is a hole, which a reader that began too early would take for text.
        self._begun = self._begun or not self._growing.behind
        before = self._instead
        self._instead = None if self._begun else [_NOTHING_YET if self._copies.trouble else _COMING]
        return (self._begun and self._tail.poll()) or self._instead != before
