"""A log with the times of its lines: of those that the event log has too, and of those that were seen to come."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence

import orjson

from cr_tui.dashboard.store.follower import LONG_LOG
from cr_tui.dashboard.store.log_tail import LogTail
from engine.runs.folder import RunFolder

_NOTE = b'"note"'
_PIECE_BYTES = 1024 * 1024
_MOST_NOTES = 20_000


class TimedLog:
    """Follows a run's log. What happened at a step stands in the event log as well, with its time.

    Args:
        folder: the run.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._tail = LogTail(folder.log_path, *LONG_LOG)
        self._events = folder.events_path
        self._offset = 0
        self._noted: dict[str, float] = {}

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
        return [self._noted.get(line, came) for line, came in zip(self._tail.lines, self._tail.came, strict=False)]

    def poll(self) -> bool:
        """Read a piece of what is new in both files; return whether the lines or their times changed."""
        noted = len(self._noted)
        more = self._read_notes()
        return self._tail.poll() or more or len(self._noted) != noted

    def _read_notes(self) -> bool:
        """Read a piece of the event log; return whether there is more."""
        try:
            descriptor = os.open(self._events, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            if os.fstat(descriptor).st_size < self._offset:
                self._offset, self._noted = 0, {}
            piece = os.pread(descriptor, _PIECE_BYTES, self._offset)
        except OSError:
            return False
        finally:
            os.close(descriptor)
        whole = piece[: piece.rfind(b"\n") + 1]
        for text, at in _notes(whole):
            if len(self._noted) < _MOST_NOTES:
                self._noted[text] = at
        self._offset += len(whole) or (len(piece) if len(piece) == _PIECE_BYTES else 0)
        return len(piece) == _PIECE_BYTES


def _notes(piece: bytes) -> Iterator[tuple[str, float]]:
    """The notes among rows of an event log: the line that the log has for each, and when it was written."""
    at = piece.find(_NOTE)
    while at >= 0:
        start, end = piece.rfind(b"\n", 0, at) + 1, piece.find(b"\n", at)
        with contextlib.suppress(orjson.JSONDecodeError):
            row = orjson.loads(piece[start:end])
            if isinstance(row, dict) and isinstance(row.get("text"), str) and isinstance(row.get("time"), float):
                yield f"step {row.get('step')}: {row['text']}", row["time"]
        at = piece.find(_NOTE, end)
