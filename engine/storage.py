"""How files are made here: open to whom the folder above is open, whole for every reader, safe from a power cut.

A file or folder is its user's alone, whatever the umask, unless the folder above lets its group write: then it is the
group's as well.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

FOLDER_MODE = 0o700
FILE_MODE = 0o600
_GROUP = stat.S_IRWXG | stat.S_ISGID


def make_folder(path: Path, *, exist_ok: bool = False) -> None:
    """Make a folder.

    Raises:
        OSError: it cannot be made.
    """
    path.mkdir(mode=FOLDER_MODE, exist_ok=exist_ok)
    if shared := _shared(path.parent):
        # One that was there already may belong to somebody else, who has seen to it.
        with contextlib.suppress(PermissionError):
            path.chmod(FOLDER_MODE | shared)


def make_folders(path: Path) -> None:
    """Make what is missing of a folder and of those above it.

    Raises:
        OSError: one cannot be made.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.is_dir()]
    for folder in reversed(missing):
        make_folder(folder, exist_ok=True)


def file_mode(folder: Path) -> int:
    """The mode of a file that is made in a folder.

    Raises:
        OSError: the folder is not there.
    """
    return FILE_MODE | _shared(folder) & (stat.S_IRGRP | stat.S_IWGRP)


def open_file(path: Path, flags: int) -> int:
    """Open a file, which is made if need be.

    Args:
        path: the file; a symbolic link is refused.
        flags: of ``os.open``, beside those that every such file needs.

    Raises:
        OSError: it cannot be opened.
    """
    descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    mode = file_mode(path.parent)
    if mode != FILE_MODE:
        # Of a file that belongs to somebody else, that one has seen to it.
        with contextlib.suppress(PermissionError):
            os.fchmod(descriptor, mode)
    return descriptor


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Write a file so that every reader, at any moment and after a power cut, finds the old content or the new.

    The temporary file has a fixed name, so that a writer that is killed leaves at most one behind. The caller makes
    sure that it is the only writer.

    Yields:
        What to write the new content into.

    Raises:
        OSError: the disk refused; as after any exception in the context, the old content is untouched.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with os.fdopen(open_file(temporary, os.O_WRONLY | os.O_TRUNC), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's names, would survive a power cut.

    Raises:
        OSError: it is not there, or the disk refused.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _shared(folder: Path) -> int:
    """What the group gets of that which is made in a folder. One that everybody may write in is no group's."""
    mode = folder.stat().st_mode
    return mode & _GROUP if mode & stat.S_IWGRP and not mode & stat.S_IWOTH else 0
