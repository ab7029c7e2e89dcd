"""What runs occupy on the disk, counted before they are deleted."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from cr_tui.dashboard.model.data import DiskUse
from engine.training.step_folders import steps

_CHECKPOINTS = "checkpoints"


def disk_use_of(folders: Sequence[Path]) -> DiskUse:
    """Checkpoints and bytes in run folders. Files that cannot be read, or vanish meanwhile, are left out."""
    checkpoints = size = 0
    for folder in folders:
        with contextlib.suppress(OSError):
            checkpoints += len(steps(folder / _CHECKPOINTS))
        for parent, _, names in os.walk(folder):
            for name in names:
                try:
                    size += (Path(parent) / name).lstat().st_size
                except OSError:
                    continue
    return DiskUse(checkpoints, size)
