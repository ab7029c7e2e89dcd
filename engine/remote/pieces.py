"""Files that are copied piece by piece, go on where they were, and begin anew when the original was replaced.

The far side does not remember what it has sent. The near side says how much it has and by what that ends; if the
original holds the same there, the copy goes on, in this connection or after a week.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from engine.errors import WorkError
from engine.storage.descriptors import cause, open_file
from engine.storage.files import make_folders

_COMPARED_BYTES = 1024
"""Less than the first piece of a file of which only the end is copied."""


@dataclass(frozen=True)
class Piece:
    """A part of a file.

    Args:
        start: where in the file it begins.
        size: bytes of the whole file.
        content: the bytes; empty where there is nothing new.
    """

    start: int
    size: int
    content: bytes = b""


def read_piece(path: Path, have: int, digest: str, most: int, first: int | None = None) -> Piece:
    """What a copy lacks of a file.

    Args:
        path: the file; a symbolic link, pipe or device counts as an empty file, like one that is not there.
        have: bytes that the copy has.
        digest: what :attr:`Copy.digest` says of them.
        most: bytes of the piece.
        first: where nothing was copied yet, only so much of the file's end; default: all of it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return Piece(0, 0)
    try:
        status = os.fstat(descriptor)
        size = status.st_size if stat.S_ISREG(status.st_mode) else 0
        if not (0 < have <= size and _digest(descriptor, have) == digest):
            have = max(size - first, 0) if first is not None else 0
        return Piece(have, size, os.pread(descriptor, min(most, size - have), have) if size > have else b"")
    except OSError:
        return Piece(0, 0)
    finally:
        os.close(descriptor)


class Copy:
    """A copy of a file of another machine, as far as it has come. Used by one thread at a time.

    What lies before the first piece is a hole, so that places in the copy are those of the original.

    Args:
        path: where the copy lies; what is there already is gone on with.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._have: int | None = None
        self._digest = ""

    @property
    def have(self) -> int:
        """Bytes that it has, or that lie before what it has."""
        self._look()
        return self._have or 0

    @property
    def digest(self) -> str:
        """By what it ends."""
        self._look()
        return self._digest

    def take(self, piece: Piece) -> bool:
        """Write a piece; return whether anything changed.

        A piece that does not continue the copy begins a new file, so that readers notice.

        Raises:
            WorkError: the disk refused.
        """
        begins_anew = piece.start != self.have
        if not piece.content and not (begins_anew or piece.size < self.have):
            return False
        try:
            if begins_anew or not self.path.exists():
                self._begin_at(piece.start)
            descriptor = open_file(self.path, os.O_RDWR)
            try:
                written = piece.start
                os.ftruncate(descriptor, written)
                while written < piece.start + len(piece.content):
                    written += os.pwrite(descriptor, piece.content[written - piece.start :], written)
                self._have, self._digest = written, _digest(descriptor, written)
            finally:
                os.close(descriptor)
        except OSError as error:
            self._have = None
            raise WorkError(f"the copy {self.path} cannot be written: {cause(error)}") from error
        return True

    def _begin_at(self, start: int) -> None:
        make_folders(self.path.parent)
        fresh = self.path.with_name(f".{self.path.name}.tmp")
        fresh.unlink(missing_ok=True)
        descriptor = open_file(fresh, os.O_RDWR)
        try:
            os.ftruncate(descriptor, start)
        finally:
            os.close(descriptor)
        fresh.replace(self.path)

    def _look(self) -> None:
        """Find out what was copied before, the first time."""
        if self._have is not None:
            return
        self._have, self._digest = 0, ""
        with contextlib.suppress(OSError):
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                self._have = os.fstat(descriptor).st_size
                self._digest = _digest(descriptor, self._have)
            finally:
                os.close(descriptor)


def _digest(descriptor: int, end: int) -> str:
    """SHA-256 of what a file holds just before ``end``."""
    begin = max(end - _COMPARED_BYTES, 0)
    return hashlib.sha256(os.pread(descriptor, end - begin, begin)).hexdigest()
