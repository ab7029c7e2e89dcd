"""What runs occupy on the disk, counted before they are deleted."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from cr_tui.dashboard.model.data import DiskUse

_CHECKPOINTS = "checkpoints"


def disk_use_of(folders: Sequence[Path]) -> DiskUse:
    """Checkpoints and bytes in run folders. Files that cannot be read, or vanish meanwhile, are left out."""
    checkpoints = size = 0
    for folder in folders:
        for parent, folder_names, names in os.walk(folder):
            if Path(parent) == folder / _CHECKPOINTS:
                checkpoints += sum(name.startswith("step-") for name in folder_names)
            for name in names:
                try:
                    size += (Path(parent) / name).lstat().st_size
                except OSError:
                    continue
    return DiskUse(checkpoints, size)
