"""Deleted runs that can be brought back: their folders wait in ``STORE/trash`` until they are purged.

A folder moves by one rename, so it is always whole, in one of the two places.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection

from engine.errors import CrtuiError, InputError, StoreError
from engine.runs.catalogue import RunRecord, look_at
from engine.runs.folder import RunFolder
from engine.runs.registry import Registry
from engine.storage.descriptors import (
    cause,
    is_folder,
    is_there,
    make_folder,
    move,
    move_back,
    names_in,
    release,
    status,
    touch,
)
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
    if not is_there(folder.path):
        Registry(store).remove_run(folder.id)
        return
    folder.require()
    status = look_at(folder).status
    if not status.terminal:
        raise InputError(f"run {folder.id} is {status}; stop it first")
    # Held while the folder moves, so that nobody resumes the run meanwhile.
    lease = folder.take_lease()
    try:
        if not is_there(store.trash):
            make_folder(store.trash, exist_ok=True)
        # The time in the trash counts from now on.
        touch(folder.path)
        move(folder.path, store.trash / folder.id)
        try:
            Registry(store).remove_run(folder.id)
        except BaseException:
            move_back(store.trash / folder.id, folder.path)
            raise
    except OSError as error:
        raise StoreError(f"run {folder.id} cannot be moved to {store.trash}: {cause(error)}") from error
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
    if not is_folder(store.trash / run_id) or is_there(folder.path):
        raise InputError(f"run {run_id} is not in the trash of {store.root}; it cannot be brought back")
    try:
        move(store.trash / run_id, folder.path)
    except OSError as error:
        raise StoreError(f"run {run_id} cannot be brought back: {cause(error)}") from error
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
        waiting = [RunFolder(store.trash / name) for name in names_in(store.trash)]
    except OSError:
        return
    now = time.time()
    for folder in waiting:
        try:
            found = status(folder.path)
            if found is not None and (folder.id in run_ids or now - found.st_mtime > kept_seconds):
                folder.delete()
        except (OSError, CrtuiError):
            continue
