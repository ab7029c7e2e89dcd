"""How files are made here: open to whom the folder above is open, whole for every reader, safe from a power cut.

A file or folder is its user's alone, whatever the umask, unless the folder above is a group's (:func:`group_mode`):
then it is the group's as well. Only what the user asks for outside of a store follows the umask (:func:`saving`).
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal

from engine.errors import InputError, StoreError, WorkError
from engine.storage.descriptors import (
    WrongKindError,
    cause,
    make_folder,
    new_file,
    open_named,
    open_regular,
    release,
    rename,
    sync_folder,
    unlink,
)

_USUAL_MODE = 0o666
"""Rights of a new file as programs usually ask for them; the umask takes some away."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_DISK_TROUBLE = {errno.ENOSPC, errno.EDQUOT, errno.EIO}
_PIECE = 64 * 1024
_NAME_PART = 200
"""Bytes of a name that leave room for more in the name of a temporary file."""


def is_full(error: BaseException | None) -> bool:
    """Whether an error says that there is no more room: somebody has to make some."""
    return isinstance(error, OSError) and error.errno in _FULL


def may_pass(error: BaseException | None) -> bool:
    """Whether the store may take in a moment what it has refused: neither room nor a right kind of file is missing."""
    return (
        isinstance(error, OSError)
        and error.errno is not None
        and not (is_full(error) or isinstance(error, WrongKindError))
    )


def leads_to(path: Path, kind: Literal["file", "folder"]) -> bool:
    """Whether a path that the user named leads to a file or folder, outside of any store and over any links.

    A word that cannot be a path, such as one that is too long, leads nowhere.
    """
    try:
        return path.is_file() if kind == "file" else path.is_dir()
    except OSError:
        return False


def make_folders(path: Path) -> None:
    """Make what is missing of a folder and of those above it.

    Raises:
        OSError: one cannot be made.
    """
    # Those above a store may be links of the machine's.
    missing = itertools.takewhile(lambda folder: not folder.is_dir(), (path, *path.parents))
    for folder in reversed(list(missing)):
        make_folder(folder, exist_ok=True)


@contextlib.contextmanager
def replacing(path: Path, *, group_writes: bool = True) -> Iterator[BinaryIO]:
    """Write a file so that every reader, at any moment and after a power cut, finds the old content or the new.

    The temporary file has a fixed name, so that a writer that is killed leaves at most one behind. The caller makes
    sure that it is the only writer.

    Args:
        path: the file; what is there is replaced, whatever it is.
        group_writes: whether the group may write it, where the folder is a group's.

    Yields:
        What to write the new content into.

    Raises:
        OSError: the disk refused; as after any exception in the context, the old content is there.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    with contextlib.ExitStack() as held:
        try:
            with os.fdopen(new_file(temporary, group_writes=group_writes), "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            old = _held_open(path, held)
            rename(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                unlink(temporary, missing_ok=True)
            raise
        try:
            sync_folder(path.parent)
        except BaseException:
            # The caller hears that nothing was written.
            with contextlib.suppress(OSError):
                _put_back(path, old, group_writes)
            raise


def _held_open(path: Path, held: contextlib.ExitStack) -> int | None:
    """A descriptor of a file that is about to be replaced, which keeps its content; ``None`` where there is none."""
    try:
        descriptor = open_regular(path)
    except OSError:
        return None
    held.callback(release, descriptor)
    return descriptor


def _put_back(path: Path, old: int | None, group_writes: bool) -> None:
    if old is None:
        unlink(path)
        return
    temporary = path.with_name(f".{path.name}.tmp")
    with (
        os.fdopen(os.dup(old), "rb") as source,
        os.fdopen(new_file(temporary, group_writes=group_writes), "wb") as file,
    ):
        shutil.copyfileobj(source, file)
    rename(temporary, path)


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
    temporary = target.with_name(f".{target.name[:_NAME_PART]}.{os.urandom(4).hex()}.tmp")
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
    """Wait until a file's content, or a folder's names, outside of a store would survive a power cut.

    Raises:
        OSError: it is not there, or the disk refused.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        release(descriptor)


def read_file(path: Path, limit: int) -> bytes:
    """Read a small file whose content is not trusted.

    Args:
        path: the file; a symbolic link, pipe or device is refused, because reading one could block or lead elsewhere.
        limit: most bytes that such a file can reasonably have.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it is no regular file, or too large.
        StoreError: it cannot be read just now, which says nothing about what it holds.
    """
    try:
        descriptor = open_regular(path)
        try:
            content = _content(descriptor, limit)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise
    except WrongKindError as error:
        raise InputError(f"{path.name} cannot be read: {cause(error)}") from error
    except OSError as error:
        raise StoreError(f"{path.name} cannot be read: {cause(error)}") from error
    if content is None:
        raise InputError(f"{path.name} is larger than {limit} bytes")
    return content


def _content(descriptor: int, limit: int) -> bytes | None:
    """All of a file; ``None`` where that is more than the limit."""
    size = os.fstat(descriptor).st_size
    pieces: list[bytes] = []
    length = 0
    while size <= limit and length <= limit:
        # One call for most files, and another to see that there is no more.
        piece = os.read(descriptor, min(max(size - length, _PIECE) + 1, limit + 1 - length))
        if not piece:
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.append(piece)
        length += len(piece)
    return None


def read_named(path: Path, limit: int) -> bytes:
    """Read a small file that the user named, whatever links lead to it.

    Raises:
        OSError: it is not there, is no regular file, or cannot be read.
        InputError: it is too large.
    """
    with os.fdopen(open_named(path), "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise InputError(f"{path} is larger than {limit} bytes")
    return content


def read_tail(path: Path, size: int) -> bytes:
    """The last bytes of a file that may be growing.

    Raises:
        OSError: it is not there, is no regular file, or cannot be read.
    """
    descriptor = open_regular(path)
    try:
        return os.pread(descriptor, size, max(0, os.fstat(descriptor).st_size - size))
    finally:
        os.close(descriptor)


def replace_file(path: Path, content: bytes, *, group_writes: bool = True) -> None:
    """Write a file so that every reader, at any moment and after a power cut, finds the old content or the new.

    The caller makes sure that it is the only writer, as a rule by :func:`exclusive_lock`.

    Args:
        path: the file.
        content: all of it.
        group_writes: as of :func:`replacing`.

    Raises:
        StoreError: the disk refused (full, gone, read-only); the old content is untouched.
    """
    try:
        with replacing(path, group_writes=group_writes) as file:
            file.write(content)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {cause(error)}") from error
