"""CelebA (Liu et al. 2015): 202,599 aligned faces as colour 32x32 images, from the authors' files.

The zip archive itself, torchvision's folder and Kaggle's folder are accepted, with or without the table of attributes.
The images are prepared as the InfoGAN-CR authors' script does (docs/method.md, section 13). The centre 128x128 pixels
of each 178x218 JPEG are taken. Then every fourth pair of rows and columns is averaged two by two and rounded half up,
which equals that script's bilinear resizing without antialiasing. This is done once, by several processes; a later call
continues where a killed one was. There are no factors: the attributes are annotations, not what the images were made
from.
"""

from __future__ import annotations

import io
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.data.datasets.celeba_attributes import ATTRIBUTES, find_table, read_table
from engine.data.datasets.celeba_layouts import Faces, find_faces
from engine.data.formats.arrays import ImageArray
from engine.data.prepared import PreparedFile
from engine.data.processes import in_order
from engine.data.sources import SourcedDataset, SourceFile, warn_if_changed
from engine.errors import InputError
from engine.progress import Progress

COUNT = 202_599
WIDTH, HEIGHT = 178, 218
TOP, LEFT, CROP = 45, 25, 128
SIDE = 32
_FACES_AT_ONCE = 256
ORIGIN = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"


class CelebAImages(ImageArray):
    """The faces, with their attributes if the table was found.

    Args:
        frames: uint8 ``[n, 32, 32, 3]``.
        attributes: bool ``[n, 40]`` in the order of :data:`engine.data.datasets.celeba_attributes.ATTRIBUTES`.
    """

    attribute_names = ATTRIBUTES

    def __init__(self, frames: NDArray[np.uint8], attributes: NDArray[np.bool_] | None) -> None:
        super().__init__(frames, "celeba")
        self.attributes = attributes


@dataclass(frozen=True, kw_only=True)
class CelebA(SourcedDataset):
    """The dataset of one archive or folder.

    Args:
        count: how many faces it has, from 000001.jpg on.
    """

    count: int = COUNT

    def is_prepared(self, root: Path) -> bool:
        return self._prepared(root).is_present()

    def missing(self, place: Path) -> tuple[SourceFile, ...]:
        return () if find_faces(place) is not None else self.files

    def _open(self, root: Path, place: Path, progress: Progress | None) -> CelebAImages:
        frames = self._prepared(root).resume(
            lambda start: self._blocks(place, start, progress), self._state(place), progress
        )
        return CelebAImages(frames, self._attributes(root, place))

    def _prepared(self, root: Path) -> PreparedFile:
        return PreparedFile(root / f"{self.name}.v1.npy", np.dtype(np.uint8), (self.count, SIDE, SIDE, 3))

    def _state(self, place: Path) -> str:
        faces = find_faces(place)
        return "" if faces is None else faces.state

    def _faces(self, place: Path) -> Faces:
        self._require(place)
        faces = find_faces(place)
        assert faces is not None
        return faces

    def _blocks(self, place: Path, start: int, progress: Progress | None) -> Generator[NDArray[Any], None, None]:
        faces = self._faces(place)
        missing = faces.first_missing(self.count)
        if missing is not None:
            raise InputError(f"'{faces.path}' holds no '{missing}': {self.count:,} faces belong there; get it again")
        if start == 0:
            warn_if_changed(faces.path, self.files[0], progress)
        tasks = [
            (faces, range(first, min(first + _FACES_AT_ONCE, self.count)))
            for first in range(start, self.count, _FACES_AT_ONCE)
        ]
        yield from in_order(_decode, tasks)

    def _attributes(self, root: Path, place: Path) -> NDArray[np.bool_] | None:
        shape = (self.count, len(ATTRIBUTES))
        prepared = PreparedFile(root / f"{self.name}-attributes.v1.npy", np.dtype(np.bool_), shape)
        if find_table(place) is None and not prepared.is_present():
            return None
        return prepared.open(lambda: [read_table(place, self.count)])


def reduced(face: Image.Image) -> NDArray[np.uint8]:
    """A face as it is trained on: uint8 ``[32, 32, 3]``.

    Rows and columns ``4 i + 1`` and ``4 i + 2`` of the centre crop, averaged two by two and rounded half up.
    """
    crop = np.asarray(face.crop((LEFT, TOP, LEFT + CROP, TOP + CROP)).convert("RGB"))
    rows = crop[1::4].astype(np.uint16) + crop[2::4]
    means: NDArray[np.uint8] = ((rows[:, 1::4] + rows[:, 2::4] + 2) >> 2).astype(np.uint8)
    return means


def _decode(task: tuple[Faces, range]) -> NDArray[np.uint8]:
    """Some of the faces, uint8 ``[n, 32, 32, 3]``."""
    faces, numbers = task
    frames = np.empty((len(numbers), SIDE, SIDE, 3), dtype=np.uint8)
    for row, number in enumerate(numbers):
        content = faces.read(number)
        try:
            with Image.open(io.BytesIO(content), formats=("JPEG",)) as image:
                if image.size != (WIDTH, HEIGHT):
                    raise InputError(
                        f"{faces.describe(number)} is {image.width}x{image.height}; aligned faces are {WIDTH}x{HEIGHT}"
                    )
                frames[row] = reduced(image)
        except InputError:
            raise
        except Exception as error:  # the decoder names no closed list of errors for damaged bytes
            raise InputError(f"{faces.describe(number)} cannot be decoded; get it again from {ORIGIN}") from error
    return frames


CELEBA = CelebA(
    name="celeba",
    files=(SourceFile("img_align_celeba.zip", ORIGIN, "00d2c5bc6d35e252742224ab0c1e8fcb"),),
)
