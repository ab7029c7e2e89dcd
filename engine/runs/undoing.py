"""What is written about a run for its next attempt, and taken back if that is not begun."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from engine.errors import CrtuiError
from engine.runs.folder import RunFolder
from engine.storage.descriptors import release


@contextlib.contextmanager
def undone_on_failure(folder: RunFolder, undo: Callable[[], None]) -> Iterator[None]:
    """Call ``undo`` under the run's lease if the context fails.

    Whoever has the lease by then has begun the attempt after all, so nothing is undone.

    Args:
        folder: a run that has ended.
        undo: writes what was there before; that the disk refuses it is passed over.
    """
    try:
        yield
    except BaseException:
        with contextlib.suppress(CrtuiError, OSError):
            lease = folder.take_lease()
            try:
                undo()
            finally:
                release(lease)
        raise
