"""3DTeapots: 64x64 colour images of a teapot that turns, is seen from above and takes any colour.

The factors azimuth, elevation, red, green and blue take any value of a range, so there is no grid: the 200,000 images
to train on are random ones. For scoring there are 500 groups of 100 more; each group holds one factor fixed.

All 250,000 images are rendered (:mod:`engine.data.datasets.teapots_rendering`) into one file of 2.9 GiB, with the
latents of the authors' re-creation: their generator, their seed and their order of draws (docs/method.md, section 12).
The mesh is the Utah teapot, because the one that the authors used is not public.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Generator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import EvaluationGroups, LabelledDataset
from engine.data.datasets.teapots_mesh import Mesh, teapot
from engine.data.datasets.teapots_rendering import SIDE, render
from engine.data.prepared import PreparedFile
from engine.data.processes import in_order
from engine.progress import Progress

NAMES = ("azimuth", "elevation", "red", "green", "blue")
RANGES = ((0.0, 2.0 * math.pi), (0.0, math.pi / 2.0), (0.0, 1.0), (0.0, 1.0), (0.0, 1.0))
SEED = 1
IMAGES = 200_000
GROUPS = 500
GROUP_SIZE = 100
_BLOCK = 200
"""Images that a process renders at once."""


class Teapots(LabelledDataset):
    """Teapots with their latents, and groups of more teapots for evaluation.

    Args:
        frames: uint8 ``[t, 64, 64, 3]``: the images to train on, then those of the groups.
        labels: float64 ``[n, 5]``, latents of the first n frames.
        length: images to train on.
        group_labels: int64 ``[m]``, each group's fixed factor; the frames that are not trained on are those of the
            groups, in order. Empty: there are no groups.
        name: the name or path it was loaded by.
    """

    image_shape = (SIDE, SIDE, 3)

    def __init__(
        self,
        frames: NDArray[np.uint8],
        labels: NDArray[np.float64],
        length: int,
        group_labels: NDArray[np.int64],
        name: str = "3dteapots",
    ) -> None:
        super().__init__(NAMES, RANGES, labels)
        self.name = name
        self._frames = frames
        self._length = length
        self._group_labels = group_labels

    def __len__(self) -> int:
        return self._length

    def images(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint8]:
        return self._frames[np.asarray(indices, dtype=np.int64)]

    @property
    def evaluation_groups(self) -> EvaluationGroups | None:
        if not len(self._group_labels):
            return None
        beyond = np.arange(self._length, len(self._frames), dtype=np.int64)
        return EvaluationGroups(beyond.reshape(len(self._group_labels), -1), self._group_labels)


def open_dataset(root: Path, progress: Progress | None = None, processes: int | None = None) -> Teapots:
    """Open the rendered dataset, rendering it first (once per store) where it is missing or damaged.

    A rendering that is killed or interrupted is continued by the next call.

    Args:
        root: folder of prepared datasets.
        progress: told how many images are rendered.
        processes: how many render; default: one for each core, at most eight. The images do not depend on it.

    Raises:
        InputError, WorkError: see :meth:`engine.data.prepared.PreparedFile.resume`.
    """
    latents, group_labels = draw_latents(IMAGES, GROUPS, GROUP_SIZE)
    source = f"seed {SEED}"
    frames = prepared_file(root).resume(functools.partial(_blocks, latents, processes), source, progress)
    return Teapots(frames, latents, IMAGES, group_labels)


def is_prepared(root: Path) -> bool:
    """Whether the rendered dataset is there."""
    return prepared_file(root).is_present()


def prepared_file(root: Path) -> PreparedFile:
    """The file that holds all images. The version in its name counts up when mesh, camera or light changes."""
    count = IMAGES + GROUPS * GROUP_SIZE
    return PreparedFile(root / "3dteapots.v1.npy", np.dtype(np.uint8), (count, SIDE, SIDE, 3))


def draw_latents(
    images: int, groups: int, group_size: int, seed: int = SEED
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Draw latents as the authors' re-creation does: one generator for all, azimuths first, then elevations, colours.

    Args:
        images: images to train on.
        groups: groups for evaluation; the i-th holds factor i mod 5 fixed at its first image's value.
        group_size: images of a group.
        seed: of NumPy's legacy generator.

    Returns:
        Latents float64 ``[images + groups * group_size, 5]`` in the order of :data:`NAMES`, and the fixed factors int64
        ``[groups]``.
    """
    random = np.random.RandomState(seed)
    parts = [_draw(random, images)]
    labels = np.arange(groups, dtype=np.int64) % len(NAMES)
    for label in labels:
        group = _draw(random, group_size)
        group[:, label] = group[0, label]
        parts.append(group)
    return np.concatenate(parts), labels


def _draw(random: np.random.RandomState, count: int) -> NDArray[np.float64]:
    azimuth, elevation = (random.uniform(low, high, count) for low, high in RANGES[:2])
    return np.column_stack([azimuth, elevation, random.uniform(size=(count, 3))])


def _blocks(
    latents: NDArray[np.float64], processes: int | None, start: int
) -> Generator[NDArray[np.uint8], None, None]:
    """Images from number ``start`` on, in order."""
    missing = [latents[first : first + _BLOCK] for first in range(start, len(latents), _BLOCK)]
    return in_order(_render_block, missing, processes)


def _render_block(latents: NDArray[np.float64]) -> NDArray[np.uint8]:
    return render(_mesh(), latents)


@functools.cache
def _mesh() -> Mesh:
    return teapot()
