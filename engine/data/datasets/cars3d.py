"""Cars3D (Reed et al. 2015): 17,568 colour views of 183 cars, resized to 64x64, from the authors' archive.

Each car is a MATLAB file of 24 azimuths and 4 elevations; ``list.txt`` gives the order of the cars. The images are
resized with antialiasing and put into the order elevation, azimuth, car, as disentanglement_lib does (docs/method.md,
section 15). Nothing is unpacked to the disk.
"""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import Factor
from engine.data.formats.stored import reading
from engine.data.grid import GridImages, counted
from engine.data.prepared import PreparedFile
from engine.data.sizes import DEFAULT_SIZE
from engine.data.sources import SourcedDataset, SourceFile, warn_if_changed
from engine.data.square import squares
from engine.errors import InputError
from engine.progress import Progress

SIDE = 128
ELEVATIONS, AZIMUTHS, CARS = 4, 24, 183
MOST_FILE_BYTES = 64 << 20
"""Most bytes of one car's file, packed and unpacked. A published one unpacks to 6 MiB."""
MOST_LIST_BYTES = 64 << 10
_ELEMENT_COMPRESSED = 15
_MAT_HEADER_BYTES = 128
Files = Iterator[tuple[str, bytes]]


@dataclass(frozen=True, kw_only=True)
class Cars3D(SourcedDataset):
    """The dataset of one archive.

    Args:
        cars: how many cars it has.
    """

    cars: int = CARS

    @property
    def factors(self) -> tuple[Factor, ...]:
        """The grid, slowest first. The files name no values, so these are numbers from 0."""
        return (
            counted("elevation", ELEVATIONS, continuous=True),
            counted("azimuth", AZIMUTHS, continuous=True),
            counted("car", self.cars, continuous=False),
        )

    def is_prepared(self, root: Path) -> bool:
        return self._prepared(root).is_present()

    def _find(self, place: Path, file: SourceFile) -> Path | None:
        unpacked = (place, place / "cars", place / "data" / "cars")
        return super()._find(place, file) or next((path for path in unpacked if (path / "list.txt").is_file()), None)

    def _open(self, root: Path, place: Path, progress: Progress | None) -> GridImages:
        frames = self._prepared(root).open(lambda: self._blocks(place, progress))
        return GridImages(self.name, frames, self.factors)

    def _prepared(self, root: Path) -> PreparedFile:
        shape = (ELEVATIONS * AZIMUTHS * self.cars, DEFAULT_SIZE, DEFAULT_SIZE, 3)
        return PreparedFile(root / f"{self.name}.v1.npy", np.dtype(np.uint8), shape)

    def _blocks(self, place: Path, progress: Progress | None) -> Iterator[NDArray[np.uint8]]:
        """All frames, one elevation at a time, gathered in memory (210 MiB): the archive has them car by car."""
        [path] = self._found(place)
        if path.is_file():
            warn_if_changed(path, self.files[0], progress)
        names, cars = self._read(path, progress)
        missing = next((name for name in names if name not in cars), None)
        if missing is not None:
            raise InputError(f"'{path}' holds no '{missing}.mat', which its list.txt names")
        frames = np.stack([cars[name] for name in names])
        for elevation in range(ELEVATIONS):
            yield frames[:, elevation].swapaxes(0, 1).reshape(-1, DEFAULT_SIZE, DEFAULT_SIZE, 3)

    def _read(self, path: Path, progress: Progress | None) -> tuple[list[str], dict[str, NDArray[np.uint8]]]:
        """The cars' names in order, and frames uint8 ``[4, 24, 64, 64, 3]`` by name."""
        names: list[str] = []
        cars: dict[str, NDArray[np.uint8]] = {}
        for name, content in _folder_files(path) if path.is_dir() else _archive_files(path):
            if name == "list.txt":
                names = _listed(path, content, self.cars)
            else:
                cars[name.removesuffix(".mat")] = _frames(f"'{name}' of '{path}'", content)
                if progress:
                    progress(min(len(cars), self.cars), self.cars)
            if names and len(cars) >= self.cars and cars.keys() >= set(names):
                break
        if not names:
            raise InputError(f"'{path}' holds no cars/list.txt; get it from {self.files[0].origin}")
        return names, cars


def _listed(path: Path, content: bytes, count: int) -> list[str]:
    lines = (line.strip() for line in content.decode("utf-8", "replace").splitlines())
    names = [PurePosixPath(line).name.removesuffix(".mat") for line in lines if line]
    if len(names) != count or len(set(names)) != count:
        raise InputError(f"list.txt of '{path}' names {len(set(names))} cars instead of {count}")
    return names


def _folder_files(folder: Path) -> Files:
    for path in sorted(folder.iterdir()):
        if path.name == "list.txt" or path.suffix == ".mat":
            with reading(path):
                if not path.is_file() or path.stat().st_size > MOST_FILE_BYTES:
                    raise InputError(f"'{path}' is no file of less than {MOST_FILE_BYTES >> 20} MiB")
                content = path.read_bytes()
            yield path.name, content


def _archive_files(path: Path) -> Files:
    """The files of the cars, read inside the archive. No path in it is followed."""
    with reading(path), _Bounded(path) as unpacked, tarfile.open(fileobj=unpacked, mode="r:") as archive:
        for member in archive:
            name = PurePosixPath(member.name)
            if name.parent.name != "cars" or not (name.name == "list.txt" or name.suffix == ".mat"):
                continue
            stream = archive.extractfile(member) if member.isreg() else None
            limit = MOST_LIST_BYTES if name.name == "list.txt" else MOST_FILE_BYTES
            if stream is None or member.size > limit:
                raise InputError(f"'{member.name[:80]}' of '{path}' is no file of at most {limit} bytes")
            yield name.name, stream.read()


class _Bounded(gzip.GzipFile):
    """Unpacks an archive a little at a time: tar by itself reads headers of any length that the archive declares."""

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0 or size > MOST_FILE_BYTES:
            raise InputError(f"'{self.name}' is not the archive that its authors published")
        return super().read(size)


def _frames(what: str, content: bytes) -> NDArray[np.uint8]:
    """A car's images, uint8 ``[4, 24, 64, 64, 3]``.

    Raises:
        InputError: it is no MATLAB file with the published layout.
    """
    from scipy.io import loadmat, whosmat

    refused = f"{what} is not the MATLAB file that its authors published"
    shape = (SIDE, SIDE, 3, AZIMUTHS, ELEVATIONS)
    try:
        if not _unpacks_to_little(content) or ("im", shape, "uint8") not in whosmat(io.BytesIO(content)):
            raise InputError(refused)
        images = loadmat(io.BytesIO(content), variable_names=["im"])["im"]
    except InputError:
        raise
    except Exception as error:  # the reader names no closed list of errors for damaged bytes
        raise InputError(refused) from error
    if images.shape != shape or images.dtype != np.uint8:
        raise InputError(refused)
    views = images.transpose(4, 3, 0, 1, 2).reshape(-1, SIDE, SIDE, 3)
    return squares(np.ascontiguousarray(views), DEFAULT_SIZE).reshape(
        ELEVATIONS, AZIMUTHS, DEFAULT_SIZE, DEFAULT_SIZE, 3
    )


def _unpacks_to_little(content: bytes) -> bool:
    """Whether the compressed variables of a MATLAB file unpack to no more than the most bytes allowed."""
    order = ">" if content[126:128] == b"MI" else "<"
    position = _MAT_HEADER_BYTES
    while position + 8 <= len(content):
        kind, size = struct.unpack_from(f"{order}II", content, position)
        position += 8
        if kind == _ELEMENT_COMPRESSED:
            stream = zlib.decompressobj()
            stream.decompress(content[position : position + size], MOST_FILE_BYTES)
            if stream.unconsumed_tail:
                return False
        position += size
    return True


CARS3D = Cars3D(
    name="cars3d",
    files=(
        SourceFile(
            "nips2015-analogy-data.tar.gz",
            "http://www.scottreed.info/files/nips2015-analogy-data.tar.gz",
            "4e866a7919c1beedf53964e6f7a23686",
        ),
    ),
)
