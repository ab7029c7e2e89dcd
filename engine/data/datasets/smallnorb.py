"""SmallNORB (LeCun et al. 2004): 48,600 grey photographs of 50 toys, resized to 64x64, from the authors' six files.

The training and the testing set differ in their toys only. Together they are a whole grid of category, instance,
elevation, azimuth and lighting. disentanglement_lib does not count the instance as a factor, so ten images share a
cell. Here the instance is a factor, so each combination is one image. (Instance 3 of one category has nothing to do
with instance 3 of another.) The first image of each stereo pair is taken and resized with antialiasing, as
disentanglement_lib does. Its bytes are read as unsigned.
"""

from __future__ import annotations

import contextlib
import gzip
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import Factor
from engine.data.formats.stored import reading
from engine.data.grid import GridImages, cells, counted
from engine.data.prepared import PreparedFile
from engine.data.sizes import DEFAULT_SIZE
from engine.data.sources import SourcedDataset, SourceFile
from engine.data.square import squares
from engine.errors import InputError
from engine.progress import Progress

SIDE = 96
_BYTES, _INTEGERS = 0x1E3D4C55, 0x1E3D4C54
_PAIRS_AT_ONCE = 256
FACTORS = (
    counted("category", 5, continuous=False),
    counted("instance", 10, continuous=False),
    Factor("elevation", tuple(range(30, 71, 5)), continuous=True),
    Factor("azimuth", tuple(range(0, 341, 20)), continuous=True),
    counted("lighting", 6, continuous=False),
)
"""Slowest first; angles in degrees."""
ORIGIN = "https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/"
SETS = ("smallnorb-5x46789x9x18x6x2x96x96-training", "smallnorb-5x01235x9x18x6x2x96x96-testing")


@dataclass(frozen=True, kw_only=True)
class SmallNorb(SourcedDataset):
    """Both sets.

    Args:
        factors: the grid that the sets fill together, half of the instances each.
    """

    factors: tuple[Factor, ...] = FACTORS

    def is_prepared(self, root: Path) -> bool:
        return self._prepared(root).is_present()

    def _open(self, root: Path, place: Path, progress: Progress | None) -> GridImages:
        frames = self._prepared(root).open(lambda: self._blocks(place, progress))
        return GridImages(self.name, frames, self.factors)

    def _prepared(self, root: Path) -> PreparedFile:
        shape = (cells(self.factors), DEFAULT_SIZE, DEFAULT_SIZE, 1)
        return PreparedFile(root / f"{self.name}.v1.npy", np.dtype(np.uint8), shape)

    def _blocks(self, place: Path, progress: Progress | None) -> Iterator[NDArray[np.uint8]]:
        """All frames, put into the order of the grid in memory (190 MiB)."""
        paths = self._found(place)
        count = cells(self.factors)
        frames = np.empty((count, DEFAULT_SIZE, DEFAULT_SIZE, 1), dtype=np.uint8)
        filled = np.zeros(count, dtype=bool)
        done = 0
        for images, category, info in (paths[:3], paths[3:]):
            places = self._cells_of(category, info)
            if filled[places].any() or np.unique(places).size < places.size:
                raise InputError(f"'{info}' describes an image twice; get it again from {ORIGIN}")
            for block in _left_images(images, count // 2):
                part = places[done % (count // 2) :][: len(block)]
                frames[part], filled[part] = squares(block, DEFAULT_SIZE), True
                done += len(block)
                if progress:
                    progress(done, count)
        yield frames

    def _cells_of(self, category: Path, info: Path) -> NDArray[np.int64]:
        """Which cells of the grid the images of one set are, int ``[n]``."""
        length = cells(self.factors) // 2
        categories = _integers(category, (length,))[:, None]
        instance, elevation, azimuth, lighting = _integers(info, (length, 4)).T
        ids = np.column_stack([categories, instance, elevation, azimuth // 2, lighting])
        sizes = [factor.size for factor in self.factors]
        if (azimuth % 2).any() or (ids < 0).any() or (ids >= sizes).any():
            raise InputError(f"'{info}' holds a factor that is out of range; get it again from {ORIGIN}")
        return np.asarray(np.ravel_multi_index(tuple(ids.T), sizes), dtype=np.int64)


def _left_images(path: Path, length: int) -> Iterator[NDArray[np.uint8]]:
    """The first image of each pair, uint8 ``[n, 96, 96, 1]`` at a time."""
    with _opened(path, _BYTES, (length, 2, SIDE, SIDE)) as stream:
        for start in range(0, length, _PAIRS_AT_ONCE):
            count = min(_PAIRS_AT_ONCE, length - start)
            content = _exactly(stream, count * 2 * SIDE * SIDE)
            yield np.frombuffer(content, np.uint8).reshape(count, 2, SIDE, SIDE, 1)[:, 0]


def _integers(path: Path, shape: tuple[int, ...]) -> NDArray[np.int64]:
    with _opened(path, _INTEGERS, shape) as stream:
        content = _exactly(stream, 4 * math.prod(shape))
    return np.frombuffer(content, "<i4").reshape(shape).astype(np.int64)


@contextlib.contextmanager
def _opened(path: Path, magic: int, shape: tuple[int, ...]) -> Iterator[IO[bytes]]:
    """Open a NORB matrix, plain or gzipped, behind its header, which is checked (docs/method.md, section 15).

    Raises:
        InputError: the header is not that of the published file, or the content is damaged or cut short.
    """
    with reading(path), contextlib.ExitStack() as stack:
        file: IO[bytes] = stack.enter_context(path.open("rb"))
        if file.read(2) == b"\x1f\x8b":
            file.seek(0)
            file = stack.enter_context(cast("IO[bytes]", gzip.GzipFile(fileobj=file)))
        else:
            file.seek(0)
        found, dimensions = struct.unpack("<ii", _exactly(file, 8))
        lengths = 4 if dimensions == 4 else 3
        declared = struct.unpack(f"<{lengths}i", _exactly(file, 4 * lengths))
        if found != magic or dimensions != len(shape) or declared[:dimensions] != shape:
            raise InputError(f"'{path}' is not the matrix that its authors published; get it from {ORIGIN}")
        yield file


def _exactly(stream: IO[bytes], count: int) -> bytes:
    content = stream.read(count)
    if len(content) != count:
        raise EOFError
    return content


def _files() -> Iterator[SourceFile]:
    for name in SETS:
        for part in ("dat", "cat", "info"):
            yield SourceFile(f"{name}-{part}.mat.gz", ORIGIN, also=(f"{name}-{part}.mat",))


SMALLNORB = SmallNorb(name="smallnorb", files=tuple(_files()))
