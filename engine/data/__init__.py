"""Datasets: one file each, one line here, one way in."""

from __future__ import annotations

import difflib
import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from platformdirs import user_data_dir

from engine.errors import InputError

if TYPE_CHECKING:
    from engine.data.dataset import Dataset
    from engine.data.sources import SourceFile

Progress = Callable[[int, int], None]
"""Told how much is done, of how much."""
SMALLEST_SIZE, LARGEST_SIZE = 8, 1024
"""Sides, in pixels, that images of one's own may be given."""


@dataclass(frozen=True)
class Entry:
    """A registered dataset.

    Args:
        target: what offers ``open_dataset(root, progress)`` and ``is_prepared(root)``: a module, or ``module:NAME`` for
            an object in it. A dataset made from files of its authors is a
            :class:`engine.data.sources.SourcedDataset`.
        description: one line for lists.
    """

    target: str
    description: str


DATASETS = {
    "minisprites": Entry(
        "engine.data.minisprites", "16,384 grey 32x32 discs: size, background, position; made in memory"
    ),
    "dsprites": Entry(
        "engine.data.dsprites", "737,280 binary 64x64 sprites, rendered from their geometry (90 MiB, once)"
    ),
    "3dteapots": Entry(
        "engine.data.teapots", "250,000 teapots in colour, 64x64, rendered with the authors' latents (2.9 GiB, once)"
    ),
    "cdsprites": Entry("engine.data.cdsprites", "1,080 binary 64x64 discs placed by angle and radius; made in memory"),
    "shapes3d": Entry("engine.data.shapes3d:SHAPES3D", "480,000 64x64 objects in a coloured room (5.5 GiB)"),
    "mpi3d-toy": Entry("engine.data.mpi3d:TOY", "1,036,800 64x64 simple renderings of a robot arm (11.9 GiB)"),
    "mpi3d-realistic": Entry("engine.data.mpi3d:REALISTIC", "the same, rendered realistically (11.9 GiB)"),
    "mpi3d-real": Entry("engine.data.mpi3d:REAL", "the same, photographed (11.9 GiB)"),
    "cars3d": Entry("engine.data.cars3d:CARS3D", "17,568 64x64 views of 183 cars (206 MiB)"),
    "smallnorb": Entry("engine.data.smallnorb:SMALLNORB", "48,600 grey 64x64 photographs of 50 toys (190 MiB)"),
    "celeba": Entry("engine.data.celeba:CELEBA", "202,599 faces, 32x32 in colour, no factors (594 MiB)"),
}


@dataclass(frozen=True)
class CatalogueEntry:
    """A registered dataset on this machine.

    Args:
        name: what :func:`load` takes.
        description: one line.
        prepared: whether nothing is left to be done before its first use.
        folder: where prepared files lie.
        place: where files of its authors are looked for; ``None`` if it needs none.
        missing: which of these must still be put there, and where they can be had.
    """

    name: str
    description: str
    prepared: bool
    folder: Path
    place: Path | None = None
    missing: tuple[SourceFile, ...] = ()


class _Opener(Protocol):
    def open_dataset(self, root: Path, progress: Progress | None) -> Dataset: ...
    def is_prepared(self, root: Path) -> bool: ...


def load(
    name_or_path: str | Path, root: Path | None = None, progress: Progress | None = None, *, size: int | None = None
) -> Dataset:
    """Load a dataset, preparing it first where that has not been done.

    Several processes may do so at once: one prepares, the others wait.

    Args:
        name_or_path: a registered name; or a file: the original dSprites npz or HDF5, or images of your own in npz or
            HDF5 (see :mod:`engine.data.arrays`); or a folder of photos (see :mod:`engine.data.photos`).
        root: folder of prepared datasets; default: ``$CRTUI_STORE/data``, else ``data`` in the user's data folder.
        progress: told how far a preparation is.
        size: images of your own are made square with this side, in pixels; default: 64 for photos, and as they are
            for files.

    Raises:
        InputError: no such dataset or file, a file that is missing or cannot be used, a size for images that have
            theirs, or a root that cannot be written.
        WorkError: the disk refused while a dataset was prepared.
    """
    return _open(name_or_path, root, progress, size, None)


def prepare(
    name_or_path: str | Path,
    root: Path | None = None,
    progress: Progress | None = None,
    *,
    size: int | None = None,
    source: Path | None = None,
) -> Dataset:
    """Do the one-time work of a dataset ahead of its first use; :func:`load` does it when it is needed.

    Args:
        name_or_path: as for :func:`load`, and so are the following.
        root: folder of prepared datasets.
        progress: told how far the preparation is.
        size: side of images of your own.
        source: where the files of a dataset's authors are, file or folder; default: ``root/<name>``.

    Raises:
        InputError: as :func:`load`; or a source for a dataset that needs none.
        WorkError: as :func:`load`.
    """
    return _open(name_or_path, root, progress, size, source)


def check(
    name_or_path: str | Path, root: Path | None = None, *, size: int | None = None, source: Path | None = None
) -> None:
    """Check that a name or path could be loaded, without the work of loading it.

    Args:
        name_or_path: as for :func:`load`.
        root: folder of prepared datasets; without it, files of a dataset's authors are not looked for.
        size: side of images of your own.
        source: as for :func:`prepare`.

    Raises:
        InputError: no such dataset or file; a file whose kind or header shows that it cannot be used; files that are
            missing; a size or source that does not apply.
    """
    name = str(name_or_path)
    _check_options(name, size, source)
    if name not in DATASETS:
        from engine.data.files import check_path

        check_path(_path(name))
    elif root is not None:
        from engine.data.sources import SourcedDataset

        opener = _opener(name)
        if isinstance(opener, SourcedDataset):
            opener.check(root, source)


def is_prepared(name: str, root: Path | None = None) -> bool:
    """Whether a registered dataset needs no further preparation."""
    return _opener(name).is_prepared(root if root is not None else default_root())


def catalogue(root: Path | None = None) -> list[CatalogueEntry]:
    """All registered datasets and how they stand in ``root``."""
    return [_catalogued(name, root if root is not None else default_root()) for name in DATASETS]


def default_root() -> Path:
    """Where prepared datasets lie when nobody says otherwise."""
    store = os.environ.get("CRTUI_STORE")
    return Path(store or user_data_dir("crtui", appauthor=False)).expanduser() / "data"


def _open(
    name_or_path: str | Path, root: Path | None, progress: Progress | None, size: int | None, source: Path | None
) -> Dataset:
    name = str(name_or_path)
    folder = root if root is not None else default_root()
    _check_options(name, size, source)
    if name in DATASETS:
        opener = _opener(name)
        if source is None:
            return opener.open_dataset(folder, progress)
        from engine.data.sources import SourcedDataset

        assert isinstance(opener, SourcedDataset)
        return opener.open_dataset(folder, progress, source)
    path = _path(name)
    from engine.data.files import open_path

    return open_path(path, name, folder, progress, size)


def _check_options(name: str, size: int | None, source: Path | None) -> None:
    if size is not None:
        from engine.data.square import check_size

        if name in DATASETS:
            raise InputError(f"dataset '{name}' has a size of its own; give a size for images of your own only")
        check_size(size)
    if source is not None:
        from engine.data.sources import SourcedDataset

        if name not in DATASETS or not isinstance(_opener(name), SourcedDataset):
            raise InputError(f"'{name}' is not made from files of its authors; leave out where they are")


def _catalogued(name: str, root: Path) -> CatalogueEntry:
    from engine.data.sources import SourcedDataset

    opener, description = _opener(name), DATASETS[name].description
    prepared = opener.is_prepared(root)
    if not isinstance(opener, SourcedDataset):
        return CatalogueEntry(name, description, prepared, root)
    place = root / name
    return CatalogueEntry(name, description, prepared, root, place, () if prepared else opener.missing(place))


def _opener(name: str) -> _Opener:
    module, _, attribute = DATASETS[name].target.partition(":")
    found = importlib.import_module(module)
    return cast(_Opener, getattr(found, attribute) if attribute else found)


def _path(name: str) -> Path:
    """The file or folder that ``name`` means.

    Raises:
        InputError: there is none.
    """
    try:
        path = Path(name).expanduser()
        if name and (path.is_file() or path.is_dir()):
            return path
        exists = bool(name) and path.exists()
    except (OSError, RuntimeError, ValueError):  # too long, a home folder of nobody, or barred
        exists = False
    known = ", ".join(DATASETS)
    if exists:
        raise InputError(
            f"dataset '{name}' is no regular file; give an npz or HDF5 file, a folder of photos, or one of: {known}"
        )
    close = difflib.get_close_matches(name, DATASETS, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else ""
    raise InputError(f"there is no dataset or file '{name}'{hint} (datasets: {known})")
