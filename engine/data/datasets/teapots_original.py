"""3DTeapots from files of others: the authors' re-creation, a pair of npz files, or Eastwood and Williams' original.

The authors' pair (docs/method.md, section 12) is ``train_data/data.npz`` with images in [0, 1] as ``imgs`` and their
``latents``, and beside its folder ``metric_data/data.npz`` with the images of the evaluation groups and the ``labels``
of their fixed factors. The original is one file, ``teapots.npz``, with integer ``images`` up to 255 and their ``gts``.
No hash of either is published, so both are recognised by their arrays. Their images are packed once into bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import zipfile
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.datasets.teapots import NAMES, RANGES, Teapots
from engine.data.datasets.teapots_rendering import SIDE
from engine.data.formats.arrays import check_expansion
from engine.data.formats.npz import NpzArray
from engine.data.formats.stored import StoredArray, reading
from engine.data.prepared import PreparedFile
from engine.data.sources import state_of
from engine.errors import InputError
from engine.progress import Progress

_FRAME = (SIDE, SIDE, 3)
_ROUNDING = 1e-6
"""How far a latent may lie beyond its range: 2 pi is beyond its own when rounded to float32."""


@dataclass(frozen=True)
class _Form:
    """How a file stores teapots.

    Args:
        images: key of the images.
        kind: kind of their type.
        full: the value of full intensity.
        latents: key of the latents.
    """

    images: str
    kind: str
    full: float
    latents: str


_FORMS = (_Form("imgs", "f", 1.0, "latents"), _Form("images", "i", 255.0, "gts"))


@dataclass(frozen=True, eq=False)
class _Groups:
    """The authors' file of evaluation groups, open."""

    images: NpzArray
    labels: NDArray[np.int64]


def is_teapots(stored: StoredArray) -> bool:
    """Whether an array is that of the authors' file or of the original. The latents in the same file tell."""
    form = _find_form(stored)
    if form is None:
        return False
    with _arrays(stored.path) as arrays:
        return form.latents in arrays and arrays[form.latents].shape == (stored.shape[0], len(NAMES))


def check_teapots(stored: StoredArray) -> None:
    """Check what can be checked without reading the images: latents, and the evaluation groups where there are any.

    Raises:
        InputError: they cannot be used.
    """
    check_expansion(stored)
    _latents(stored)
    with _groups(stored.path):
        pass


def open_teapots(stored: StoredArray, name: str, root: Path, progress: Progress | None = None) -> Teapots:
    """Open the dataset, packing its images into bytes first (once per store and state of the files).

    Args:
        stored: the images to train on, for which :func:`is_teapots` holds.
        name: what the dataset shall be called.
        root: folder of prepared datasets.
        progress: told how many images are packed.

    Raises:
        InputError: a file is damaged, or its values are not those of teapots.
        WorkError: the disk refused.
    """
    check_expansion(stored)
    latents = _latents(stored)
    with _groups(stored.path) as groups:
        beyond = groups.images.shape[0] * groups.images.shape[1] if groups else 0
        source = " ".join(state_of(array.path) for array in (stored, groups and groups.images) if array)
        digest = hashlib.sha256(source.encode()).hexdigest()[:12]
        file = PreparedFile(root / f"3dteapots-{digest}.v1.npy", np.dtype(np.uint8), (len(latents) + beyond, *_FRAME))
        frames = file.resume(lambda start: _pack(stored, groups, start), source, progress)
    labels = groups.labels if groups else np.empty(0, dtype=np.int64)
    return Teapots(frames, latents, len(latents), labels, name)


def _find_form(stored: StoredArray) -> _Form | None:
    if not isinstance(stored, NpzArray) or stored.shape[1:] != _FRAME or 0 in stored.shape:
        return None
    return next((form for form in _FORMS if (form.images, form.kind) == (stored.key, stored.dtype.kind)), None)


def _form(stored: StoredArray) -> _Form:
    form = _find_form(stored)
    if form is None:
        raise InputError(f"{stored} has shape {stored.shape} and type {stored.dtype}; it is not one of teapots")
    return form


@contextlib.contextmanager
def _arrays(path: Path) -> Iterator[dict[str, NpzArray]]:
    """The arrays of an npz file, by key."""
    with contextlib.ExitStack() as stack:
        with reading(path):
            archive = stack.enter_context(zipfile.ZipFile(path))
            members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
            wanted = {form.latents for form in _FORMS} | {"imgs", "labels"}
            arrays = {key: NpzArray(path, archive, member) for key, member in members.items() if key in wanted}
        yield arrays


def _latents(stored: StoredArray) -> NDArray[np.float64]:
    """Latents float64 ``[n, 5]`` of the images to train on.

    Raises:
        InputError: they are not numbers within the factors' ranges.
    """
    with _arrays(stored.path) as arrays:
        array = arrays[_form(stored).latents]
        latents = _numbers(array).astype(np.float64)
    for column, name, (low, high) in zip(latents.T, NAMES, RANGES, strict=True):
        if not (low - _ROUNDING <= column.min() <= column.max() <= high + _ROUNDING):
            raise InputError(
                f"{array} has a {name} of {column.min():g} to {column.max():g}, but it must lie between {low:g} and "
                f"{high:g}; save the images alone to use them without factors"
            )
    return latents


@contextlib.contextmanager
def _groups(path: Path) -> Iterator[_Groups | None]:
    """The evaluation groups beside the authors' training data; ``None`` if there are none.

    Raises:
        InputError: the file is damaged or not what the authors' is.
    """
    beside = path.absolute().parents[1] / "metric_data" / path.name
    if not beside.is_file() or beside.samefile(path):
        yield None
        return
    with _arrays(beside) as arrays:
        if not {"imgs", "labels"} <= arrays.keys():
            raise InputError(f"'{beside}' must hold 'imgs' and 'labels' of evaluation groups; remove it to do without")
        images, labels = arrays["imgs"], arrays["labels"]
        if images.shape[2:] != _FRAME or images.dtype.kind != "f" or 0 in images.shape:
            raise InputError(f"{images} has shape {images.shape}; evaluation groups are float [m, l, 64, 64, 3]")
        if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
            raise InputError(f"{labels} has shape {labels.shape}; it must hold one factor for each group")
        check_expansion(images)
        fixed = _numbers(labels).astype(np.int64)
        if fixed.min() < 0 or fixed.max() >= len(NAMES):
            raise InputError(f"{labels} has values from {fixed.min()} to {fixed.max()}; factors are 0 to 4")
        yield _Groups(images, fixed)


def _numbers(array: NpzArray) -> NDArray[Any]:
    """A small array, whole.

    Raises:
        InputError: it is not of finite numbers, or unpacks to more than it can hold.
    """
    check_expansion(array)
    if array.dtype.kind not in "iuf":
        raise InputError(f"{array} is of type {array.dtype}; it must hold numbers")
    content = np.concatenate(list(array.blocks()))
    if not np.isfinite(content).all():
        raise InputError(f"{array} has values that are not finite (NaN or infinity)")
    return content


def _pack(stored: StoredArray, groups: _Groups | None, start: int) -> Generator[NDArray[np.uint8], None, None]:
    """Frames from number ``start`` on: those to train on, then those of the groups."""
    images, full = stored.shape[0], _form(stored).full
    if start < images:
        for block in stored.blocks(start):
            yield _as_bytes(block, full, stored)
    if groups:
        group, within = divmod(max(0, start - images), groups.images.shape[1])
        for block in groups.images.blocks(group):
            yield _as_bytes(block.reshape(-1, *_FRAME)[within:], 1.0, groups.images)
            within = 0


def _as_bytes(block: NDArray[Any], full: float, stored: StoredArray) -> NDArray[np.uint8]:
    low, high = float(block.min()), float(block.max())
    if not (low >= 0.0 and high <= full):
        raise InputError(f"{stored} has values from {low:g} to {high:g}; they must lie between 0 and {full:g}")
    scaled: NDArray[np.uint8] = np.rint(block * (255.0 / full)).astype(np.uint8)
    return scaled
