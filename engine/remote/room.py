"""A folder on the other machine for the files that a command is given, or writes, over there.

It belongs to one connection and goes with it.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import InputError, WorkError
from engine.remote.answering import Question
from engine.remote.frames import Pace
from engine.storage.descriptors import cause, open_file
from engine.storage.files import make_folders

_MOST_FILES = 10_000
_MOST_DEPTH = 8
_MOST_NAME = 255
_READ_BYTES = 2**20
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def inner_path(word: Any) -> Path:
    """A path below a folder, such as it comes from the other machine.

    Raises:
        InputError: it leads out of the folder, or cannot be a name.
    """
    parts = word.split("/") if isinstance(word, str) else []
    bad = not 0 < len(parts) <= _MOST_DEPTH or any(
        part in ("", ".", "..") or len(os.fsencode(part)) > _MOST_NAME or _CONTROL.search(part) for part in parts
    )
    if bad:
        raise InputError(f"{str(word)[:80]!r} is no path below a folder")
    return Path(*parts)


class Room:
    """The far side of such a folder, made when it is asked for.

    Args:
        pace: how much of a file goes into one answer.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._folder: Path | None = None

    @property
    def questions(self) -> Mapping[str, Question]:
        """What can be asked."""
        return {"room": self._make, "put": self._put, "made": self._list, "get": self._get}

    def close(self) -> None:
        """Delete it with all that is in it."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _make(self, arguments: list[Any], body: bytes) -> tuple[Any, bytes]:
        try:
            self._folder = self._folder or Path(tempfile.mkdtemp(prefix="crtui-"))
        except OSError as error:
            raise WorkError(f"a folder for files cannot be made there: {cause(error)}") from error
        return str(self._folder), b""

    def _path(self, word: Any) -> Path:
        if self._folder is None:
            raise InputError("there is no room yet")
        return self._folder / inner_path(word)

    def _put(self, arguments: list[Any], body: bytes) -> tuple[Any, bytes]:
        name, start = arguments
        path = self._path(name)
        try:
            make_folders(path.parent)
            with os.fdopen(open_file(path, os.O_WRONLY), "wb") as file:
                file.seek(int(start))
                file.write(body)
        except OSError as error:
            raise WorkError(f"{path.name} cannot be written there: {cause(error)}") from error
        return None, b""

    def _list(self, arguments: list[Any], body: bytes) -> tuple[Any, bytes]:
        """Files below a name, each with its size and SHA-256."""
        root = self._path(arguments[0])
        found = [root] if root.is_file() else sorted(path for path in root.rglob("*") if path.is_file())
        assert self._folder is not None
        listed = [
            [str(path.relative_to(self._folder)), path.stat().st_size, file_hash(path)] for path in found[:_MOST_FILES]
        ]
        return listed, b""

    def _get(self, arguments: list[Any], body: bytes) -> tuple[Any, bytes]:
        name, start = arguments
        try:
            with self._path(name).open("rb") as file:
                file.seek(int(start))
                return None, file.read(self._pace.piece)
        except OSError as error:
            raise WorkError(f"{name} cannot be read there: {cause(error)}") from error


def file_hash(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()
