"""The photos in a folder: which files these are, and which are left out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.data.own.photo_kinds import remedy, suffixes
from engine.errors import InputError

MOST_PHOTOS = 10_000_000
LABEL_FILE = "labels.csv"
_KINDS_NAMED = 8


@dataclass(frozen=True)
class Photo:
    """A file that may be a photo.

    Args:
        path: relative to the folder, with slashes.
        size: bytes.
        modified: time of its last change, nanoseconds.
    """

    path: str
    size: int
    modified: int


@dataclass(frozen=True)
class Listing:
    """What a folder and the folders in it hold.

    Args:
        photos: in the order of their names.
        left_out: how many other files there are, by their kind in words.
    """

    photos: list[Photo]
    left_out: Counter[str]

    def left_out_in_words(self) -> str:
        """The files that are left out, the most frequent kinds first: ``280 .mp4 files, 1 hidden photo``."""
        named = [_counted(kind, count) for kind, count in self.left_out.most_common(_KINDS_NAMED)]
        rest = self.left_out.total() - sum(count for _, count in self.left_out.most_common(_KINDS_NAMED))
        return ", ".join([*named, *([f"{rest} others"] if rest else [])])


def list_photos(folder: Path) -> Listing:
    """All photos of a folder and the folders in it.

    Symbolic links to folders are not followed, and those to files only if they stay inside. Hidden files and folders
    are left out: some systems keep shadows of photos under such names.

    Raises:
        InputError: there is none, or the folder cannot be read.
    """
    photos: list[Photo] = []
    left_out: Counter[str] = Counter()
    for found in _files(folder):
        if isinstance(found, str):
            left_out[found] += 1
        else:
            photos.append(found)
            if len(photos) > MOST_PHOTOS:
                raise InputError(f"folder '{folder}' holds more than {MOST_PHOTOS:,} photos")
    listing = Listing(sorted(photos, key=lambda photo: photo.path), left_out)
    if not photos:
        raise InputError(_none_in(folder, listing))
    return listing


def check_folder(folder: Path) -> None:
    """Check that a folder holds a photo, by names alone.

    Raises:
        InputError: it does not, or it cannot be read.
    """
    if not any(isinstance(found, Photo) for found in _files(folder)):
        list_photos(folder)


def _none_in(folder: Path, listing: Listing) -> str:
    there = f"; it holds {listing.left_out_in_words()}" if listing.left_out else ""
    return f"folder '{folder}' holds no photo ({', '.join(suffix[1:] for suffix in suffixes())}){there}"


def _counted(kind: str, count: int) -> str:
    """A number of files of a kind, and what would let crtui read them."""
    singular, _, hint = kind.partition("; ")
    word, _, rest = singular.partition("|")
    return f"{count} {word}{'s' if count != 1 else ''}{rest}{f' ({hint})' if hint else ''}"


def _files(folder: Path) -> Iterator[Photo | str]:
    """Photos, and of each other file its kind: a noun whose plural ends where ``|`` stands."""
    inside, readable = folder.resolve(), suffixes()
    waiting = [""]
    while waiting:
        below = waiting.pop()
        try:
            with os.scandir(folder / below) as entries:
                for entry in entries:
                    name = f"{below}{entry.name}"
                    hidden = entry.name.startswith(".")
                    if entry.is_dir(follow_symlinks=False):
                        if not hidden:
                            waiting.append(f"{name}/")
                        continue
                    kind = _left_out(entry, inside, readable, hidden)
                    if kind is None:
                        status = entry.stat()
                        yield Photo(name, status.st_size, status.st_mtime_ns)
                    elif name != LABEL_FILE:
                        yield kind
        except OSError as error:
            raise InputError(f"folder '{folder / below}' cannot be read: {error.strerror or error}") from error


def _left_out(entry: os.DirEntry[str], inside: Path, readable: tuple[str, ...], hidden: bool) -> str | None:
    """The kind of a file that is left out; ``None`` for a photo."""
    if hidden:
        return "hidden file|"
    if entry.is_symlink():
        leads_to = _target(entry)
        if leads_to is None or not leads_to.exists():
            return "link| to nothing"
        if leads_to.is_dir():
            return "link| to a folder"
        if not leads_to.is_relative_to(inside):
            return "link| out of the folder"
    if not entry.is_file():
        return "file| that holds no data"
    suffix = Path(entry.name).suffix.lower()
    if suffix in readable:
        return None
    hint = remedy(suffix)
    return f"{suffix} file|{f'; {hint}' if hint else ''}" if suffix else "file| without an ending"


def _target(entry: os.DirEntry[str]) -> Path | None:
    try:
        return Path(entry.path).resolve()
    except (OSError, RuntimeError):  # a link that leads in a circle, by the version of Python
        return None
