"""Datasets given by path: tells a folder of photos from a file, what a file holds, and which labels come with it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from engine.data import fingerprints
from engine.data.dataset import Dataset
from engine.data.datasets.dsprites_original import find_original, has_dimensions_of_dsprites, open_original
from engine.data.datasets.teapots_original import check_teapots, is_teapots, open_teapots
from engine.data.fingerprints import Fingerprint
from engine.data.formats import npz
from engine.data.formats.arrays import check_images, open_images
from engine.data.formats.hdf5 import SIGNATURE as HDF5_SIGNATURE
from engine.data.formats.hdf5 import open_hdf5
from engine.data.formats.layouts import images_shape
from engine.data.formats.npy import SIGNATURE as NPY_SIGNATURE
from engine.data.formats.npy import open_npy
from engine.data.formats.stored import StoredArray, reading
from engine.data.options import FOLDER_LABELS, NO_LABELS, Options, advice
from engine.data.own.array_labels import read_labels, warn_of_unused
from engine.data.own.labels import Column, LabelledImages
from engine.data.own.photo_labels import find_table, folder_columns, read_table, table_columns, warn_of_folders
from engine.data.own.photo_listing import check_folder, list_photos
from engine.data.own.photos import open_photos, photos_fingerprint, require_no_layout
from engine.data.own.resized import open_resized
from engine.data.places import Place
from engine.data.sizes import DEFAULT_SIZE, Glance
from engine.errors import InputError
from engine.progress import Progress

DEFAULTS = Options()


def open_path(
    place: Place, name: str, root: Path, progress: Progress | None = None, options: Options = DEFAULTS
) -> Dataset:
    """Open the dataset at a place.

    A folder holds photos. A file is dSprites or 3DTeapots if its content says so; otherwise it holds images of its
    own, with the labels that lie with them.

    Args:
        place: a folder, or an npy, npz or HDF5 file.
        name: what the dataset shall be called.
        root: folder of prepared datasets.
        progress: told how far a preparation is.
        options: how images and labels are to be read.

    Raises:
        InputError: what is there cannot be used, or must be told more of.
        WorkError: the disk refused while the dataset was prepared.
    """
    if place.path.is_dir():
        return _open_folder(place.path, name, root, progress, options)
    with _open_stored(place) as stored:
        source = _of_file(place, options)
        dataset = _open_array(stored, name, root, progress, options, source)
    dataset.source = source
    return dataset


def check_path(place: Place, options: Options = DEFAULTS) -> None:
    """Check that a folder names photos or that a file declares images, without reading them.

    Raises:
        InputError: it does not.
    """
    if place.path.is_dir():
        require_no_layout(str(place), options)
        check_folder(place.path)
        if options.labels not in (None, NO_LABELS, FOLDER_LABELS):
            read_table(Path(options.labels).expanduser())
        return
    _require_own_labels(str(place), options)
    with _open_stored(place) as stored:
        if is_teapots(stored):
            check_teapots(stored)
        else:
            check_images(stored, options)


def glance_at(place: Place) -> Glance:
    """What names and headers say of a folder of photos or a file of images.

    Raises:
        InputError: the file cannot be read.
    """
    if place.path.is_dir():
        return Glance((DEFAULT_SIZE, DEFAULT_SIZE))
    with _open_stored(place) as stored:
        if is_teapots(stored):
            return Glance((DEFAULT_SIZE, DEFAULT_SIZE), "3dteapots")
        if has_dimensions_of_dsprites(stored):
            return Glance((DEFAULT_SIZE, DEFAULT_SIZE), "dsprites")
        _, height, width, _ = images_shape(stored.shape, check_images(stored))
        return Glance((height, width))


def fingerprint_of(place: Place, options: Options = DEFAULTS) -> Fingerprint:
    """The fingerprint that the dataset at a place would have, without the work of opening it.

    Raises:
        InputError: nothing can be read there.
    """
    if not place.path.is_dir():
        return _of_file(place, options)
    listing = list_photos(place.path)
    table = find_table(place.path, listing.photos, options.labels)
    found = photos_fingerprint(place.path, listing, options.full_digest)
    return found if table is None else _with_table(found, table.path, options)


def _open_folder(folder: Path, name: str, root: Path, progress: Progress | None, options: Options) -> Dataset:
    listing = list_photos(folder)
    table = find_table(folder, listing.photos, options.labels)
    photos = open_photos(folder, name, root, listing, options, progress)
    read = [listing.photos[index] for index in photos.kept]
    if options.labels == FOLDER_LABELS:
        return LabelledImages(photos, folder_columns(name, read))
    if table is not None:
        photos.source = _with_table(photos.fingerprint(), table.path, options)
        return LabelledImages(photos, table_columns(folder, read, table))
    if options.labels is None:
        warn_of_folders(name, read)
    return photos


def _open_array(
    stored: StoredArray, name: str, root: Path, progress: Progress | None, options: Options, source: Fingerprint
) -> Dataset:
    _require_own_labels(name, options)
    if options.labels is None:
        original = find_original(stored)
        if original is not None:
            _require_own_options(name, options)
            return open_original(stored, name, root, original, source, progress)
        if is_teapots(stored):
            _require_own_options(name, options)
            return open_teapots(stored, name, root, progress)
    if options.size is not None:
        images: Dataset = open_resized(stored, name, root, source, options, progress)
    else:
        images = open_images(stored, name, progress, options)
    columns = _labels(stored, len(images), options)
    return images if columns is None else LabelledImages(images, columns)


def _labels(stored: StoredArray, count: int, options: Options) -> Sequence[Column] | None:
    if options.labels == NO_LABELS:
        return None
    columns = read_labels(stored, count)
    warn_of_unused(stored, count, columns is not None)
    return columns


def _of_file(place: Place, options: Options) -> Fingerprint:
    files = [fingerprints.listed(place.path)]
    return fingerprints.of_files(
        str(place._replace(path=place.path.absolute())), files, extra=place.key or "", full=options.full_digest
    )


def _with_table(photos: Fingerprint, table: Path, options: Options) -> Fingerprint:
    """The fingerprint of photos together with that of their labels."""
    labels = fingerprints.of_files("", [fingerprints.listed(table)], full=options.full_digest)
    both = fingerprints.of_parts(
        photos.place,
        f"{photos.listing} {labels.listing}",
        iter((photos.content.encode(), labels.content.encode())),
    )
    full = f"{photos.full} {labels.full}" if photos.full else None
    return replace(both, full=full)


def _require_own_labels(name: str, options: Options) -> None:
    if options.labels not in (None, NO_LABELS):
        raise InputError(
            f"labels of '{name}' are an array 'factors' [n, k] in the same npz or HDF5 file; "
            f"{advice('labels', NO_LABELS)} to leave them out, or nothing"
        )


def _require_own_options(name: str, options: Options) -> None:
    if options.layout or options.value_range or options.size not in (None, DEFAULT_SIZE):
        raise InputError(
            f"'{name}' is a published dataset of {DEFAULT_SIZE}x{DEFAULT_SIZE} images; leave out "
            f"{'the size' if not (options.layout or options.value_range) else 'layout and range'}"
        )


def _open_stored(place: Place) -> AbstractContextManager[StoredArray]:
    path = place.path
    with reading(path), path.open("rb") as file:
        start = file.read(len(HDF5_SIGNATURE))
    if start.startswith(npz.SIGNATURES):
        return npz.open_npz(path, place.key)
    if start == HDF5_SIGNATURE:
        return open_hdf5(path, place.key)
    if start.startswith(NPY_SIGNATURE):
        return open_npy(path, place.key)
    raise InputError(
        f"'{path}' is neither an npy, an npz nor an HDF5 file; save the images with numpy.savez(path, imgs=images)"
    )
