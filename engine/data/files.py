"""Datasets given as files: which kind of file, and which dataset is in it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from engine.data import Progress, npz
from engine.data.arrays import check_images, open_images
from engine.data.dataset import Dataset
from engine.data.dsprites_original import is_original, open_original
from engine.data.hdf5 import SIGNATURE as HDF5_SIGNATURE
from engine.data.hdf5 import open_hdf5
from engine.data.stored import StoredArray, reading
from engine.errors import InputError


def open_file(path: Path, name: str, root: Path, progress: Progress | None = None) -> Dataset:
    """Open the dataset in a file: the original dSprites where its hash says so, else unlabelled images.

    Args:
        path: an npz or HDF5 file.
        name: what the dataset shall be called.
        root: folder of prepared datasets.
        progress: told how far a preparation is.

    Raises:
        InputError: the file cannot be used.
        WorkError: the disk refused while the dataset was prepared.
    """
    with _open_stored(path) as stored:
        if is_original(stored):
            return open_original(stored, name, root, progress)
        return open_images(stored, name, progress)


def check_file(path: Path) -> None:
    """Check that a file declares images, without reading them.

    Raises:
        InputError: it does not.
    """
    with _open_stored(path) as stored:
        check_images(stored)


def _open_stored(path: Path) -> AbstractContextManager[StoredArray]:
    with reading(path), path.open("rb") as file:
        start = file.read(len(HDF5_SIGNATURE))
    if start.startswith(npz.SIGNATURES):
        return npz.open_npz(path)
    if start == HDF5_SIGNATURE:
        return open_hdf5(path)
    raise InputError(
        f"'{path}' is neither an npz nor an HDF5 file; save the images with numpy.savez(path, imgs=images)"
    )
