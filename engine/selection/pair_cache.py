"""What one encoder made of one generator's images, kept on disk so that no pair of models is computed twice."""

from __future__ import annotations

import contextlib
import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from engine.errors import WorkError
from engine.selection.pair_statistics import PairStatistics
from engine.storage import file_mode, make_folders, replacing

# zipfile says of much that it is not implemented, a RuntimeError, as of what would be encrypted.
_DAMAGE = (OSError, ValueError, LookupError, EOFError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error)
_ARRAYS = ("deviations", "scale", "correlations", "information")


class PairCache:
    """Pair statistics by the identities of protocol, generator and encoder: one small file a pair.

    Files appear whole or not at all, and one that cannot be read counts as absent, so any number of processes may
    share a folder and be killed at any time. By :meth:`claim` they share out the generators.

    Args:
        folder: where the files live; made when the first one is saved.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, protocol: str, generator: str, encoder: str) -> PairStatistics | None:
        """The statistics of a pair, or ``None`` where they are absent or damaged."""
        path = self._of_generator(protocol, generator) / f"{_digest(encoder)}.npz"
        try:
            with path.open("rb") as file:
                archive = np.load(file, allow_pickle=False)
                arrays = [archive[name] for name in _ARRAYS]
        except _DAMAGE:
            return None
        # A member that does not look like an array is handed out as its bytes.
        return PairStatistics(*arrays) if all(isinstance(array, np.ndarray) for array in arrays) else None

    def save(self, protocol: str, generator: str, encoder: str, statistics: PairStatistics) -> None:
        """Keep the statistics of a pair whose generator has been claimed.

        Raises:
            WorkError: the disk refused; what was kept before is untouched.
        """
        path = self._of_generator(protocol, generator) / f"{_digest(encoder)}.npz"
        try:
            make_folders(path.parent)
            with replacing(path) as file:
                np.savez(file, **{array: getattr(statistics, array) for array in _ARRAYS})
        except OSError as error:
            raise WorkError(f"{path} cannot be written: {error.strerror or error}") from error

    @contextlib.contextmanager
    def claim(self, protocol: str, generator: str) -> Iterator[bool]:
        """Be the only one who computes pairs of a generator, as long as the context lasts.

        The claim is an ``flock``, which the kernel drops with its process: one that is killed claims nothing.

        Yields:
            False, at once, where another process is at it.

        Raises:
            WorkError: the lock cannot be made.
        """
        folder = self._of_generator(protocol, generator)
        path = folder.with_name(f"{folder.name}.lock")
        try:
            make_folders(path.parent)
            lock = FileLock(path, mode=file_mode(path.parent), fallback_to_soft=False)
            lock.acquire(blocking=False)
        except Timeout:
            yield False
            return
        except OSError as error:
            raise WorkError(f"{path} cannot be locked: {error.strerror or error}") from error
        try:
            yield True
        finally:
            lock.release()

    def _of_generator(self, protocol: str, generator: str) -> Path:
        return self._folder / _digest(protocol) / _digest(generator)


def _digest(identity: str) -> str:
    """Identities come from outside; their digests are safe as file names whatever they hold."""
    return hashlib.sha256(identity.encode()).hexdigest()[:32]
