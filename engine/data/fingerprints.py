"""What data are, in a few words that change when the data do: where they lie, what is listed there, what is in it.

A fingerprint is made of files (of one's own data, or of those that authors publish) or of the images of a dataset that
is made here. It is kept beside what was prepared from the files and with each run, and compared whenever the data are
used again.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from engine.errors import InputError, StoreError
from engine.storage.files import read_file, replace_file

SAMPLED_BYTES = 32 << 20
"""Bytes of content that are read, spread evenly. Files that are no larger together are read whole."""
_BLOCK_BYTES = 16 << 10
_MOST_FILES = 2048
_READ_BYTES = 1 << 20
_NOTE_BYTES = 1 << 16
_DIGITS = 16


class ListedFile(NamedTuple):
    """A file that data consist of.

    Args:
        name: what it is called among the others, the same wherever they lie.
        path: where it lies.
        size: bytes.
    """

    name: str
    path: Path
    size: int


@dataclass(frozen=True)
class Fingerprint:
    """What data are.

    Args:
        place: where they lie, or the name of a dataset that is made here. Data may move and stay the same.
        listing: digest of the names and sizes of the files, or of the number, shape and factors of the images.
        content: digest of bytes sampled from all of it.
        full: digest of every byte; ``None`` if nobody asked for it.
    """

    place: str
    listing: str
    content: str
    full: str | None = None

    @property
    def short(self) -> str:
        """Twelve digits to show. Equal for equal data, wherever they lie."""
        return hashlib.sha256(f"{self.listing} {self.content}".encode()).hexdigest()[:12]

    def difference(self, other: Fingerprint) -> str | None:
        """How the data of another fingerprint differ, in words; ``None`` if nothing shows that they do."""
        if self.listing != other.listing:
            return "other files, or files of other sizes"
        if self.content != other.content:
            return "other content"
        if self.full and other.full and self.full != other.full:
            return "other content, by the digest of every byte"
        return None

    def to_json(self) -> dict[str, Any]:
        """The fields, and ``short``."""
        return asdict(self) | {"short": self.short}

    @classmethod
    def from_json(cls, content: object) -> Fingerprint | None:
        """The inverse of :meth:`to_json`; ``None`` for what is none."""
        if not isinstance(content, dict):
            return None
        place, listing, sampled, full = (content.get(key) for key in ("place", "listing", "content", "full"))
        if not all(isinstance(text, str) for text in (place, listing, sampled)) or not isinstance(full, str | None):
            return None
        return cls(str(place), str(listing), str(sampled), full)


def of_files(place: str, files: Sequence[ListedFile], *, extra: str = "", full: bool = False) -> Fingerprint:
    """The fingerprint of files.

    Args:
        place: where they lie.
        files: all of them, in a fixed order.
        extra: what else tells these data from others in the same files.
        full: whether to digest every byte as well.

    Raises:
        InputError: a file cannot be read.
    """
    listing, content = hashlib.sha256(extra.encode(errors="surrogateescape")), hashlib.sha256()
    for file in files:
        listing.update(b"\0%b\0%d" % (os.fsencode(file.name), file.size))
    chosen = files[:: -(-len(files) // _MOST_FILES)] if files else ()
    total = sum(file.size for file in files)
    share = total if total <= SAMPLED_BYTES else SAMPLED_BYTES // max(1, len(chosen))
    for file in chosen:
        for block in _blocks(file, share):
            content.update(block)
    found = Fingerprint(place, listing.hexdigest()[:_DIGITS], content.hexdigest()[:_DIGITS])
    return replace(found, full=_digest(files)) if full else found


def of_parts(place: str, listing: str, parts: Iterator[bytes]) -> Fingerprint:
    """The fingerprint of data that are made here, from a description and pieces of content."""
    content = hashlib.sha256()
    for part in parts:
        content.update(part)
    return Fingerprint(place, hashlib.sha256(listing.encode()).hexdigest()[:_DIGITS], content.hexdigest()[:_DIGITS])


def listed(path: Path, name: str = "") -> ListedFile:
    """A file as :func:`of_files` takes it.

    Raises:
        InputError: it cannot be looked at.
    """
    try:
        return ListedFile(name, path, path.stat().st_size)
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror or error}") from error


def keep(path: Path, fingerprint: Fingerprint) -> None:
    """Write the fingerprint of what a file was prepared from beside it.

    Raises:
        WorkError: the disk refused.
    """
    replace_file(_note(path), json.dumps(fingerprint.to_json(), indent=2).encode() + b"\n")


def kept(path: Path) -> Fingerprint | None:
    """The fingerprint of what a file was prepared from; ``None`` if that was not written down or cannot be read."""
    try:
        return Fingerprint.from_json(json.loads(read_file(_note(path), _NOTE_BYTES)))
    except (OSError, ValueError, RecursionError, InputError, StoreError):
        return None


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.source.json")


def _blocks(file: ListedFile, share: int) -> Iterator[bytes]:
    """All of a file that is no larger than its share; of another its beginning, its end, and blocks between."""
    if file.size <= share:
        yield from _read(file, 0, file.size)
        return
    count = max(2, share // _BLOCK_BYTES)
    last = max(0, file.size - _BLOCK_BYTES)
    for number in range(count):
        yield from _read(file, last * number // (count - 1), _BLOCK_BYTES)


def _read(file: ListedFile, start: int, count: int) -> Iterator[bytes]:
    try:
        # A pipe that has taken the place of a file would block for ever.
        descriptor = os.open(file.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return
            stream.seek(start)
            while count > 0 and (content := stream.read(min(count, _READ_BYTES))):
                yield content
                count -= len(content)
    except OSError as error:
        yield f"unreadable {error.errno}".encode()


def _digest(files: Sequence[ListedFile]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(b"\0%b\0%d\0" % (os.fsencode(file.name), file.size))
        for block in _read(file, 0, file.size):
            digest.update(block)
    return digest.hexdigest()
