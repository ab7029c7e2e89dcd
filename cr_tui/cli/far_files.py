"""Files that travel with a command to another machine, and back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from cr_tui.cli.progress import TaskDisplay
from engine.errors import InputError, WorkError
from engine.remote.address import FarStore
from engine.remote.connection import Connection
from engine.remote.frames import PIECE_BYTES
from engine.remote.room import inner_path
from engine.storage.descriptors import cause
from engine.storage.files import saving


class FileRoom:
    """A folder on the other machine, for as long as a command needs it.

    Args:
        far: the store, whose machine it is.
        quiet: whether to show no progress.
    """

    def __init__(self, far: FarStore, quiet: bool) -> None:
        self._connection = Connection(far)
        self._quiet = quiet
        self.folder = ""

    def __enter__(self) -> Self:
        self._connection.open()
        self.folder = str(self._connection.ask("room")[0])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def send(self, path: Path, name: str) -> None:
        """Copy a file of this machine into the folder.

        Raises:
            InputError: it cannot be read.
            WorkError: it cannot be written there, or the connection was cut.
        """
        try:
            with path.open("rb") as file:
                start = 0
                while piece := file.read(PIECE_BYTES):
                    self._connection.ask("put", [name, start], piece)
                    start += len(piece)
        except OSError as error:
            raise InputError(f"'{path}' cannot be read: {cause(error)}") from error

    def bring(self, name: str, path: Path) -> None:
        """Copy a file or folder from there to here, each file whole or not at all.

        Raises:
            InputError: it cannot be written here.
            WorkError: it is not what the other machine said, the disk refused, or the connection was cut.
        """
        listed = [_checked(entry, name) for entry in self._connection.ask("made", [name])[0]]
        total = sum(size for _, size, _ in listed)
        with TaskDisplay(self._quiet, json=True) as display:
            done = 0
            for inner, size, digest in listed:
                below = inner.relative_to(name)
                target = path / below if below.parts else path
                if below.parts:
                    target.parent.mkdir(parents=True, exist_ok=True)
                with saving(target) as file:
                    found = hashlib.sha256()
                    for piece in self._pieces(inner, size):
                        file.write(piece)
                        found.update(piece)
                        done += len(piece)
                        display(f"fetching {path.name}", done, total)
                    if found.hexdigest() != digest:
                        raise WorkError(f"'{target}' did not come whole; try again")

    def _pieces(self, inner: Path, size: int) -> Iterator[bytes]:
        start = 0
        while start < size:
            piece = self._connection.ask("get", [str(inner), start])[1][: size - start]
            if not piece:
                return
            yield piece
            start += len(piece)


def _checked(entry: object, name: str) -> tuple[Path, int, str]:
    """An entry of the other machine's list: a path below ``name``, its size and its SHA-256."""
    if isinstance(entry, list) and len(entry) == 3:
        inner, size, digest = inner_path(entry[0]), entry[1], entry[2]
        if inner.parts[0] == name and type(size) is int and size >= 0 and isinstance(digest, str):
            return inner, size, digest
    raise InputError("the other machine lists a file in a way that cannot be used")
