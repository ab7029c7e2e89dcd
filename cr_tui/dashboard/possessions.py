"""What runs have on the disk, for those who are about to delete them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from cr_tui.dashboard.data import Possessions

_CHECKPOINTS = "checkpoints"


def possessions_of(folders: Sequence[Path]) -> Possessions:
    """Checkpoints and bytes in run folders. What cannot be read, or goes meanwhile, is left out."""
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
    return Possessions(checkpoints, size)


def possessions_text(found: Possessions) -> str:
    """In words: ``4 checkpoints, 31.5 MB``."""
    plural = "" if found.checkpoints == 1 else "s"
    held = f"{found.checkpoints} checkpoint{plural}" if found.checkpoints else "no checkpoint"
    size = float(found.size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{held}, {size:,.0f} {unit}" if unit in ("bytes", "kB") else f"{held}, {size:,.1f} {unit}"
