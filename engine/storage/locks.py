"""Locks on files, which the kernel frees when their holder dies, so that none is ever left behind."""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from engine.errors import StoreError, WorkError
from engine.storage.descriptors import WrongKindError, cause, open_file, open_regular, release, status

LOCK_PATIENCE_SECONDS = 60.0
"""How long a lock is waited for that its holder should have for milliseconds."""


@contextlib.contextmanager
def exclusive_lock(path: Path, patience: float | None = None) -> Iterator[None]:
    """Hold a lock file. The kernel frees it when the holder dies, so no lock is ever left behind.

    Blocking ``flock`` queues its waiters, where polling can starve one for seconds. Not reentrant, even in one thread.

    Args:
        path: the lock file.
        patience: seconds to wait; default: :data:`LOCK_PATIENCE_SECONDS`. A holder that stands still (SIGSTOP, a file
            system that hangs) would keep everybody waiting for ever.

    Raises:
        WorkError: the lock file is held for too long; the message names the holder.
        StoreError: it cannot be made.
    """
    descriptor = lock_file(path, patience)
    try:
        yield
    finally:
        release(descriptor)


@contextlib.contextmanager
def lock_for_long(path: Path) -> Iterator[None]:
    """Hold a lock file for work that may take minutes; wait for as long as another holder works.

    Raises:
        OSError: the lock file cannot be made or locked.
    """
    descriptor = _lock(path, math.inf)
    try:
        yield
    finally:
        release(descriptor)


def lock_file(path: Path, patience: float | None = None) -> int:
    """Lock a file, which is made if need be; wait for it as :func:`exclusive_lock` does.

    Returns:
        The descriptor: the lock is held until every copy of it is closed.

    Raises:
        WorkError: the lock file cannot be made, or is held for too long.
    """
    try:
        return _lock(path, LOCK_PATIENCE_SECONDS if patience is None else patience)
    except OSError as error:
        raise _refusal(path, error) from error


def _lock(path: Path, patience: float) -> int:
    """Lock a file within some seconds.

    Raises:
        OSError: the lock file cannot be made or locked.
        WorkError: it is held for too long.
    """
    deadline = time.monotonic() + patience
    while True:
        descriptor = open_file(path, os.O_RDWR)
        try:
            if not _lock_before(deadline, descriptor):
                raise WorkError(f"{path} is locked for {patience:g} seconds already, by {_holder(descriptor)}")
            if is_linked(descriptor, path):
                return descriptor
        except BaseException:
            release(descriptor)
            raise
        # Whoever had the lock deleted the file: a new one has taken its place.
        release(descriptor)


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
        release(descriptor)
    except OSError as error:
        raise _refusal(path, error) from error
    return None


def is_locked(path: Path) -> bool:
    """Whether a live process has the lock. Nobody has one that is not there, or is no regular file.

    Raises:
        StoreError: that cannot be found out. It is not the same as free.
    """
    try:
        descriptor = open_regular(path)
    except (FileNotFoundError, NotADirectoryError, WrongKindError):
        return False
    except OSError as error:
        raise StoreError(f"{path} cannot be looked at: {cause(error)}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as error:
        raise StoreError(f"{path} cannot be looked at: {cause(error)}") from error
    finally:
        release(descriptor)
    return False


def _refusal(path: Path, error: OSError) -> WorkError:
    """Why a file cannot be locked; a :class:`StoreError` if that may pass."""
    kind = WorkError if isinstance(error, WrongKindError) else StoreError
    return kind(f"{path} cannot be locked: {cause(error)}")


def _lock_before(deadline: float, descriptor: int) -> bool:
    """Lock an open file, unless that takes too long."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        pass
    if deadline == math.inf:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return True
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
    named = status(path)
    return named is not None and os.path.samestat(os.fstat(descriptor), named)
