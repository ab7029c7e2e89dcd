"""Follows a log as it grows: its newest lines, in bounded memory whatever is written."""

from __future__ import annotations

import os
import stat
import time
from collections import deque
from pathlib import Path

_PIECE_BYTES = 64 * 1024
_LONGEST_LINE = 4000
_CUT = "…"


class LogTail:
    """Follows a log by byte offset.

    It begins ``first_bytes`` before the end. Lines are cut to 4,000 characters while they are read, so that even a line
    of 100 MB takes little memory. Of a line that carriage returns overwrote, the last version is kept.

    Args:
        path: the log; it need not exist yet.
        keep: most lines kept.
        first_bytes: most bytes read of what the log already holds.
    """

    def __init__(self, path: Path, keep: int, first_bytes: int) -> None:
        self._path = path
        self._first_bytes = first_bytes
        self._kept: deque[str] = deque(maxlen=keep)
        self._came: deque[float | None] = deque(maxlen=keep)
        self._identity: tuple[int, int] | None = None
        self._restart()

    def _restart(self) -> None:
        self._kept.clear()
        self._came.clear()
        self._seen_the_end = False
        self.dropped = 0
        self.skipped = False
        self._offset: int | None = None
        self._open_line = b""
        self._is_cut = False
        self._mends_first = False

    @property
    def lines(self) -> list[str]:
        """The newest lines, oldest first; the last may still be growing. Empty ones at the end are left out."""
        lines = list(self._kept)
        if self._open_line and not self._mends_first:
            lines.append(_shown(self._open_line, self._is_cut))
        while lines and not lines[-1]:
            lines.pop()
        return lines

    @property
    def came(self) -> list[float | None]:
        """When each of :attr:`lines` was seen to come, seconds since 1970; None of those that were there before."""
        return [*self._came, None][: len(self.lines)]

    def poll(self) -> bool:
        """Read a piece of what was written since the last call; return whether the lines changed."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return self._lost()
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return self._lost()
            identity = (status.st_dev, status.st_ino)
            if identity != self._identity or (self._offset or 0) > status.st_size:
                self._restart()
                self._identity = identity
            if self._offset is None:
                self._offset = max(status.st_size - self._first_bytes, 0)
                self.skipped = self._mends_first = self._offset > 0
            chunk = os.pread(descriptor, _PIECE_BYTES, self._offset)
        except OSError:
            return False
        finally:
            os.close(descriptor)
        self._offset += len(chunk)
        self._take(chunk)
        self._seen_the_end = self._seen_the_end or self._offset >= status.st_size
        return bool(chunk)

    def _lost(self) -> bool:
        changed = self._identity is not None
        self._identity = None
        self._restart()
        return changed

    def _take(self, chunk: bytes) -> None:
        *whole, rest = chunk.split(b"\n")
        for line in whole:
            self._grow(line)
            self._close_line()
        self._grow(rest)

    def _grow(self, piece: bytes) -> None:
        self._open_line += piece
        before, back, _ = self._open_line.rstrip(b"\r").rpartition(b"\r")
        if back:
            # Overwritten. A terminal would keep the end of a longer line before; progress bars clear it, so it goes.
            self._open_line, self._is_cut = self._open_line[len(before) + 1 :], False
        if len(self._open_line) > 4 * _LONGEST_LINE:
            self._open_line, self._is_cut = self._open_line[: 4 * _LONGEST_LINE], True

    def _close_line(self) -> None:
        if self._mends_first:
            # Reading began in the middle of this line.
            self._mends_first = False
        else:
            self.dropped += len(self._kept) == self._kept.maxlen
            self._kept.append(_shown(self._open_line, self._is_cut))
            self._came.append(time.time() if self._seen_the_end else None)
        self._open_line, self._is_cut = b"", False


def _shown(line: bytes, is_cut: bool) -> str:
    text = line.decode(errors="replace").rstrip("\r")
    return text[:_LONGEST_LINE] + _CUT if is_cut or len(text) > _LONGEST_LINE else text
