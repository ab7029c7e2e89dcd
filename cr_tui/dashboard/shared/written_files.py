"""Files that the user asked for: free names, whole writes, and text that spreadsheets do not run as formulas."""

from __future__ import annotations

import re
import time
from pathlib import Path

from engine.errors import InputError
from engine.storage.files import save_file

_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")
_MOST_TRIES = 100


def new_file(folder: Path, subject: str, suffix: str) -> Path:
    """A file name that is not taken: ``crtui-<subject>-<date>-<time>.<suffix>``.

    Raises:
        InputError: the folder cannot be written.
    """
    stem = f"crtui-{_UNFIT.sub('-', subject).strip('-')[:60] or 'charts'}-{time.strftime('%Y%m%d-%H%M%S')}"
    for number in range(1, _MOST_TRIES):
        path = folder / (f"{stem}.{suffix}" if number == 1 else f"{stem}-{number}.{suffix}")
        if not path.exists():
            return path
    raise InputError(f"{folder} has too many exports of this second; try again")


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        InputError: the folder cannot be written.
        WorkError: the disk refused.
    """
    save_file(path, content)
