"""How files are made here: open to whom the folder above is open, whole for every reader, safe from a power cut.

A file or folder is its user's alone, whatever the umask, unless the folder above is a group's (:func:`group_mode`):
then it is the group's as well. Only what the user asks for outside of a store follows the umask (:func:`saving`).
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from engine.errors import InputError, WorkError

FOLDER_MODE = 0o700
FILE_MODE = 0o600
_USUAL_MODE = 0o666
"""Rights of a new file as programs usually ask for them; the umask takes some away."""
_DISK_TROUBLE = {errno.ENOSPC, errno.EDQUOT, errno.EIO}
_NAME_PART = 200
"""Bytes of a name that leave room for more in the name of a temporary file."""
_GROUP = stat.S_IRWXG | stat.S_ISGID


def group_mode(folder: Path) -> int:
    """What the group gets of that which is made in a folder: the bits of a mode, 0 where the folder is no group's.

    It is one where the group may write and owns what is made (``chmod g+ws``). Where everybody may write, as in
    ``/tmp``, or the group by a loose umask alone, nothing is shared.

    Raises:
        OSError: the folder is not there.
    """
    mode = folder.stat().st_mode
    is_groups = mode & stat.S_IWGRP and mode & stat.S_ISGID and not mode & stat.S_IWOTH
    return mode & _GROUP if is_groups else 0


def make_folder(path: Path, *, exist_ok: bool = False) -> None:
    """Make a folder.

    Raises:
        OSError: it cannot be made.
    """
    path.mkdir(mode=FOLDER_MODE, exist_ok=exist_ok)
    if shared := group_mode(path.parent):
        # One that was there already may belong to somebody else, who has seen to it.
        with contextlib.suppress(PermissionError):
            path.chmod(FOLDER_MODE | shared)


def make_folders(path: Path) -> None:
    """Make what is missing of a folder and of those above it.

    Raises:
        OSError: one cannot be made.
    """
    missing = itertools.takewhile(lambda folder: not folder.is_dir(), (path, *path.parents))
    for folder in reversed(list(missing)):
        make_folder(folder, exist_ok=True)


def file_mode(folder: Path) -> int:
    """The mode of a file that is made in a folder.

    Raises:
        OSError: the folder is not there.
    """
    return FILE_MODE | group_mode(folder) & (stat.S_IRGRP | stat.S_IWGRP)


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
        OSError: the disk refused; as after any exception in the context, the old content is there.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    with contextlib.ExitStack() as held:
        try:
            with os.fdopen(open_file(temporary, os.O_WRONLY | os.O_TRUNC), "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            old = _held_open(path, held)
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        try:
            sync(path.parent)
        except BaseException:
            # The caller hears that nothing was written.
            with contextlib.suppress(OSError):
                _put_back(path, old)
            raise


def _held_open(path: Path, held: contextlib.ExitStack) -> int | None:
    """A descriptor of a file that is about to be replaced, which keeps its content; ``None`` where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    held.callback(_close_read, descriptor)
    return descriptor if stat.S_ISREG(os.fstat(descriptor).st_mode) else None


def _close_read(descriptor: int) -> None:
    """Close what was only read or synced: an error tells nothing of what was written."""
    with contextlib.suppress(OSError):
        os.close(descriptor)


def _put_back(path: Path, old: int | None) -> None:
    if old is None:
        path.unlink()
        return
    temporary = path.with_name(f".{path.name}.tmp")
    with (
        os.fdopen(os.dup(old), "rb") as source,
        os.fdopen(open_file(temporary, os.O_WRONLY | os.O_TRUNC), "wb") as file,
    ):
        shutil.copyfileobj(source, file)
    temporary.replace(path)


@contextlib.contextmanager
def saving(path: Path) -> Iterator[BinaryIO]:
    """Write a file that the user asked for, outside of a store: whole or not at all, with the rights that they use.

    A new file gets the rights of the user's umask. One that is replaced keeps its own. A symbolic link is followed.

    Args:
        path: the file.

    Yields:
        What to write the content into.

    Raises:
        InputError: its folder does not exist or refuses to be written, or it is a folder itself.
        WorkError: the disk is full or failed; as after any exception in the context, an old file is untouched.
    """
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    temporary = target.with_name(f".{target.name[:_NAME_PART]}.{secrets.token_hex(4)}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _USUAL_MODE)
    except OSError as error:
        if error.errno in _DISK_TROUBLE:
            raise WorkError(f"cannot write '{path}': {cause(error)}") from error
        raise InputError(
            f"cannot write '{path}': {cause(error)}; give a file in a folder that can be written"
        ) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            with contextlib.suppress(OSError):
                os.fchmod(file.fileno(), stat.S_IMODE(target.stat().st_mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, IsADirectoryError):
            raise InputError(f"cannot write '{path}': it is a folder; give the name of a file") from error
        if isinstance(error, OSError):
            raise WorkError(f"cannot write '{path}': {cause(error)}") from error
        raise


def save_file(path: Path, content: bytes) -> None:
    """Write a file that the user asked for; see :func:`saving`.

    Raises:
        InputError: as of :func:`saving`.
        WorkError: as of :func:`saving`.
    """
    with saving(path) as file:
        file.write(content)


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's names, would survive a power cut.

    Raises:
        OSError: it is not there, or the disk refused.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        _close_read(descriptor)


def read_file(path: Path, limit: int) -> bytes:
    """Read a small file whose content is not trusted.

    Args:
        path: the file; a symbolic link, pipe or device is refused, because reading one could block or lead elsewhere.
        limit: most bytes that such a file can reasonably have.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it is no regular file, too large, or cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise InputError(f"{path.name} is not a regular file")
            # Not up to the limit: Python would set aside that much for each of ten thousand small files.
            content = file.read(min(status.st_size, limit) + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise InputError(f"{path.name} cannot be read: {cause(error)}") from error
    if len(content) > limit:
        raise InputError(f"{path.name} is larger than {limit} bytes")
    return content


def is_gone(path: Path) -> bool:
    """Whether a file or folder is not there. One that the disk does not speak of for a moment counts as there."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that every reader, at any moment and after a power cut, finds the old content or the new.

    The caller makes sure that it is the only writer, as a rule by :func:`exclusive_lock`.

    Raises:
        WorkError: the disk refused (full, gone, read-only); the old content is untouched.
    """
    try:
        with replacing(path) as file:
            file.write(content)
    except OSError as error:
        raise WorkError(f"{path} cannot be written: {cause(error)}") from error


def cause(error: Exception) -> str:
    """What went wrong, without number and path."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
