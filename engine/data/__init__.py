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

Progress = Callable[[int, int], None]
"""Told how much is done, of how much."""


@dataclass(frozen=True)
class Entry:
    """A registered dataset.

    Args:
        module: the module that offers ``open_dataset(root, progress)`` and ``is_prepared(root)``.
        description: one line for lists.
    """

    module: str
    description: str


DATASETS = {
    "minisprites": Entry(
        "engine.data.minisprites", "16,384 grey 32x32 discs: size, background, position; made in memory"
    ),
    "dsprites": Entry(
        "engine.data.dsprites", "737,280 binary 64x64 sprites, rendered from their geometry (90 MiB, once)"
    ),
}


@dataclass(frozen=True)
class CatalogueEntry:
    """A registered dataset on this machine.

    Args:
        name: what :func:`load` takes.
        description: one line.
        prepared: whether nothing is left to be done before its first use.
        folder: where prepared files lie.
    """

    name: str
    description: str
    prepared: bool
    folder: Path


class _Module(Protocol):
    def open_dataset(self, root: Path, progress: Progress | None) -> Dataset: ...
    def is_prepared(self, root: Path) -> bool: ...


def load(name_or_path: str | Path, root: Path | None = None, progress: Progress | None = None) -> Dataset:
    """Load a dataset, preparing it first where that has not been done.

    Several processes may do so at once: one prepares, the others wait.

    Args:
        name_or_path: a registered name; or a file: the original dSprites npz or HDF5, or images of your own in npz or
            HDF5 (see :mod:`engine.data.arrays`).
        root: folder of prepared datasets; default: ``$CRTUI_STORE/data``, else ``data`` in the user's data folder.
        progress: told how far a preparation is.

    Raises:
        InputError: no such dataset or file, a file that cannot be used, or a root that cannot be written.
        WorkError: the disk refused while a dataset was prepared.
    """
    name = str(name_or_path)
    folder = root if root is not None else default_root()
    if name in DATASETS:
        return _module(name).open_dataset(folder, progress)
    path = _file(name)
    from engine.data.files import open_file

    return open_file(path, name, folder, progress)


def prepare(name_or_path: str | Path, root: Path | None = None, progress: Progress | None = None) -> Dataset:
    """Do the one-time work of a dataset ahead of its first use; the same as :func:`load`, which does it when needed."""
    return load(name_or_path, root, progress)


def check(name_or_path: str) -> None:
    """Check that a name or path could be loaded, without the work of loading it.

    Raises:
        InputError: no such dataset or file, or a file whose kind or header shows that it cannot be used.
    """
    if name_or_path in DATASETS:
        return
    path = _file(name_or_path)
    from engine.data.files import check_file

    check_file(path)


def is_prepared(name: str, root: Path | None = None) -> bool:
    """Whether a registered dataset needs no further preparation."""
    return _module(name).is_prepared(root if root is not None else default_root())


def catalogue(root: Path | None = None) -> list[CatalogueEntry]:
    """All registered datasets and how they stand in ``root``."""
    folder = root if root is not None else default_root()
    return [
        CatalogueEntry(name, entry.description, is_prepared(name, folder), folder) for name, entry in DATASETS.items()
    ]


def default_root() -> Path:
    """Where prepared datasets lie when nobody says otherwise."""
    store = os.environ.get("CRTUI_STORE")
    return Path(store or user_data_dir("crtui", appauthor=False)).expanduser() / "data"


def _module(name: str) -> _Module:
    return cast(_Module, importlib.import_module(DATASETS[name].module))


def _file(name: str) -> Path:
    """The file that ``name`` means.

    Raises:
        InputError: there is none.
    """
    try:
        path = Path(name).expanduser()
        if path.is_file():
            return path
        kind = "a folder" if path.is_dir() else "no regular file" if path.exists() else None
    except (OSError, RuntimeError, ValueError):  # too long, a home folder of nobody, or barred
        kind = None
    known = ", ".join(DATASETS)
    if kind and name:
        raise InputError(f"dataset '{name}' is {kind}; give an npz or HDF5 file, or one of: {known}")
    close = difflib.get_close_matches(name, DATASETS, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else ""
    raise InputError(f"there is no dataset or file '{name}'{hint} (datasets: {known})")
