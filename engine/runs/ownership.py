"""Whose a run is. What another member of a store's group wrote never decides what my processes do.

A run is trained with the rights of whoever trains it: with their files as data. So it is started again, by hand or by
itself, only by the user whose folder and specification it is. Others read it, score it, branch off it or delete it.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import stat
from pathlib import Path

from engine.errors import InputError, StoreError
from engine.runs.folder import RunFolder
from engine.storage.descriptors import cause, owner_of_new, status


def require_own(folder: RunFolder, *, unattended: bool = False) -> None:
    """Refuse to train a run that is not this user's.

    Args:
        folder: the run.
        unattended: whether nobody asked for it by name. Then its specification must also be one that no other member
            of the group could have written into.

    Raises:
        InputError: the run, or what it says is to be done, is somebody else's.
        StoreError: that cannot be found out just now.
    """
    for path in (folder.path, *folder.deciding_paths):
        found = status(path)
        if found is None:
            continue
        if not _is_mine(found.st_uid, folder.path):
            what = "" if path == folder.path else f" ({path.name} was written by that user)"
            raise InputError(
                f"run {folder.id} belongs to {_name(found.st_uid)}{what}, and training it would use your files; ask "
                f"for it to be resumed, or start one of your own from it by 'crtui train --branch-from {folder.id}'"
            )
        if unattended and path != folder.path and found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise InputError(
                f"{path.name} of run {folder.id} can be written by others, so the run is not taken up by itself; look "
                "at it, then 'chmod go-w' it"
            )


def is_own(folder: RunFolder, *, unattended: bool = False) -> bool:
    """Whether :func:`require_own` lets a run through. As long as that cannot be found out, it does not."""
    try:
        require_own(folder, unattended=unattended)
    except (InputError, StoreError):
        return False
    return True


def _is_mine(user: int, folder: Path) -> bool:
    """Whether an owner of files is this user, as the folder's file system says it."""
    if user == os.geteuid():
        return True
    # Some network file systems give every file to one user, or root's to nobody: then what this user makes is theirs.
    try:
        return owner_of_new(folder) == user
    except PermissionError:
        return False
    except OSError as error:
        raise StoreError(f"it cannot be found out whose {folder} is: {cause(error)}") from error


def _name(user: int) -> str:
    with contextlib.suppress(KeyError):
        return f"user '{pwd.getpwuid(user).pw_name}'"
    return f"user {user}"
