"""Shapes3D (Burgess and Kim 2018): 480,000 colour 64x64 views of one object in a room, from the authors' HDF5 file.

The images are unpacked once, to 5.5 GiB. The file's order is that of the factor grid (docs/method.md, section 15); its
labels are checked against that.
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
from engine.data.formats.hdf5 import open_hdf5
from engine.data.grid import GridImages, cells
from engine.data.prepared import PreparedFile
from engine.data.sources import SourcedDataset, SourceFile, check_layout, warn_if_changed
from engine.errors import InputError
from engine.progress import Progress

IMAGE_SHAPE = (64, 64, 3)
_HUES = tuple(np.linspace(0.0, 0.9, 10).tolist())
FACTORS = (
    Factor("floor-hue", _HUES, continuous=True),
    Factor("wall-hue", _HUES, continuous=True),
    Factor("object-hue", _HUES, continuous=True),
    Factor("scale", tuple(np.linspace(0.75, 1.25, 8).tolist()), continuous=True),
    Factor("shape", (0.0, 1.0, 2.0, 3.0), continuous=False),
    Factor("orientation", tuple(np.linspace(-30.0, 30.0, 15).tolist()), continuous=True),
)
_LABEL_TOLERANCE = 1e-3


@dataclass(frozen=True, kw_only=True)
class Shapes3D(SourcedDataset):
    """The dataset of one HDF5 file.

    Args:
        factors: its grid.
    """

    factors: tuple[Factor, ...] = FACTORS

    def is_prepared(self, root: Path) -> bool:
        return self._prepared(root).is_present()

    def _open(self, root: Path, place: Path, progress: Progress | None) -> GridImages:
        frames = self._prepared(root).resume(
            lambda start: self._blocks(place, start, progress), self._state(place), progress
        )
        return GridImages(self.name, frames, self.factors)

    def _prepared(self, root: Path) -> PreparedFile:
        return PreparedFile(root / f"{self.name}.v1.npy", np.dtype(np.uint8), (cells(self.factors), *IMAGE_SHAPE))

    def _blocks(self, place: Path, start: int, progress: Progress | None) -> Generator[NDArray[Any], None, None]:
        [path] = self._found(place)
        with open_hdf5(path, "images") as images, open_hdf5(path, "labels") as labels:
            check_layout(images, self.name, (cells(self.factors), *IMAGE_SHAPE))
            check_layout(labels, self.name, (cells(self.factors), len(self.factors)), "float64")
            check_expansion(images)
            if start == 0:
                warn_if_changed(path, self.files[0], progress)
            self._check_labels(path, np.concatenate(list(labels.blocks())))
            yield from images.blocks(start)

    def _check_labels(self, path: Path, labels: NDArray[np.float64]) -> None:
        sizes = [factor.size for factor in self.factors]
        ids = np.unravel_index(np.arange(len(labels)), sizes)
        for column, factor, expected in zip(labels.T, self.factors, ids, strict=True):
            wrong = np.flatnonzero(~(np.abs(column - np.asarray(factor.values)[expected]) < _LABEL_TOLERANCE))
            if wrong.size:
                raise InputError(
                    f"label '{factor.name}' of image {wrong[0]} of '{path}' is {column[wrong[0]]:g} instead of "
                    f"{factor.values[expected[wrong[0]]]:g}: the images are not in the order of the published file"
                )


SHAPES3D = Shapes3D(
    name="shapes3d",
    files=(
        SourceFile(
            "3dshapes.h5",
            "https://github.com/google-deepmind/3d-shapes",
            "099a2078d58cec4daad0702c55d06868",
        ),
    ),
)
