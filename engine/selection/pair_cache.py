"""What one encoder made of one generator's images, kept on disk so that no pair of models is computed twice."""

from __future__ import annotations

import contextlib
import hashlib
import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engine.errors import WorkError
from engine.selection.pair_statistics import PairStatistics
from engine.storage.descriptors import cause, open_regular, release
from engine.storage.files import make_folders, replacing
from engine.storage.locks import try_lock_file

# zipfile raises NotImplementedError, a RuntimeError, for features that it lacks, such as an encrypted archive.
_DAMAGE = (OSError, ValueError, LookupError, EOFError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error)
_ARRAYS = ("deviations", "scale", "correlations", "information")


class PairCache:
    """Pair statistics by the identities of protocol, generator and encoder: one small file a pair.

    Files appear whole or not at all, and a file that cannot be read counts as absent. So any number of processes may
    share a folder, and may be killed at any time. With :meth:`claim` they divide the generators among themselves.

    Args:
        folder: where the files are; made when the first one is saved.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, protocol: str, generator: str, encoder: str) -> PairStatistics | None:
        """The statistics of a pair, or ``None`` where they are absent or damaged."""
        path = self._of_generator(protocol, generator) / f"{_digest(encoder)}.npz"
        try:
            with os.fdopen(open_regular(path), "rb") as file:
                archive = np.load(file, allow_pickle=False)
                arrays = [archive[name] for name in _ARRAYS]
        except _DAMAGE:
            return None
        # numpy returns the plain bytes of a member that does not look like an array.
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
            raise WorkError(f"{path} cannot be written: {cause(error)}") from error

    @contextlib.contextmanager
    def claim(self, protocol: str, generator: str) -> Iterator[bool]:
        """Be the only process that compares pairs of a generator, as long as the context lasts.

        The kernel drops the claim when the process ends, so a killed process blocks nobody.

        Yields:
            True, or False where another process has the claim; this call never waits.

        Raises:
            WorkError: the lock cannot be made.
        """
        folder = self._of_generator(protocol, generator)
        path = folder.with_name(f"{folder.name}.lock")
        try:
            make_folders(path.parent)
        except OSError as error:
            raise WorkError(f"{path} cannot be locked: {cause(error)}") from error
        lock = try_lock_file(path)
        try:
            yield lock is not None
        finally:
            if lock is not None:
                release(lock)

    def _of_generator(self, protocol: str, generator: str) -> Path:
        return self._folder / _digest(protocol) / _digest(generator)


def _digest(identity: str) -> str:
    """A file name for an identity, which may hold any characters."""
    return hashlib.sha256(identity.encode()).hexdigest()[:32]
