"""Datasets made from files that users must download: which files, where to put them, how they are checked."""

from __future__ import annotations

import contextlib
import hashlib
import re
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.data import fingerprints
from engine.data.dataset import Dataset
from engine.data.fingerprints import Fingerprint
from engine.data.formats.stored import StoredArray, reading
from engine.errors import InputError
from engine.progress import Progress

_HASHED_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class SourceFile:
    """A file as its authors publish it.

    Args:
        name: its name.
        origin: where to get it.
        md5: hash of the published file; ``None`` if it is not known.
        also: other names that it may have, for example when it has been unpacked.
    """

    name: str
    origin: str
    md5: str | None = None
    also: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SourcedDataset(ABC):
    """A dataset that is prepared once from files of its authors.

    Args:
        name: the registered name.
        files: the files that it is made from. They are in ``root/name``, or where the user says.
    """

    name: str
    files: tuple[SourceFile, ...]

    @abstractmethod
    def is_prepared(self, root: Path) -> bool:
        """Whether the dataset is prepared, so that the files are no longer needed."""

    @abstractmethod
    def _open(self, root: Path, place: Path, progress: Progress | None) -> Dataset:
        """Open the prepared dataset. If it is missing or damaged, make it first from the files at ``place``."""

    def open_dataset(
        self, root: Path, progress: Progress | None = None, source: Path | None = None, replace: bool = False
    ) -> Dataset:
        """Open the dataset, preparing it first (once per store).

        What it was prepared from is written down beside it.

        Args:
            root: folder of prepared datasets.
            progress: told how far the preparation is: how many MiB are hashed, then how many images are made.
            source: the file, or the folder of the files; default: ``root/name``.
            replace: whether to prepare it anew, although it is prepared already.

        Raises:
            InputError: a file is missing, damaged or not what it should be; the dataset is prepared already, from
                other files; or ``root`` cannot be written.
            WorkError: the disk refused.
        """
        place = source or root / self.name
        if replace:
            self._require(place)
            with self._set_aside(root):
                return self.open_dataset(root, progress, source)
        prepared = self.is_prepared(root)
        self.check(root, source)
        if prepared and source is not None:
            self._require_same(root, source)
        dataset = self._open(root, place, progress)
        if not prepared:
            fingerprints.keep(root / self.name, self._fingerprint(place))
        return dataset

    def check(self, root: Path, source: Path | None = None) -> None:
        """Check that the dataset is prepared or its files are there.

        Raises:
            InputError: neither; it says which file to put where.
        """
        if source is not None and not source.exists():
            raise InputError(f"there is no file or folder '{source}' to prepare '{self.name}' from")
        if not self.is_prepared(root):
            self._require(source or root / self.name)

    def missing(self, place: Path) -> tuple[SourceFile, ...]:
        """Which of the files are not at ``place``."""
        return tuple(file for file in self.files if self._find(place, file) is None)

    def _require(self, place: Path) -> None:
        missing = self.missing(place)
        if missing:
            raise InputError(
                f"dataset '{self.name}' needs {described(missing)}, which cannot be downloaded for you: "
                f"put {'it' if len(missing) == 1 else 'them'} into {place if not place.is_file() else place.parent} "
                f"or give the place with 'crtui data prepare {self.name} --from PATH'"
            )

    def _require_same(self, root: Path, source: Path) -> None:
        """Refuse to keep what was prepared from other files than those that the user names."""
        self._require(source)
        known, present = fingerprints.kept(root / self.name), self._fingerprint(source)
        way_on = "give --replace to prepare it anew from there, or leave out --from"
        if known is None:
            raise InputError(
                f"'{self.name}' is prepared already, by an earlier version that did not note from what; {way_on}"
            )
        difference = known.difference(present)
        if difference is not None:
            raise InputError(
                f"'{self.name}' is prepared already, from '{known.place}' (fingerprint {known.short}), and '{source}' "
                f"has {difference} (fingerprint {present.short}); {way_on}"
            )

    def _fingerprint(self, place: Path) -> Fingerprint:
        paths = [(file, self._find(place, file)) for file in self.files]
        found = [fingerprints.listed(path, file.name) for file, path in paths if path is not None]
        return fingerprints.of_files(str(place.absolute()), found)

    @contextlib.contextmanager
    def _set_aside(self, root: Path) -> Iterator[None]:
        """Hide what was prepared. It is deleted at the end, and comes back if something goes wrong."""
        prepared = re.compile(rf"{re.escape(self.name)}(-\d+|-attributes)?\.v\d+\.npy")
        there = sorted(root.iterdir()) if root.is_dir() else []
        moved = [(path, path.with_name(f".{path.name}.replaced")) for path in there if prepared.fullmatch(path.name)]
        for path, aside in moved:
            path.replace(aside)
        try:
            yield
        except BaseException:
            for path, aside in moved:
                aside.replace(path)
            raise
        for _, aside in moved:
            aside.unlink(missing_ok=True)

    def _find(self, place: Path, file: SourceFile) -> Path | None:
        """Where a file lies: ``place`` itself, if one file is all that is needed, or in it."""
        if place.is_file():
            return place if len(self.files) == 1 else None
        return next((place / name for name in (file.name, *file.also) if (place / name).is_file()), None)

    def _state(self, place: Path) -> str:
        """A word for the state of the files that are there. Users may delete them once the dataset is prepared."""
        paths = (self._find(place, file) for file in self.files)
        return "\n".join(state_of(path) for path in paths if path is not None)

    def _found(self, place: Path) -> list[Path]:
        """Where all the files lie, in their order.

        Raises:
            InputError: one is missing.
        """
        self._require(place)
        return [path for path in (self._find(place, file) for file in self.files) if path is not None]


def described(files: Sequence[SourceFile]) -> str:
    """Files in words: their names, where to get them and, for a single file, its hash."""
    names = ", ".join(f"'{file.name}'" for file in files)
    origins = ", ".join(dict.fromkeys(file.origin for file in files))
    md5 = f", MD5 {files[0].md5}" if len(files) == 1 and files[0].md5 else ""
    return f"{names} (from {origins}{md5})"


def warn_if_changed(path: Path, file: SourceFile, progress: Progress | None = None) -> None:
    """Warn if a file has the published name but not the published content.

    It is no error, because everything that is read from the file is checked anyway, and a copy that was packed anew
    serves as well.

    Args:
        path: where it lies.
        file: what it should be.
        progress: told how many MiB are hashed.

    Raises:
        InputError: it cannot be read.
    """
    if file.md5 is None or path.name != file.name:
        return
    digest = hashlib.md5(usedforsecurity=False)
    with reading(path), path.open("rb") as stream:
        total = path.stat().st_size
        while content := stream.read(_HASHED_AT_ONCE):
            digest.update(content)
            if progress and stream.tell() % (64 * _HASHED_AT_ONCE) == 0:
                progress(stream.tell() >> 20, max(1, total >> 20))
    if digest.hexdigest() != file.md5:
        warnings.warn(
            f"'{path}' is not the file that its authors published (MD5 {digest.hexdigest()} instead of {file.md5}): "
            "its layout is checked all the same, but get it again unless it was changed on purpose",
            stacklevel=2,
        )


def state_of(path: Path) -> str:
    """A word for a file in its present state: it differs when the file has changed.

    Raises:
        InputError: it cannot be read.
    """
    with reading(path):
        status = path.stat()
    return f"{path.absolute()} {status.st_size} {status.st_mtime_ns}"


def check_layout(stored: StoredArray, name: str, shape: tuple[int, ...], dtype: str = "uint8") -> None:
    """Check that an array has the dimensions and the type of a published one.

    Raises:
        InputError: it has not.
    """
    if stored.shape != shape or stored.dtype.name != dtype:
        raise InputError(
            f"{stored} has shape {stored.shape} and type {stored.dtype}; that of {name} has shape {shape} "
            f"and type {dtype}"
        )
