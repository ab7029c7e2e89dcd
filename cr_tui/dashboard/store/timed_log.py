"""A log with the times of its lines: of what happened at a step, by the event log, and of what was seen to come."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from cr_tui.dashboard.store.follower import LONG_LOG
from cr_tui.dashboard.store.log_tail import LogTail
from engine.runs.folder import RunFolder

_ROW = re.compile(rb'"step":(\d{1,15}),"time":(\d{1,12}(?:\.\d+)?),"kind":"\w+","attempt":(\d{1,9})')
_AT_STEP = re.compile(r"step (\d{1,15}): ")
_PIECE_BYTES = 1024 * 1024
_MOST_STEPS = 200_000


class TimedLog:
    """Follows a run's log, and its event log for the times of steps.

    A step that several attempts came to has no time here: its lines could be of any of them.

    Args:
        folder: the run.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._tail = LogTail(folder.log_path, *LONG_LOG)
        self._events = folder.events_path
        self._offset = 0
        self._steps: dict[int, tuple[float, int]] = {}
        self._repeated: set[int] = set()

    @property
    def lines(self) -> Sequence[str]:
        """The newest lines, oldest first."""
        return self._tail.lines

    @property
    def dropped(self) -> int:
        """How many lines came before those that are kept."""
        return self._tail.dropped

    @property
    def skipped(self) -> bool:
        """Whether the log's beginning was not read at all."""
        return self._tail.skipped

    @property
    def times(self) -> Sequence[float | None]:
        """When each line was written; None where that is not known."""
        return [
            self._time_of(line) if came is None else came
            for line, came in zip(self._tail.lines, self._tail.came, strict=False)
        ]

    def _time_of(self, line: str) -> float | None:
        match = _AT_STEP.match(line)
        step = int(match[1]) if match else -1
        return self._steps[step][0] if step in self._steps and step not in self._repeated else None

    def poll(self) -> bool:
        """Read a piece of what is new in both files; return whether there was anything new."""
        more_events = self._read_steps()
        return self._tail.poll() or more_events

    def _read_steps(self) -> bool:
        """Read a piece of the event log; return whether it held anything new."""
        try:
            descriptor = os.open(self._events, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            if os.fstat(descriptor).st_size < self._offset:
                self._offset, self._steps, self._repeated = 0, {}, set()
            piece = os.pread(descriptor, _PIECE_BYTES, self._offset)
        except OSError:
            return False
        finally:
            os.close(descriptor)
        whole = piece[: piece.rfind(b"\n") + 1]
        for found in _ROW.finditer(whole):
            step, attempt = int(found[1]), int(found[3])
            if self._steps.setdefault(step, (float(found[2]), attempt))[1] != attempt:
                self._repeated.add(step)
            if len(self._steps) > _MOST_STEPS:
                del self._steps[step]
        # A line longer than a piece is passed over.
        self._offset += len(whole) or (len(piece) if len(piece) == _PIECE_BYTES else 0)
        return bool(whole)
