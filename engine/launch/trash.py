"""Runs taken out of a store that can be put back: their folders wait in ``STORE/trash`` until they are purged.

A folder is moved by one rename within its disk, so it is whole in one of the two places at any moment, whatever dies.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection

from engine.errors import CrtuiError, InputError, WorkError
from engine.runs.catalogue import RunRecord, look_at
from engine.runs.folder import RunFolder
from engine.runs.registry import Registry
from engine.runs.store import Store
from engine.storage import make_folder

KEPT_SECONDS = 86_400.0
"""Runs whose deleter never came back to purge them wait so long in the trash."""


def discard(store: Store, record: RunRecord) -> None:
    """Take a run out of the store, such that :func:`restore` can put it back.

    One whose folder is gone already leaves the registry, for good.

    Raises:
        InputError: it still runs, or its folder is a symbolic link.
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
    # Held while the folder moves, so that nobody resumes it meanwhile.
    lease = folder.take_lease()
    try:
        if not store.trash.is_dir():
            make_folder(store.trash, exist_ok=True)
        # From now on it is kept for a while, however old it is.
        os.utime(folder.path)
        folder.path.rename(store.trash / folder.id)
    except OSError as error:
        raise WorkError(f"run {folder.id} cannot be moved to {store.trash}: {error.strerror}") from error
    finally:
        os.close(lease)
    Registry(store).remove_run(folder.id)


def restore(store: Store, run_id: str) -> RunRecord:
    """Put a run back that was discarded.

    Raises:
        InputError: it is not in the trash any more.
        WorkError: the disk refused.
    """
    folder = RunFolder(store.runs / run_id)
    if not (store.trash / run_id).is_dir() or folder.path.exists():
        raise InputError(f"run {run_id} is not in the trash of {store.root}; it cannot be brought back")
    try:
        (store.trash / run_id).rename(folder.path)
    except OSError as error:
        raise WorkError(f"run {run_id} cannot be brought back: {error.strerror}") from error
    Registry(store).add_runs([folder])
    return look_at(folder)


def purge(store: Store, run_ids: Collection[str] = (), *, kept_seconds: float = KEPT_SECONDS) -> None:
    """Delete discarded runs for good: those that are named, and those that were discarded long ago.

    What cannot be deleted stays for the next time.

    Args:
        store: where.
        run_ids: of which nobody wants to undo the deletion any more.
        kept_seconds: how long the others are kept.
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
