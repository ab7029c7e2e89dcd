"""The run folders of a store: listed, made, and swept when programs were killed at making or deleting them."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from engine.errors import InputError, StoreError, WorkError
from engine.runs.folder import REMOVED, RunFolder, delete_aside
from engine.runs.state import ID_PATTERN, RunState, Status
from engine.storage.descriptors import (
    WrongKindError,
    cause,
    folders_in,
    is_folder,
    make_folder,
    names_in,
    new_file,
    open_regular,
    release,
    remove_tree,
    rename,
    status,
    sync_folder,
)
from engine.storage.store import Store
from engine.training.step_folders import step_folder

_ABANDONED_SECONDS = 3600.0
_NEW = ".new-"


def run_folders(store: Store) -> list[RunFolder]:
    """All run folders of a store, oldest first, without symbolic links and folders that are still being made.

    Raises:
        StoreError: they cannot be listed just now.
    """
    runs = store.runs
    try:
        found = folders_in(runs)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"{runs} cannot be listed: {cause(error)}") from error
    return [RunFolder(runs / name) for name in sorted(found) if re.fullmatch(ID_PATTERN, name)]


def sweep(store: Store) -> None:
    """Finish what programs were killed at: delete half-deleted runs, and, after an hour, half-made runs and selections.

    A run whose lease is held is left to whoever holds it.
    """
    for folder in (store.runs, store.selections):
        with contextlib.suppress(OSError):
            for name in folders_in(folder):
                _sweep_one(folder / name)


def _sweep_one(path: Path) -> None:
    with contextlib.suppress(OSError, StoreError):
        if path.name.startswith(REMOVED) and not RunFolder(path).lease_is_held():
            delete_aside(path)
        elif path.name.startswith(_NEW):
            found = status(path)
            if found is not None and time.time() - found.st_mtime > _ABANDONED_SECONDS:
                remove_tree(path)


def removed_ids(store: Store) -> set[str]:
    """Ids of runs that are deleted, but not all their files are yet."""
    try:
        names = names_in(store.runs)
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise StoreError(f"{store.runs} cannot be listed: {cause(error)}") from error
    return {name.removeprefix(REMOVED).rpartition("-")[0] for name in names if name.startswith(REMOVED)}


def new_run_ids(count: int, created: float) -> list[str]:
    """New run ids: UTC date and time of creation, and six random characters, in ascending order.

    Args:
        count: how many.
        created: seconds since 1970.
    """
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(created))
    suffixes: set[str] = set()
    while len(suffixes) < count:
        suffixes.add(secrets.token_hex(3))
    return [f"{stamp}-{suffix}" for suffix in sorted(suffixes)]


def create_run_folders(store: Store, specs: Sequence[BaseModel]) -> list[tuple[RunFolder, int]]:
    """Make the folders of new runs, all or none. Each run is queued, and the caller holds its lease.

    A folder gets its final name only once it is complete, so nobody sees a run without specification or state.

    Args:
        store: where.
        specs: one resolved specification per run; written to ``spec.json`` and never changed after.

    Returns:
        Each folder with the descriptor of its lease, in the order of ``specs``, which is also the order of their ids.

    Raises:
        InputError: a specification lacks what every run has.
        WorkError: the disk refused.
    """
    created = time.time()
    made: list[tuple[RunFolder, int]] = []
    try:
        for run_id, spec in zip(new_run_ids(len(specs), created), specs, strict=True):
            free_id = run_id
            while (folder := _create(store, free_id, spec, created)) is None:
                free_id = new_run_ids(1, created)[0]
            made.append(folder)
    except BaseException:
        undo_creation(made)
        raise
    return made


def undo_creation(made: Sequence[tuple[RunFolder, int]]) -> None:
    """Delete folders that were just made and whose runs never began, and give their leases back."""
    for folder, lease in made:
        with contextlib.suppress(WorkError):
            folder.delete()
        release(lease)


def _create(store: Store, run_id: str, spec: BaseModel, created: float) -> tuple[RunFolder, int] | None:
    """Make one folder and take its lease; ``None`` where the id is taken."""
    final = RunFolder(store.runs / run_id)
    making = RunFolder(store.runs / f"{_NEW}{run_id}")
    lease = -1
    try:
        make_folder(making.path)
    except FileExistsError:
        return None
    except OSError as error:
        raise StoreError(f"run folder {making.path} cannot be made: {cause(error)}") from error
    try:
        lease = making.take_lease()
        making.write_spec(spec)
        summary = making.summary()
        make_folder(making.checkpoints)
        if summary.branch is not None:
            trunk = step_folder(RunFolder(store.runs / summary.branch.run).checkpoints, summary.branch.step)
            _copy_checkpoint(trunk, step_folder(making.checkpoints, summary.branch.step))
        state = RunState(status=Status.QUEUED, priority=summary.priority, created=created, queued=created)
        making.write_state(state.model_copy(update={"total_steps": summary.training.steps}))
        making.fill_reserve()
        rename(making.path, final.path)
        making = final
        sync_folder(store.runs)
    except BaseException as error:
        with contextlib.suppress(OSError):
            remove_tree(making.path)
        if lease >= 0:
            release(lease)
        if not isinstance(error, OSError):
            raise
        # Rename cannot replace a folder that is not empty. That makes ids unique.
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return None
        raise StoreError(f"run folder {final.path} cannot be made: {cause(error)}") from error
    return final, lease


def _copy_checkpoint(source: Path, target: Path) -> None:
    """Copy the checkpoint that a branch starts from. It is verified when it is loaded.

    Raises:
        InputError: it is gone, or has something else than files in it.
        OSError: the disk refused.
    """
    if not (is_folder(source.parent.parent) and is_folder(source.parent) and is_folder(source)):
        raise InputError(f"checkpoint {source}, which a branch is to start from, is gone")
    make_folder(target)
    for name in sorted(names_in(source)):
        try:
            read = open_regular(source / name)
        except WrongKindError as error:
            raise InputError(f"{source / name} cannot be copied: {cause(error)}") from error
        with os.fdopen(read, "rb") as old, os.fdopen(new_file(target / name), "wb") as new:
            shutil.copyfileobj(old, new)
            new.flush()
            os.fsync(new.fileno())
    sync_folder(target)
    sync_folder(target.parent)
