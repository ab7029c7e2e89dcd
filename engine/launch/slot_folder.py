"""The folder of this machine's device slots: one per user and machine, and nobody else's."""

from __future__ import annotations

import os
import re
import socket
import stat
from pathlib import Path

from engine.errors import InputError, WorkError
from engine.storage.descriptors import FOLDER_MODE

FOLDER_VARIABLE = "CRTUI_SLOTS"
_SHARED = Path("/tmp")


def slot_folder() -> Path:
    """The folder of lock files: ``$CRTUI_SLOTS``, else ``/tmp/crtui-<uid>/slots``, else one in the user's home.

    All programs of a user must come to the same folder, or two of them would take the same slot. So it does not depend
    on the session: ``$XDG_RUNTIME_DIR`` is deleted when its user's last session ends, while detached runs go on, and
    cron jobs do not have one. A home may be on a network, where locks are slow or missing; a temporary folder is local.
    But anybody may make that folder first. Then the slots are in the home, below ``.local/state/crtui``, and stay there
    from then on, so that whoever took the name cannot lead later programs elsewhere by giving it back.

    Raises:
        InputError: ``$CRTUI_SLOTS`` is no folder of the user alone.
        WorkError: the disk refuses all of them.
    """
    if given := os.environ.get(FOLDER_VARIABLE):
        folder = Path(given).expanduser()
        if (reason := _why_not(folder, parents=True)) is not None:
            raise InputError(f"slot folder {folder} {reason}; set {FOLDER_VARIABLE} to a folder that is yours alone")
        return folder
    private = _private_folder()
    shared = _SHARED / f"crtui-{os.getuid()}"
    if not private.is_dir() and all(_why_not(folder) is None for folder in (shared, shared / "slots")):
        return shared / "slots"
    if (reason := _why_not(private, parents=True)) is not None:
        raise WorkError(f"slot folder {private} {reason}; set {FOLDER_VARIABLE} to a folder that is yours alone")
    return private


def _private_folder() -> Path:
    host = re.sub(r"[^A-Za-z0-9.-]", "_", socket.gethostname())
    return Path.home() / ".local" / "state" / "crtui" / f"slots-{host}"


def _why_not(folder: Path, *, parents: bool = False) -> str | None:
    """Make a folder that is the user's alone; what is in the way of that, ``None`` if nothing is."""
    try:
        folder.mkdir(mode=FOLDER_MODE, parents=parents, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        return f"cannot be used: {error.strerror}"
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o022:
        return "is not yours alone"
    return None
