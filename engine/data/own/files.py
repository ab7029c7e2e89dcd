"""Datasets given by path: tells a folder of photos from a file, and what a file holds."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from engine.data.dataset import Dataset
from engine.data.datasets.dsprites_original import has_dimensions_of_dsprites, is_original, open_original
from engine.data.datasets.teapots_original import check_teapots, is_teapots, open_teapots
from engine.data.formats import npz
from engine.data.formats.arrays import check_images, open_images
from engine.data.formats.hdf5 import SIGNATURE as HDF5_SIGNATURE
from engine.data.formats.hdf5 import open_hdf5
from engine.data.formats.stored import StoredArray, reading
from engine.data.own.photo_listing import check_folder
from engine.data.own.photos import open_photos
from engine.data.own.resized import open_resized
from engine.data.sizes import DEFAULT_SIZE, Glance
from engine.errors import InputError
from engine.progress import Progress


def open_path(path: Path, name: str, root: Path, progress: Progress | None = None, size: int | None = None) -> Dataset:
    """Open the dataset at a path.

    A folder holds photos. A file is the original dSprites if its hash says so; otherwise it holds unlabelled images.

    Args:
        path: a folder, or an npz or HDF5 file.
        name: what the dataset shall be called.
        root: folder of prepared datasets.
        progress: told how far a preparation is.
        size: side in pixels to which images are made square; default: 64 for photos, and unchanged for files.

    Raises:
        InputError: what is there cannot be used.
        WorkError: the disk refused while the dataset was prepared.
    """
    if path.is_dir():
        return open_photos(path, name, root, DEFAULT_SIZE if size is None else size, progress)
    with _open_stored(path) as stored:
        if is_original(stored):
            _require_own_size(name, size)
            return open_original(stored, name, root, progress)
        if is_teapots(stored):
            _require_own_size(name, size)
            return open_teapots(stored, name, root, progress)
        if size is not None:
            return open_resized(stored, name, root, size, progress)
        return open_images(stored, name, progress)


def check_path(path: Path) -> None:
    """Check that a folder names photos or that a file declares images, without reading them.

    Raises:
        InputError: it does not.
    """
    if path.is_dir():
        check_folder(path)
        return
    with _open_stored(path) as stored:
        if is_teapots(stored):
            check_teapots(stored)
        else:
            check_images(stored)


def glance_at(path: Path) -> Glance:
    """What names and headers say of a folder of photos or a file of images.

    Raises:
        InputError: the file cannot be read.
    """
    if path.is_dir():
        return Glance((DEFAULT_SIZE, DEFAULT_SIZE))
    with _open_stored(path) as stored:
        if is_teapots(stored):
            return Glance((DEFAULT_SIZE, DEFAULT_SIZE), "3dteapots")
        if has_dimensions_of_dsprites(stored):
            return Glance((DEFAULT_SIZE, DEFAULT_SIZE), "dsprites")
        check_images(stored)
        return Glance((stored.shape[1], stored.shape[2]))


def _require_own_size(name: str, size: int | None) -> None:
    if size not in (None, DEFAULT_SIZE):
        raise InputError(f"'{name}' is a published dataset of {DEFAULT_SIZE}x{DEFAULT_SIZE} images; leave out the size")


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
