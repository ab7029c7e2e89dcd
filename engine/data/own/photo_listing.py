"""The photos in a folder: which files these are, and a digest that changes when they do."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.errors import InputError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
MOST_PHOTOS = 10_000_000


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


def list_photos(folder: Path) -> list[Photo]:
    """All photos of a folder and the folders in it, in the order of their names.

    Symbolic links to folders are not followed, and those to files only if they stay inside. Hidden files and folders
    are left out: some systems keep shadows of photos under such names.

    Raises:
        InputError: there is none, or the folder cannot be read.
    """
    photos = sorted(_photos(folder), key=lambda photo: photo.path)
    if not photos:
        raise InputError(_none_in(folder))
    return photos


def check_folder(folder: Path) -> None:
    """Check that a folder holds a photo, by names alone.

    Raises:
        InputError: it does not, or it cannot be read.
    """
    if next(_photos(folder), None) is None:
        raise InputError(_none_in(folder))


def digest(photos: list[Photo], options: str) -> str:
    """A name for the photos in their present state and the options of their import: 16 hexadecimal digits."""
    content = hashlib.sha256(options.encode())
    for photo in photos:
        content.update(b"\0%b\0%d\0%d" % (os.fsencode(photo.path), photo.size, photo.modified))
    return content.hexdigest()[:16]


def _none_in(folder: Path) -> str:
    return (
        f"folder '{folder}' holds no photo ({', '.join(suffix[1:] for suffix in SUFFIXES)}; links that lead out of it "
        "are not followed)"
    )


def _photos(folder: Path) -> Iterator[Photo]:
    inside = folder.resolve()
    waiting = [""]
    count = 0
    while waiting:
        below = waiting.pop()
        try:
            with os.scandir(folder / below) as entries:
                for entry in entries:
                    name = f"{below}{entry.name}"
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(f"{name}/")
                    elif entry.name.lower().endswith(SUFFIXES) and _is_inside(entry, inside):
                        count += 1
                        if count > MOST_PHOTOS:
                            raise InputError(f"folder '{folder}' holds more than {MOST_PHOTOS:,} photos")
                        status = entry.stat()
                        yield Photo(name, status.st_size, status.st_mtime_ns)
        except OSError as error:
            raise InputError(f"folder '{folder / below}' cannot be read: {error.strerror or error}") from error


def _is_inside(entry: os.DirEntry[str], inside: Path) -> bool:
    try:
        return entry.is_file() and (not entry.is_symlink() or Path(entry.path).resolve().is_relative_to(inside))
    except (OSError, RuntimeError):  # a link that leads in a circle, by the version of Python
        return False
