"""Who holds a slot or waits for one: what stands in the lock file, for people who wait behind."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.storage.descriptors import open_regular

_MOST_BYTES = 1 << 14


@dataclass(frozen=True)
class Owner:
    """A run that holds a slot or waits for one.

    Args:
        run: its id.
        name: its name; empty if it has none.
        store: root of the store that it belongs to.
        others: slots that it could use and that processes without a slot use up, as it saw when it last looked.
    """

    run: str
    name: str = ""
    store: str = ""
    others: int = 0


def write_owner(descriptor: int, owner: Owner) -> None:
    """Write into a locked file who has locked it. A full disk does not matter: then the file does not say."""
    content = json.dumps(asdict(owner)).encode(errors="surrogateescape")[:_MOST_BYTES]
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, content, 0)


def read_owner(path: Path) -> Owner | None:
    """Who has locked a file; ``None`` if it does not say. Ask only of a file that is locked."""
    try:
        descriptor = open_regular(path)
        with os.fdopen(descriptor, "rb") as file:
            content = json.loads(file.read(_MOST_BYTES))
        run, name, store, others = (content.get(key) for key in ("run", "name", "store", "others"))
    except (OSError, ValueError, RecursionError, AttributeError):
        return None
    words_are_words = all(isinstance(word, str) for word in (run, name, store))
    return Owner(str(run), str(name), str(store), others) if words_are_words and isinstance(others, int) else None
