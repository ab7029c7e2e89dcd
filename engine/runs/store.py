"""The store: one folder that holds everything, and how its files are written so that nobody ever reads half of one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_dir

from engine import durable
from engine.errors import InputError, WorkError

STORE_VARIABLE = "CRTUI_STORE"
FOLDER_MODE = 0o700
FILE_MODE = 0o600


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
        chosen = path if path is not None else os.environ.get(STORE_VARIABLE) or user_data_dir("crtui", appauthor=False)
        if not str(chosen):
            raise InputError("the store's path is empty; give the folder that holds the runs")
        try:
            store = cls(Path(chosen).expanduser().resolve())
            for folder in (store.root, store.runs, store.selections, store.data):
                folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        except (OSError, ValueError, RuntimeError) as error:
            raise InputError(
                f"store {str(chosen)!r} cannot be used: {_cause(error)}; give a folder that can be written"
            ) from error
        for folder in (store.root, store.runs):
            if not os.access(folder, os.W_OK | os.X_OK):
                raise InputError(f"store {str(chosen)!r} cannot be used: {folder} cannot be written")
        return store

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
    def registry_path(self) -> Path:
        return self.root / "registry.json"


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

    The temporary file has a fixed name, so that a writer that is killed leaves at most one behind. The caller makes
    sure that it is the only writer, as a rule by :func:`exclusive_lock`.

    Raises:
        WorkError: the disk refused (full, gone, read-only); the old content is untouched.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(temporary, flags, FILE_MODE), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        durable.sync(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise WorkError(f"{path} cannot be written: {_cause(error)}") from error


@contextlib.contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Hold a lock file; wait for it as long as it takes. The kernel frees it when the holder dies.

    Blocking ``flock`` queues its waiters, where polling can starve one for seconds. Not reentrant, even in one thread.

    Raises:
        WorkError: the lock file cannot be made.
    """
    descriptor = lock_file(path)
    try:
        yield
    finally:
        os.close(descriptor)


def lock_file(path: Path) -> int:
    """Lock a file, which is made if need be; wait for it as long as it takes.

    Returns:
        The descriptor: the lock is held until every copy of it is closed.

    Raises:
        WorkError: the lock file cannot be made.
    """
    try:
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
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
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_linked(descriptor, path):
                return descriptor
        os.close(descriptor)
    except OSError as error:
        raise WorkError(f"{path} cannot be locked: {_cause(error)}") from error
    return None


def is_linked(descriptor: int, path: Path) -> bool:
    """Whether ``path`` still names the open file: a lock on a deleted file excludes nobody."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat(follow_symlinks=False))
    except FileNotFoundError:
        return False


def _cause(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
