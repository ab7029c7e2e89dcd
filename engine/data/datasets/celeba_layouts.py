"""Where CelebA's faces lie: the authors' zip archive, or a folder as torchvision or Kaggle make it."""

from __future__ import annotations

import functools
import os
import re
import stat
import zipfile
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from engine.data.formats.stored import reading
from engine.data.sources import state_of
from engine.errors import InputError

MOST_FACE_BYTES = 1 << 20
FOLDER = "img_align_celeba"
_MEMBER = re.compile(rf"(?:.*/)?{FOLDER}/(\d{{6}})\.jpg")
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ENCRYPTED = 0x1


@dataclass(frozen=True)
class Faces(ABC):
    """JPEGs by number: 000001.jpg has number 0.

    Args:
        path: the archive or the folder.
        state: a word for its present state; see :func:`engine.data.sources.state_of`.
    """

    path: Path
    state: str

    @abstractmethod
    def read(self, number: int) -> bytes:
        """The JPEG.

        Raises:
            InputError: it is damaged, or far too large.
        """

    @abstractmethod
    def has(self, number: int) -> bool:
        """Whether the face is there."""

    def first_missing(self, count: int) -> str | None:
        """The first of ``count`` faces that is not there."""
        return next((file_name(number) for number in range(count) if not self.has(number)), None)

    def describe(self, number: int) -> str:
        """A face in words."""
        return f"'{file_name(number)}' of '{self.path}'"


class FaceArchive(Faces):
    """Faces in a zip archive, read without unpacking it. No name in it is used as a path."""

    def read(self, number: int) -> bytes:
        archive, members = _opened(self.path, self.state)
        member = members[number]
        if member.compress_type not in _METHODS or member.flag_bits & _ENCRYPTED or member.file_size > MOST_FACE_BYTES:
            raise InputError(f"{self.describe(number)} is packed otherwise than its authors do; get it again")
        with reading(self.path), archive.open(member) as stream:
            return stream.read()

    def has(self, number: int) -> bool:
        return number in _opened(self.path, self.state)[1]


class FaceFolder(Faces):
    """Faces in a folder."""

    def read(self, number: int) -> bytes:
        path = self.path / file_name(number)
        # A pipe would block for ever.
        with reading(path), os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_FACE_BYTES:
                raise InputError(f"{self.describe(number)} is no file of at most {MOST_FACE_BYTES >> 20} MiB")
            return file.read()

    def has(self, number: int) -> bool:
        return file_name(number) in _names(self.path, self.state)


def file_name(number: int) -> str:
    """Name of the face of that number, which counts from 0."""
    return f"{number + 1:06d}.jpg"


def find_faces(place: Path) -> Faces | None:
    """The faces at a place: the archive, the folder that holds it or its content, or the folder above that."""
    if place.is_file():
        return FaceArchive(place, state_of(place))
    for base in (place, place / "celeba"):
        for folder in (base, base / FOLDER, base / FOLDER / FOLDER):
            if (folder / file_name(0)).is_file():
                return FaceFolder(folder, state_of(folder))
        archive = base / f"{FOLDER}.zip"
        if archive.is_file():
            return FaceArchive(archive, state_of(archive))
    return None


@functools.lru_cache(maxsize=1)
def _opened(path: Path, state: str) -> tuple[zipfile.ZipFile, dict[int, zipfile.ZipInfo]]:
    """The archive in the given state, and its faces by number. Each process opens it once."""
    with reading(path):
        archive = zipfile.ZipFile(path)
        found = ((_MEMBER.fullmatch(member.filename), member) for member in archive.infolist())
        faces = [(int(match[1]) - 1, member) for match, member in found if match]
    members = dict(faces)
    if len(members) != len(faces):
        raise InputError(f"'{path}' holds a face twice; get it again")
    return archive, members


@functools.lru_cache(maxsize=1)
def _names(folder: Path, state: str) -> frozenset[str]:
    with reading(folder):
        return frozenset(path.name for path in folder.iterdir())
