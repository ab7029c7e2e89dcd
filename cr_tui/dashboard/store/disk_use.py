"""What runs occupy on the disk, counted before they are deleted."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from cr_tui.dashboard.model.data import DiskUse
from engine.errors import InputError, StoreError
from engine.storage.descriptors import tree_bytes
from engine.training.step_folders import steps

_CHECKPOINTS = "checkpoints"


def disk_use_of(folders: Sequence[Path]) -> DiskUse:
    """Checkpoints and bytes in run folders. Files that cannot be read, or vanish meanwhile, are left out."""
    checkpoints = size = 0
    for folder in folders:
        with contextlib.suppress(InputError, StoreError):
            checkpoints += len(steps(folder / _CHECKPOINTS))
        size += tree_bytes(folder)
    return DiskUse(checkpoints, size)
