"""Where a dataset that has no registered name lies: a folder, a file, or ``FILE:KEY`` for one array of a file."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Place(NamedTuple):
    """A path that exists, as far as can be told.

    Args:
        path: the folder or file.
        key: the name of an array in the file; ``None`` for the one that holds the images.
    """

    path: Path
    key: str | None = None

    def __str__(self) -> str:
        return str(self.path) if self.key is None else f"{self.path}:{self.key}"


def find_place(name: str) -> Place | None:
    """The place that a name means; ``None`` if nothing is there that can be looked at.

    A name that exists as it stands is a path, even with a colon in it.
    """
    try:
        whole = Path(name).expanduser()
        if name and whole.exists():
            return Place(whole)
        stem, colon, _ = name.rpartition(":")
        while colon:
            path = Path(stem).expanduser()
            if stem and path.is_file():
                return Place(path, name[len(stem) + 1 :])
            stem, colon, _ = stem.rpartition(":")
    except (OSError, RuntimeError, ValueError):  # too long, of an unknown user, or not accessible
        return None
    return None


def absolute(name: str) -> str:
    """A name that means the same place in any folder; unchanged if nothing is there."""
    place = find_place(name)
    return name if place is None else str(place._replace(path=place.path.absolute()))
