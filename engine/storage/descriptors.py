"""How everything below a store is reached: from the descriptor of its folder, and never along a planted link.

In a group's store every member can put anything in the place of a file or folder: a link to what only I may read, a
pipe that nobody writes into, a device. So nothing here opens a path and believes that it got what the path says:

- The folder is opened first. A symbolic link on the way is followed only where nobody but its user and root could have
  made it. From then on that folder is meant, whatever is put in its place.
- A file is opened in that folder. It is never a link, it must be a regular file, and opening it never waits.
- A new file is made new (``O_EXCL``), and a file that is written in place has no second name elsewhere.

A test holds the packages that touch a store to this module and to those that are built on it
(``tests/storage/test_one_way_in.py``).
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from engine.errors import StoreError

FOLDER_MODE = 0o700
FILE_MODE = 0o600
_ONLY_NAME = getattr(os, "O_PATH", os.O_RDONLY)
"""Linux opens a folder without asking whether it may be listed."""
_FOLDER = os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_GROUP = stat.S_IRWXG | stat.S_ISGID
_MOST_LINKS = 40
_MOST_TRIES = 100
_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
    stat.S_IFREG: "a file",
}


class WrongKindError(OSError):
    """Something else is there than belongs there: a link, a pipe, a device, a folder in place of a file."""


def cause(error: Exception) -> str:
    """What went wrong, without number and path."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


@contextlib.contextmanager
def opened_folder(path: Path) -> Iterator[int]:
    """A descriptor of a folder, for ``dir_fd``.

    Raises:
        OSError: it is not there, or cannot be reached.
        WrongKindError: it is no folder, or lies behind a link that somebody else may have planted.
    """
    descriptor = open_folder(path)
    try:
        yield descriptor
    finally:
        release(descriptor)


def release(descriptor: int) -> None:
    """Close a folder, a lock, or a file into which this process has written nothing.

    The kernel has given the number back whatever it answers, so there is nothing that could be done about an error.
    """
    with contextlib.suppress(OSError):
        os.close(descriptor)


def open_folder(path: Path, flags: int = _ONLY_NAME) -> int:
    """Like :func:`opened_folder`, and the caller closes the descriptor.

    Args:
        path: the folder.
        flags: ``os.O_RDONLY`` to list or sync it.
    """
    asked = str(path)
    if not asked.startswith("/") or "/.." in asked:
        asked = os.path.abspath(asked)  # noqa: PTH100  # Path.absolute keeps '..'
    try:
        descriptor = os.open(asked, flags | _FOLDER)
    except NotADirectoryError as error:
        raise _wrong_kind(error, path, None, "a folder") from error
    # The kernel says where the descriptor leads. If that is what was asked for, there was no link on the way.
    if _real_path(descriptor) == asked:
        return descriptor
    release(descriptor)
    return _walked(asked, flags)


def open_regular(path: Path, flags: int = os.O_RDONLY) -> int:
    """Open a regular file that exists.

    Args:
        path: the file.
        flags: of ``os.open``.

    Returns:
        Its descriptor.

    Raises:
        FileNotFoundError: it is not there.
        OSError: it cannot be opened.
        WrongKindError: it is something else, or, to be written, a file that also belongs elsewhere.
    """
    folder = open_folder(path.parent)
    try:
        return _opened(folder, path, flags)
    finally:
        release(folder)


def open_named(path: Path) -> int:
    """Open a regular file that the user named, or of a folder that the user named. Links are followed.

    Returns:
        Its descriptor, for reading.

    Raises:
        OSError: it is not there, or cannot be opened.
        WrongKindError: it is something else, such as a pipe, which could block.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _require_regular(os.fstat(descriptor), path)
    except BaseException:
        release(descriptor)
        raise
    return descriptor


def open_file(path: Path, flags: int) -> int:
    """Open a regular file, which is made if need be: its user's alone, or the group's of its folder.

    Args:
        path: the file.
        flags: of ``os.open``, beside those that every such file needs.

    Returns:
        Its descriptor.

    Raises:
        OSError: it cannot be opened.
        WrongKindError: as of :func:`open_regular`.
    """
    with opened_folder(path.parent) as folder:
        for _ in range(_MOST_TRIES):
            with contextlib.suppress(FileNotFoundError):
                return _opened(folder, path, flags)
            # Somebody else may make it between the two.
            with contextlib.suppress(FileExistsError):
                return _made(folder, path, flags)
    raise OSError(errno.EAGAIN, "it appears and disappears", str(path))


def new_file(path: Path, *, group_writes: bool = True) -> int:
    """Make a file, in place of what is there.

    Args:
        path: the file.
        group_writes: whether the group may write it, where the folder is a group's.

    Returns:
        Its descriptor, open for writing.

    Raises:
        OSError: it cannot be made.
    """
    with opened_folder(path.parent) as folder:
        for _ in range(_MOST_TRIES):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path.name, dir_fd=folder)
            with contextlib.suppress(FileExistsError):
                return _made(folder, path, os.O_WRONLY, 0 if group_writes else stat.S_IWGRP)
    raise OSError(errno.EAGAIN, "somebody else makes it again and again", str(path))


def group_mode(folder: Path | int) -> int:
    """What the group gets of that which is made in a folder: the bits of a mode, 0 where the folder is no group's.

    It is one where the group may write and owns what is made (``chmod g+ws``). Where everybody may write, as in
    ``/tmp``, or the group by a loose umask alone, nothing is shared.

    Args:
        folder: its path, or a descriptor of it.

    Raises:
        OSError: the folder is not there.
    """
    mode = os.stat(folder).st_mode  # noqa: PTH116  # of a descriptor
    is_groups = mode & stat.S_IWGRP and mode & stat.S_ISGID and not mode & stat.S_IWOTH
    return mode & _GROUP if is_groups else 0


def file_mode(folder: Path | int) -> int:
    """The mode of a file that is made in a folder.

    Raises:
        OSError: the folder is not there.
    """
    return FILE_MODE | group_mode(folder) & (stat.S_IRGRP | stat.S_IWGRP)


def make_folder(path: Path, *, exist_ok: bool = False) -> None:
    """Make a folder: its user's alone, or the group's of the folder above.

    Raises:
        OSError: it cannot be made.
        WrongKindError: there is something else, or a link to a folder.
    """
    with opened_folder(path.parent) as above:
        try:
            os.mkdir(path.name, FOLDER_MODE, dir_fd=above)
        except FileExistsError:
            if not exist_ok:
                raise
        made = _opened_here(above, path, os.O_RDONLY)
        try:
            if shared := group_mode(above):
                # One that was there already may belong to somebody else, who has seen to it.
                with contextlib.suppress(PermissionError):
                    os.fchmod(made, FOLDER_MODE | shared)
        finally:
            release(made)


def status(path: Path) -> os.stat_result | None:
    """What is at a path, of a link the link itself; ``None`` where nothing is.

    To look opens nothing, so links on the way do no harm. What is done then is refused if they are not ours.

    Raises:
        StoreError: that cannot be found out.
    """
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreError(f"{path} cannot be looked at: {cause(error)}") from error


def folder_status(path: Path) -> os.stat_result | None:
    """What a folder is, behind links that nobody else can have made; ``None`` where there is none.

    Raises:
        StoreError: that cannot be found out.
    """
    try:
        with opened_folder(path) as folder:
            return os.fstat(folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path} cannot be looked at: {cause(error)}") from error


def is_there(path: Path) -> bool:
    """Whether anything is at a path.

    Raises:
        StoreError: that cannot be found out. It is not the same as nothing.
    """
    return status(path) is not None


def is_folder(path: Path) -> bool:
    """Whether a folder is at a path. A link to one is none.

    Raises:
        StoreError: that cannot be found out. It is not the same as no folder.
    """
    found = status(path)
    return found is not None and stat.S_ISDIR(found.st_mode)


def is_file(path: Path) -> bool:
    """Whether a regular file is at a path. A link to one is none.

    Raises:
        StoreError: that cannot be found out. It is not the same as no file.
    """
    found = status(path)
    return found is not None and stat.S_ISREG(found.st_mode)


def kind(found: os.stat_result) -> str:
    """What something is, in words: ``a symbolic link``, ``a pipe``."""
    return _KINDS.get(stat.S_IFMT(found.st_mode), "something unknown")


def folders_in(path: Path) -> list[str]:
    """Names of the folders in a folder, in no particular order. Links to folders are left out.

    Raises:
        OSError: it is not there, or cannot be listed.
    """
    return [name for name, is_a_folder in _entries(path) if is_a_folder]


def names_in(path: Path) -> list[str]:
    """Names of everything in a folder, in no particular order.

    Raises:
        OSError: it is not there, or cannot be listed.
    """
    return [name for name, _ in _entries(path)]


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder would survive a power cut.

    Raises:
        OSError: it is not there, or the disk refused.
    """
    descriptor = open_folder(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        release(descriptor)


def sync_file(path: Path) -> None:
    """Wait until the content of a file would survive a power cut.

    Raises:
        OSError: it is not there, or the disk refused.
    """
    descriptor = open_regular(path)
    try:
        os.fsync(descriptor)
    finally:
        release(descriptor)


def rename(old: Path, new: Path) -> None:
    """Rename a file or folder, in place of what is there. Callers sync the folders.

    Raises:
        OSError: the disk refused.
    """
    with opened_folder(old.parent) as source, opened_folder(new.parent) as target:
        os.rename(old.name, new.name, src_dir_fd=source, dst_dir_fd=target)


def move(old: Path, new: Path) -> None:
    """Rename a file or folder, and wait until a power cut could not undo that, nor lose it between two folders.

    Raises:
        OSError: the disk refused; the old name is there.
    """
    rename(old, new)
    try:
        # The new name first: between the two, a power cut leaves both names, never none.
        sync_folder(new.parent)
        if old.parent != new.parent:
            sync_folder(old.parent)
    except OSError:
        move_back(new, old)
        raise


def move_back(moved: Path, old: Path) -> None:
    """Undo :func:`move`, as far as the disk allows."""
    with contextlib.suppress(OSError):
        rename(moved, old)
        sync_folder(old.parent)


def link(old: Path, new: Path) -> None:
    """Give a file a second name.

    Raises:
        OSError: the disk refused, or its file system knows no second names.
    """
    with opened_folder(old.parent) as source, opened_folder(new.parent) as target:
        os.link(old.name, new.name, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)


def unlink(path: Path, *, missing_ok: bool = False) -> None:
    """Delete a file, or a link itself.

    Raises:
        OSError: the disk refused; it is not there, if that is not ``missing_ok``.
    """
    try:
        with opened_folder(path.parent) as folder:
            os.unlink(path.name, dir_fd=folder)
    except FileNotFoundError:
        if not missing_ok:
            raise


def remove_tree(path: Path) -> None:
    """Delete a folder with everything in it; of a link, a pipe or a file the thing itself. Nothing there is no error.

    Raises:
        OSError: the disk refused.
    """
    with contextlib.suppress(FileNotFoundError), opened_folder(path.parent) as folder:
        found = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISDIR(found.st_mode):
            shutil.rmtree(path.name, dir_fd=folder)
        else:
            os.unlink(path.name, dir_fd=folder)


def owner_of_new(path: Path) -> int:
    """The user to whom a file belongs that is made in a folder now, as its file system says.

    Raises:
        OSError: none can be made.
    """
    return _status_of_new(path).st_uid


def time_of_new(path: Path) -> float:
    """The time of a file that is made in a folder now, by the clock of its file system, in seconds since 1970.

    Raises:
        OSError: none can be made.
    """
    return _status_of_new(path).st_mtime


def tree_bytes(path: Path) -> int:
    """The bytes of all files in a folder and those below. What cannot be read, or vanishes meanwhile, is left out."""
    size = 0
    with contextlib.suppress(OSError), opened_folder(path) as folder:
        for _, _, names, below in os.fwalk(".", dir_fd=folder):
            for name in names:
                with contextlib.suppress(OSError):
                    size += os.stat(name, dir_fd=below, follow_symlinks=False).st_size
    return size


def touch(path: Path) -> None:
    """Give a file or folder the present time.

    Raises:
        OSError: it is not there, or the disk refused.
    """
    with opened_folder(path.parent) as folder:
        os.utime(path.name, dir_fd=folder, follow_symlinks=False)


def _status_of_new(path: Path) -> os.stat_result:
    # As `secrets` does it, whose modules `crtui --help` need not load.
    probe = path / f".probe-{os.urandom(4).hex()}"
    with opened_folder(path) as folder:
        descriptor = _made(folder, probe, os.O_WRONLY)
        try:
            return os.fstat(descriptor)
        finally:
            release(descriptor)
            os.unlink(probe.name, dir_fd=folder)


def _entries(path: Path) -> list[tuple[str, bool]]:
    descriptor = open_folder(path, os.O_RDONLY)
    try:
        with os.scandir(descriptor) as entries:
            return [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    finally:
        release(descriptor)


def _opened(folder: int, path: Path, flags: int) -> int:
    """A regular file of an open folder."""
    writes = flags & os.O_ACCMODE != os.O_RDONLY
    try:
        # Cut only after it is known what it is.
        descriptor = os.open(path.name, flags & ~os.O_TRUNC | _FILE, dir_fd=folder)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _wrong_kind(error, path, folder, "a file") from error
    try:
        found = os.fstat(descriptor)
        _require_regular(found, path)
        if writes and found.st_nlink > 1:
            raise WrongKindError(errno.ELOOP, "it has a second name elsewhere, so it is not written", str(path))
        if writes and found.st_mode & stat.S_IRWXO and found.st_uid != os.geteuid():
            raise WrongKindError(errno.EPERM, "it is another user's and open to everybody", str(path))
        if flags & os.O_TRUNC:
            os.ftruncate(descriptor, 0)
    except BaseException:
        release(descriptor)
        raise
    return descriptor


def _require_regular(found: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise WrongKindError(errno.ELOOP, f"it is {kind(found)}, where a file belongs", str(path))


def _made(folder: int, path: Path, flags: int, without: int = 0) -> int:
    """A new file of an open folder, without some of the rights that it would get."""
    descriptor = os.open(path.name, flags & ~os.O_TRUNC | os.O_CREAT | os.O_EXCL | _FILE, FILE_MODE, dir_fd=folder)
    try:
        wanted = file_mode(folder) & ~without
        if wanted != FILE_MODE:
            os.fchmod(descriptor, wanted)
    except BaseException:
        release(descriptor)
        raise
    return descriptor


def _opened_here(above: int, path: Path, flags: int) -> int:
    """A folder of an open folder, which is no link."""
    try:
        return os.open(path.name, flags | _FOLDER | os.O_NOFOLLOW, dir_fd=above)
    except OSError as error:
        raise _wrong_kind(error, path, above, "a folder") from error


def _wrong_kind(error: OSError, path: Path, folder: int | None, belongs: str) -> OSError:
    """The error to raise for one of ``os.open``: which kind of thing is there instead, if that is why."""
    if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.EISDIR, errno.EOPNOTSUPP):
        with contextlib.suppress(OSError):
            found = os.stat(path if folder is None else path.name, dir_fd=folder, follow_symlinks=False)
            if kind(found) != belongs:
                return WrongKindError(error.errno, f"it is {kind(found)}, where {belongs} belongs", str(path))
    return error


def _real_path(descriptor: int) -> str | None:
    """Where an open folder lies; ``None`` where the system does not say."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115
    except OSError:
        return None


def _walked(asked: str, flags: int) -> int:
    """Open a folder name by name, along links that nobody but this user and root can have made."""
    names = [name for name in asked.split("/") if name][::-1]
    here = os.open("/", _ONLY_NAME | _FOLDER)
    links = 0
    try:
        while names:
            name = names.pop()
            target = _target(here, name)
            if target is not None:
                links += 1
                if links > _MOST_LINKS or not _is_ours(here, name):
                    raise WrongKindError(
                        errno.ELOOP, f"'{name}' on the way is a symbolic link that somebody else may have made", asked
                    )
                if target.startswith("/"):
                    release(here)
                    here = os.open("/", _ONLY_NAME | _FOLDER)
                names += [part for part in target.split("/") if part][::-1]
                continue
            deeper = os.open(name, _ONLY_NAME | _FOLDER | os.O_NOFOLLOW, dir_fd=here)
            release(here)
            here = deeper
        return os.open(".", flags | _FOLDER, dir_fd=here)
    finally:
        release(here)


def _target(folder: int, name: str) -> str | None:
    """Where a link of an open folder leads; ``None`` for what is no link."""
    try:
        return os.readlink(name, dir_fd=folder)
    except OSError:
        return None


def _is_ours(folder: int, name: str) -> bool:
    """Whether nobody but this user and root can have put a link there."""
    trusted = (0, os.geteuid())
    above, found = os.fstat(folder), os.stat(name, dir_fd=folder, follow_symlinks=False)
    alone = above.st_uid in trusted and not above.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return found.st_uid in trusted and (alone or bool(above.st_mode & stat.S_ISVTX))
