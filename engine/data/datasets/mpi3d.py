"""MPI3D (Gondal et al. 2019): a robot arm that holds an object, 64x64 in colour, as toy, realistic or real images.

Three datasets of one layout, each unpacked once from its authors' npz file. The toy and realistic files that were
published first have a smaller grid. The number of images tells which grid a file has (docs/method.md, section 15).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import Factor
from engine.data.formats.arrays import check_expansion
from engine.data.formats.npz import open_npz
from engine.data.grid import GridImages, cells, counted
from engine.data.prepared import PreparedFile
from engine.data.sources import SourcedDataset, SourceFile, check_layout, warn_if_changed
from engine.errors import InputError
from engine.progress import Progress

IMAGE_SHAPE = (64, 64, 3)
Grid = tuple[Factor, ...]


def grid(colours: int, shapes: int, steps: int = 40) -> Grid:
    """The factors, slowest first. The files name no values, so these are numbers from 0."""
    return (
        counted("object-color", colours, continuous=False),
        counted("object-shape", shapes, continuous=False),
        counted("object-size", 2, continuous=True),
        counted("camera-height", 3, continuous=True),
        counted("background-color", 3, continuous=False),
        counted("horizontal-axis", steps, continuous=True),
        counted("vertical-axis", steps, continuous=True),
    )


FULL, FIRST = grid(6, 6), grid(4, 4)


@dataclass(frozen=True, kw_only=True)
class Mpi3d(SourcedDataset):
    """One of the three datasets.

    Args:
        grids: the grids that a file may have, told apart by their number of images.
    """

    grids: tuple[Grid, ...]

    def is_prepared(self, root: Path) -> bool:
        return self._shown(root) is not None

    def _open(self, root: Path, place: Path, progress: Progress | None) -> GridImages:
        factors = self._shown(root) or self._grid_of(self._found(place)[0])
        frames = self._prepared(root, factors).resume(
            lambda start: self._blocks(place, factors, start, progress),
            self._state(place),
            progress,
        )
        return GridImages(self.name, frames, factors)

    def _shown(self, root: Path) -> Grid | None:
        """The grid of the prepared file."""
        return next((factors for factors in self.grids if self._prepared(root, factors).is_present()), None)

    def _prepared(self, root: Path, factors: Grid) -> PreparedFile:
        count = cells(factors)
        return PreparedFile(root / f"{self.name}-{count}.v1.npy", np.dtype(np.uint8), (count, *IMAGE_SHAPE))

    def _grid_of(self, path: Path) -> Grid:
        with open_npz(path) as images:
            for factors in self.grids:
                if images.shape[:1] == (cells(factors),):
                    return factors
            lengths = " or ".join(f"{cells(factors):,}" for factors in self.grids)
            raise InputError(f"{images} has shape {images.shape}; that of {self.name} holds {lengths} images")

    def _blocks(
        self, place: Path, factors: Grid, start: int, progress: Progress | None
    ) -> Generator[NDArray[Any], None, None]:
        [path] = self._found(place)
        with open_npz(path) as images:
            check_layout(images, self.name, (cells(factors), *IMAGE_SHAPE))
            check_expansion(images)
            if start == 0 and factors == self.grids[0]:
                warn_if_changed(path, self.files[0], progress)
            yield from images.blocks(start)


def _mpi3d(kind: str, md5: str, *grids: Grid) -> Mpi3d:
    file = SourceFile(f"mpi3d_{kind}.npz", "https://github.com/rr-learning/disentanglement_dataset", md5)
    return Mpi3d(name=f"mpi3d-{kind}", files=(file,), grids=grids)


TOY = _mpi3d("toy", "55889cb7c7dfc655d6e0277beee88868", FULL, FIRST)
REALISTIC = _mpi3d("realistic", "59a6225b88b635365f70c91b3e52f70f", FULL, FIRST)
REAL = _mpi3d("real", "0f33f609918fb5c97996692f91129802", FULL)
