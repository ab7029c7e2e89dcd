"""What one encoder made of one generator's images, kept on disk so that no pair of models is computed twice."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import WorkError


@dataclass(frozen=True, eq=False)
class PairStatistics:
    """All that votes, and scores derived from votes, need of one encoder on one generated set.

    Args:
        deviations: float32 ``[m, d]``, standard deviation of each code inside each group of images.
        scale: float64 ``[d]``, standard deviation of each code over images of unrestricted latents; 0 for a dead one.
    """

    deviations: NDArray[np.float32]
    scale: NDArray[np.float64]

    def fits(self, shape: tuple[int, int]) -> bool:
        """Whether these are numbers for that many groups and codes."""
        whole = self.deviations.shape == shape and self.scale.shape == shape[1:]
        return whole and bool(np.isfinite(self.deviations).all() and np.isfinite(self.scale).all())


class PairCache:
    """Pair statistics by the identities of protocol, generator and encoder: one small file a pair.

    Files appear whole or not at all, and one that cannot be read counts as absent, so any number of processes may
    share a folder and be killed at any time.

    Args:
        folder: where the files live; made when the first one is saved.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, protocol: str, generator: str, encoder: str, shape: tuple[int, int]) -> PairStatistics | None:
        """The statistics of a pair, or ``None`` where they are absent, damaged or not of ``shape`` (groups, codes)."""
        path = self._path(protocol, generator, encoder)
        try:
            with path.open("rb") as file:
                archive = np.load(file, allow_pickle=False)
                statistics = PairStatistics(archive["deviations"], archive["scale"])
        except (OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile):
            return None
        return statistics if statistics.fits(shape) else None

    def save(self, protocol: str, generator: str, encoder: str, statistics: PairStatistics) -> None:
        """Keep the statistics of a pair.

        Raises:
            WorkError: the disk refused; what was kept before is untouched.
        """
        path = self._path(protocol, generator, encoder)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(path, statistics)
        except OSError as error:
            raise WorkError(f"{path} cannot be written: {error.strerror or error}") from error

    def _path(self, protocol: str, generator: str, encoder: str) -> Path:
        # Identities come from outside; their digests are safe as file names whatever they hold.
        names = [hashlib.sha256(identity.encode()).hexdigest()[:32] for identity in (protocol, generator, encoder)]
        return self._folder / names[0] / names[1] / f"{names[2]}.npz"


def _write(path: Path, statistics: PairStatistics) -> None:
    # A name of its own, because another process may be writing the same pair.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            np.savez(file, deviations=statistics.deviations, scale=statistics.scale)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
