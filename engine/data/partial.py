"""Half-made files that a later process continues.

A note beside the half-made file says how many of its images are safely on the disk, what source they come from, and the
SHA-256 of the file so far. The note is written after the images have reached the disk, so it never claims too much. It
is believed only if the file agrees with it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from pathlib import Path
from typing import BinaryIO

from engine.errors import CrtuiError
from engine.storage.descriptors import open_file, rename, unlink
from engine.storage.files import read_file, replacing

_NOTE_BYTES = 4096
_READ_BYTES = 1 << 20
NOTE_SECONDS = 2.0
"""Seconds between two notes: the work that a kill can cost."""


class PartialFile:
    """The half-made form of a file.

    Args:
        path: name of the finished file.
        header: the bytes that it begins with.
        row_bytes: bytes of one image.
        source: a word for what the content is made from. It differs when that changes.
    """

    def __init__(self, path: Path, header: bytes, row_bytes: int, source: str) -> None:
        self._whole = path
        self._path = path.with_name(f".{path.name}.part")
        self._note_path = path.with_name(f".{path.name}.part.json")
        self._header = header
        self._row_bytes = row_bytes
        self._source = source
        self._due = time.monotonic() + NOTE_SECONDS

    def opened(self) -> BinaryIO:
        """The file, for reading and writing.

        Raises:
            OSError: it cannot be made.
        """
        return os.fdopen(open_file(self._path, os.O_RDWR), "r+b")

    def restore(self, file: BinaryIO) -> tuple[int, hashlib._Hash]:
        """Find what can be continued, and move the file's position behind it.

        Returns:
            How many images are there, and the SHA-256 of the file up to them.
        """
        done, digest = self._kept(file)
        if done == 0:
            digest = hashlib.sha256(self._header)
            file.seek(0)
            file.write(self._header)
        file.seek(len(self._header) + done * self._row_bytes)
        file.truncate()
        return done, digest

    def note(self, file: BinaryIO, done: int, digest: hashlib._Hash) -> None:
        """Bring what has been written to the disk and note it, unless that was done a moment ago.

        Raises:
            OSError: the disk refused.
        """
        if time.monotonic() < self._due:
            return
        file.flush()
        os.fsync(file.fileno())
        content = json.dumps({"source": self._source, "done": done, "sha256": digest.hexdigest()})
        with replacing(self._note_path) as note:
            note.write(content.encode())
        self._due = time.monotonic() + NOTE_SECONDS

    def finish(self) -> None:
        """Give the finished file its name."""
        rename(self._path, self._whole)
        unlink(self._note_path, missing_ok=True)

    def discard(self) -> None:
        """Delete the half-made file and its note."""
        for path in (self._path, self._note_path):
            with contextlib.suppress(OSError):
                unlink(path, missing_ok=True)

    def _kept(self, file: BinaryIO) -> tuple[int, hashlib._Hash]:
        """What the note says, if the file agrees with it."""
        digest = hashlib.sha256()
        try:
            note = json.loads(read_file(self._note_path, _NOTE_BYTES))
            done = int(note["done"])
            left = len(self._header) + done * self._row_bytes
            if note["source"] == self._source and done > 0 and left <= os.fstat(file.fileno()).st_size:
                file.seek(0)
                while left > 0 and (content := file.read(min(left, _READ_BYTES))):
                    digest.update(content)
                    left -= len(content)
                if left == 0 and digest.hexdigest() == note["sha256"]:
                    return done, digest
        except (OSError, CrtuiError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
            pass
        return 0, digest
