"""Deleted runs that can be brought back: their folders wait in ``STORE/trash`` until they are purged.

A folder moves by one rename, so it is always whole, in one of the two places.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Collection

from engine.errors import CrtuiError, InputError, WorkError
from engine.runs.catalogue import RunRecord, look_at
from engine.runs.folder import RunFolder
from engine.runs.registry import Registry
from engine.storage.files import make_folder
from engine.storage.locks import release
from engine.storage.store import Store

KEPT_SECONDS = 86_400.0
"""How long runs stay in the trash if the program that moved them there never purges them."""


def discard(store: Store, record: RunRecord) -> None:
    """Move a run to the trash. A run whose folder is gone leaves the registry, for good.

    Raises:
        InputError: the run is still active, or its folder is a symbolic link.
        WorkError: the disk refused.
    """
    folder = record.folder
    if not folder.path.exists() and not folder.path.is_symlink():
        Registry(store).remove_run(folder.id)
        return
    folder.require()
    status = look_at(folder).status
    if not status.terminal:
        raise InputError(f"run {folder.id} is {status}; stop it first")
    # Held while the folder moves, so that nobody resumes the run meanwhile.
    lease = folder.take_lease()
    try:
        if not store.trash.is_dir():
            make_folder(store.trash, exist_ok=True)
        # The time in the trash counts from now on.
        os.utime(folder.path)
        folder.path.rename(store.trash / folder.id)
        try:
            Registry(store).remove_run(folder.id)
        except BaseException:
            (store.trash / folder.id).rename(folder.path)
            raise
    except OSError as error:
        raise WorkError(f"run {folder.id} cannot be moved to {store.trash}: {error.strerror}") from error
    finally:
        release(lease)


def restore(store: Store, run_id: str) -> RunRecord:
    """Bring a discarded run back.

    Returns:
        The run as it is then.

    Raises:
        InputError: the run is not in the trash any more.
        WorkError: the disk refused.
    """
    folder = RunFolder(store.runs / run_id)
    if not (store.trash / run_id).is_dir() or folder.path.exists():
        raise InputError(f"run {run_id} is not in the trash of {store.root}; it cannot be brought back")
    try:
        (store.trash / run_id).rename(folder.path)
    except OSError as error:
        raise WorkError(f"run {run_id} cannot be brought back: {error.strerror}") from error
    # It is back. The next list adds its row where this cannot.
    with contextlib.suppress(CrtuiError):
        Registry(store).add_runs([folder])
    return look_at(folder)


def purge(store: Store, run_ids: Collection[str] = (), *, kept_seconds: float = KEPT_SECONDS) -> None:
    """Delete discarded runs for good. A run that cannot be deleted stays until the next call.

    Args:
        store: where.
        run_ids: runs to delete now.
        kept_seconds: how long other runs stay in the trash.
    """
    try:
        waiting = [RunFolder(path) for path in store.trash.iterdir()]
    except OSError:
        return
    now = time.time()
    for folder in waiting:
        try:
            if folder.id in run_ids or now - folder.path.lstat().st_mtime > kept_seconds:
                folder.delete()
        except (OSError, CrtuiError):
            continue
