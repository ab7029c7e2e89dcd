"""Images of your own, from a folder of photos: found in all folders below, made square and small once, then mapped.

When the name, size, time of change or sampled content of a photo changes, or other options are given, the folder is
imported anew. The images are grey if every photo is stored grey, otherwise RGB. What cannot be read is left out, and a
warning says how much of which kind.
"""

from __future__ import annotations

import functools
import hashlib
import os
import warnings
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data import fingerprints
from engine.data.dataset import Dataset
from engine.data.fingerprints import Fingerprint, ListedFile
from engine.data.options import Options, advice, parse_range
from engine.data.own.photo_decoding import UnreadableError, Verdict, decode, is_grey
from engine.data.own.photo_listing import Listing, Photo
from engine.data.prepared import PreparedFile
from engine.data.processes import in_order
from engine.data.sizes import DEFAULT_SIZE
from engine.errors import InputError
from engine.progress import Progress

_PHOTOS_AT_ONCE = 64
_READ = [verdict for verdict in Verdict if verdict.is_read]
_WHY = {
    Verdict.UNREADABLE: "cannot be read and {are} left out",
    Verdict.TOO_LARGE: "{are} larger than any photo and left out",
    Verdict.UNKNOWN_RANGE: "{have} floats, or signed or 32-bit numbers, that do not say what is white, and {are} "
    "left out",
    Verdict.OUT_OF_RANGE: "{have} values outside of the range and {are} left out",
    Verdict.DEEP_COLOUR: "{have} 16 bits with transparency or in CMYK, to which a range does not apply, and {are} left "
    "out",
}
_REMEDIES = {Verdict.UNKNOWN_RANGE: f"; to read them, {advice('range', 'LOW..HIGH')}"}


class Photos(Dataset):
    """Unlabelled images.

    Args:
        rows: uint8 ``[n, 1 + size * size * channels]``: the :class:`Verdict` on the photo, then its pixels.
        name: the path it was loaded by.
        size: side of the images in pixels.
        source: the fingerprint of the photos.

    Attributes:
        kept: which of the photos could be read, in the order of the images.
    """

    def __init__(self, rows: NDArray[np.uint8], name: str, size: int, source: Fingerprint) -> None:
        self.name = name
        self.image_shape = (size, size, (rows.shape[1] - 1) // size**2)
        self.source = source
        self._rows = rows
        self.kept = np.flatnonzero(np.isin(rows[:, 0], _READ))

    def __len__(self) -> int:
        return len(self.kept)

    def images(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint8]:
        rows = self._rows[self.kept[np.asarray(indices, dtype=np.int64)]]
        return rows[:, 1:].reshape(len(rows), *self.image_shape)


def require_no_layout(name: str, options: Options) -> None:
    """Refuse a layout, which only arrays have.

    Raises:
        InputError: one was given.
    """
    if options.layout is not None:
        raise InputError(f"'{name}' is a folder of photos, which have no layout; leave the layout out")


def photos_fingerprint(folder: Path, listing: Listing, full: bool = False) -> Fingerprint:
    """The fingerprint of the photos of a folder.

    Args:
        folder: where they lie.
        listing: the photos.
        full: whether to digest every byte.
    """
    files = [ListedFile(photo.path, folder / photo.path, photo.size) for photo in listing.photos]
    return fingerprints.of_files(str(folder.absolute()), files, full=full)


def open_photos(
    folder: Path, name: str, root: Path, listing: Listing, options: Options, progress: Progress | None = None
) -> Photos:
    """Open the photos of a folder, importing them first where that has not been done.

    Args:
        folder: where they lie.
        name: what the dataset shall be called.
        root: folder of prepared datasets.
        listing: the photos.
        options: their size, and the range of deep ones.
        progress: told how many photos are imported.

    Raises:
        InputError: none can be read, or an option is not for photos.
        WorkError: the disk refused.
    """
    photos, size = listing.photos, options.size or DEFAULT_SIZE
    require_no_layout(name, options)
    source = photos_fingerprint(folder, listing, options.full_digest)
    key = _key(photos, source, options, size)
    prepared = _imported(root, key, len(photos), size) or _to_import(folder, photos, root, key, size)
    channels = (prepared.shape[1] - 1) // size**2
    value_range = parse_range(options.value_range) if options.value_range else None
    rows = prepared.resume(lambda start: _import(folder, photos[start:], size, channels, value_range), key, progress)
    opened = Photos(rows, name, size, source)
    if len(opened) == 0:
        prepared.path.unlink(missing_ok=True)
        why = Verdict(int(rows[0, 0])) if rows[0, 0] in list(Verdict) else Verdict.UNREADABLE
        raise InputError(
            f"none of the {len(photos)} photos in '{name}' can be read, the first being '{photos[0].path}', which "
            f"{_WHY[why].format(are='is', have='has')}{_REMEDIES.get(why, '')}"
        )
    if fingerprints.kept(prepared.path) is None:
        fingerprints.keep(prepared.path, source)
    _tell(rows[:, 0], listing, name, options)
    return opened


def _tell(verdicts: NDArray[np.uint8], listing: Listing, name: str, options: Options) -> None:
    """Warn of files that are left out, of photos that are nearly black, and of a range that concerns none."""
    photos = listing.photos
    said = [f"left out of '{name}': {listing.left_out_in_words()}"] if listing.left_out else []
    for verdict, why in _WHY.items():
        [those] = np.nonzero(verdicts == verdict)
        if those.size:
            words = why.format(are="are" if those.size > 1 else "is", have="have" if those.size > 1 else "has")
            said.append(
                f"{those.size} of the {len(photos)} photos in '{name}' {words}, the first being "
                f"'{photos[those[0]].path}'{_REMEDIES.get(verdict, '')}"
            )
    dark = np.flatnonzero(verdicts == Verdict.READ_DARK)
    if dark.size and not (verdicts == Verdict.READ_DEEP).any():
        said.append(
            f"{dark.size} of the {len(photos)} photos in '{name}' use only the lowest part of their 16 bits, so they "
            f"are nearly black, the first being '{photos[dark[0]].path}'; if they have 12 bits in 16, "
            f"{advice('range', '0..4095')}"
        )
    if options.value_range is not None and (verdicts[np.isin(verdicts, _READ)] == Verdict.READ).all():
        said.append(f"no photo in '{name}' has more than 8 bits, so the range {options.value_range} concerns none")
    for sentence in said:
        warnings.warn(sentence, stacklevel=4)


def _key(photos: list[Photo], source: Fingerprint, options: Options, size: int) -> str:
    """A name for the photos in their present state, where they lie, and the options of their import."""
    content = hashlib.sha256(f"{size} {options.value_range} {source.place} {source.content}".encode(errors="replace"))
    for photo in photos:
        content.update(b"\0%b\0%d\0%d" % (os.fsencode(photo.path), photo.size, photo.modified))
    return content.hexdigest()[:16]


def _prepared(root: Path, key: str, count: int, size: int, channels: int) -> PreparedFile:
    kind = "grey" if channels == 1 else "rgb"
    return PreparedFile(root / f"photos-{key}-{kind}.v3.npy", np.dtype(np.uint8), (count, 1 + size * size * channels))


def _imported(root: Path, key: str, count: int, size: int) -> PreparedFile | None:
    """What has been imported already, found without opening the photos, of which there may be thousands."""
    both = (_prepared(root, key, count, size, channels) for channels in (3, 1))
    return next((prepared for prepared in both if prepared.is_present()), None)


def _to_import(folder: Path, photos: list[Photo], root: Path, key: str, size: int) -> PreparedFile:
    grey = all(is_grey(folder / photo.path) for photo in photos)
    return _prepared(root, key, len(photos), size, 1 if grey else 3)


def _import(
    folder: Path, photos: list[Photo], size: int, channels: int, value_range: tuple[float, float] | None
) -> Generator[NDArray[Any], None, None]:
    parts = [photos[start : start + _PHOTOS_AT_ONCE] for start in range(0, len(photos), _PHOTOS_AT_ONCE)]
    yield from in_order(functools.partial(_rows, folder, size, channels, value_range), parts)


def _rows(
    folder: Path, size: int, channels: int, value_range: tuple[float, float] | None, photos: list[Photo]
) -> NDArray[np.uint8]:
    rows = np.zeros((len(photos), 1 + size * size * channels), dtype=np.uint8)
    for row, photo in zip(rows, photos, strict=True):
        try:
            image, row[0] = decode(folder / photo.path, size, channels, value_range)
        except UnreadableError as error:
            row[0] = error.verdict
        else:
            row[1:] = image.ravel()
    return rows
