"""The store: one folder that holds everything, and how its files are written so that nobody ever reads half of one.

Files and folders are their user's alone, whatever the umask, unless the store's own folder lets its group write: then
the whole store is the group's. What is made below a folder is open to those that the folder is open to.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_dir

from engine.errors import InputError, WorkError
from engine.storage import FOLDER_MODE, group_mode, make_folders, open_file, replacing

STORE_VARIABLE = "CRTUI_STORE"
LOCK_PATIENCE_SECONDS = 60.0
"""How long a lock is waited for that its holder should have for milliseconds."""


@dataclass(frozen=True)
class Store:
    """Where runs, selections, prepared data and the registry lie.

    Args:
        root: absolute path of the store's folder.
    """

    root: Path

    @classmethod
    def open(cls, path: str | Path | None = None) -> Store:
        """Find the store and create what is missing of it.

        Args:
            path: the folder; default: ``$CRTUI_STORE``, else the user's data folder.

        Raises:
            InputError: the folder cannot be made or written.
        """
        chosen = path if path is not None else _default_root()
        if not str(chosen):
            raise InputError("the store's path is empty; give the folder that holds the runs")
        try:
            store = cls(Path(chosen).expanduser().resolve())
            # Its user's alone, whosever the folder above is: only its own mode makes a store a group's.
            store.root.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            for folder in (store.runs, store.selections, store.data):
                make_folders(folder)
        except (OSError, ValueError, RuntimeError) as error:
            raise InputError(
                f"store {str(chosen)!r} cannot be used: {_cause(error)}; give a folder that can be written"
            ) from error
        for folder in (store.root, store.runs):
            if not os.access(folder, os.W_OK | os.X_OK):
                raise InputError(f"store {str(chosen)!r} cannot be used: {folder} cannot be written")
        return store

    @property
    def must_be_named(self) -> bool:
        """Whether a command that is not told of a store would take another one."""
        return Path(_default_root()).expanduser().resolve() != self.root

    @property
    def shared(self) -> bool:
        """Whether it is the whole group's of its folder, because that lets the group write."""
        return bool(group_mode(self.root))

    @property
    def umask(self) -> int:
        """The umask of processes that write into it by other means than this module's."""
        return 0o007 if self.shared else 0o077

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def selections(self) -> Path:
        return self.root / "selections"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def trash(self) -> Path:
        """Folders of runs that were deleted and can still be brought back."""
        return self.root / "trash"

    @property
    def registry_path(self) -> Path:
        return self.root / "registry.json"

    @property
    def pause_path(self) -> Path:
        """The file whose presence keeps queued runs from starting."""
        return self.root / "queue-paused"


def _default_root() -> str:
    return os.environ.get(STORE_VARIABLE) or user_data_dir("crtui", appauthor=False)


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
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise InputError(f"{path.name} is not a regular file")
            content = file.read(limit + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise InputError(f"{path.name} cannot be read: {_cause(error)}") from error
    if len(content) > limit:
        raise InputError(f"{path.name} is larger than {limit} bytes")
    return content


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
        raise WorkError(f"{path} cannot be written: {_cause(error)}") from error


@contextlib.contextmanager
def exclusive_lock(path: Path, patience: float | None = None) -> Iterator[None]:
    """Hold a lock file. The kernel frees it when the holder dies, so no lock is ever left behind.

    Blocking ``flock`` queues its waiters, where polling can starve one for seconds. Not reentrant, even in one thread.

    Args:
        path: the lock file.
        patience: seconds to wait; default: :data:`LOCK_PATIENCE_SECONDS`. A holder that stands still (SIGSTOP, a file
            system that hangs) would keep everybody waiting for ever.

    Raises:
        WorkError: the lock file cannot be made, or is held for too long; the message names the holder.
    """
    descriptor = lock_file(path, patience)
    try:
        yield
    finally:
        os.close(descriptor)


def lock_file(path: Path, patience: float | None = None) -> int:
    """Lock a file, which is made if need be; wait for it as :func:`exclusive_lock` does.

    Returns:
        The descriptor: the lock is held until every copy of it is closed.

    Raises:
        WorkError: the lock file cannot be made, or is held for too long.
    """
    patience = LOCK_PATIENCE_SECONDS if patience is None else patience
    deadline = time.monotonic() + patience
    try:
        while True:
            descriptor = open_file(path, os.O_RDWR)
            try:
                if not _lock_before(deadline, descriptor):
                    raise WorkError(f"{path} is locked for {patience:g} seconds already, by {_holder(descriptor)}")
                if is_linked(descriptor, path):
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
    except OSError as error:
        raise WorkError(f"{path} cannot be locked: {_cause(error)}") from error


def try_lock_file(path: Path) -> int | None:
    """Like :func:`lock_file`, but ``None`` where someone else has the lock.

    Raises:
        WorkError: the lock file cannot be made.
    """
    try:
        descriptor = open_file(path, os.O_RDWR)
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_linked(descriptor, path):
                return descriptor
        os.close(descriptor)
    except OSError as error:
        raise WorkError(f"{path} cannot be locked: {_cause(error)}") from error
    return None


def is_locked(path: Path) -> bool:
    """Whether a live process has the lock; nobody has one that cannot be opened.

    Raises:
        OSError: the file system does not say.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _lock_before(deadline: float, descriptor: int) -> bool:
    """Lock an open file, unless that takes too long."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        pass
    failures: list[OSError] = []

    def wait() -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            failures.append(error)

    # A blocking call has no time limit. If the caller gives up and closes the file, the lock that the thread may still
    # get is gone with it: the kernel holds the file for the call alone.
    waiter = threading.Thread(target=wait, name="lock", daemon=True)
    waiter.start()
    waiter.join(max(0.0, deadline - time.monotonic()))
    if failures:
        raise failures[0]
    return not waiter.is_alive()


def _holder(descriptor: int) -> str:
    """Who has locked a file, as far as the kernel tells (proc(5), ``/proc/locks``)."""
    inode = os.fstat(descriptor).st_ino
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/locks").read_text().splitlines():
            fields = line.split()
            if fields[1] == "FLOCK" and fields[5].endswith(f":{inode}"):
                return f"process {int(fields[4])}, which seems to stand still; let it go on or end it"
    return "a process of another machine, or one that cannot be seen from here"


def is_linked(descriptor: int, path: Path) -> bool:
    """Whether ``path`` still names the open file: a lock on a deleted file excludes nobody."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat(follow_symlinks=False))
    except FileNotFoundError:
        return False


def _cause(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
