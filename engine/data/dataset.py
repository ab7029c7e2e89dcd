"""What every dataset looks like to the rest of the engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.data.fingerprints import Fingerprint, of_parts
from engine.errors import InputError

BINS = 20
"""Equal bins of a continuous factor that is known value by value (docs/method.md, section 8)."""
_IMAGES_IN_FINGERPRINT = 256


@dataclass(frozen=True)
class Factor:
    """One ground-truth factor of variation.

    Args:
        name: short lower-case name, for example ``"orientation"``.
        values: the value behind each integer id, in ascending id order; for a factor that takes any value of a range,
            the centres of the equal bins that the ids count.
        continuous: whether the values are ordered and metric. SAP treats continuous and categorical factors
            differently.
        words: what the values are called, in the same order, where they have names.
    """

    name: str
    values: tuple[float, ...]
    continuous: bool
    words: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Number of distinct values."""
        return len(self.values)


class EvaluationGroups(NamedTuple):
    """Groups of images that share a factor, made with a dataset because no two of its own images share one.

    Args:
        indices: int64 ``[m, l]``, what :meth:`Dataset.images` takes. They may lie beyond the dataset's length: such
            images are kept for evaluation and never trained on.
        labels: int64 ``[m]``, the shared factor, counted among the dataset's factors.
    """

    indices: NDArray[np.int64]
    labels: NDArray[np.int64]


class AuthorsSets(NamedTuple):
    """Sizes of the sets with which the authors of a paper score models of a dataset.

    Args:
        groups: groups of images that share a factor.
        group_size: images in a group.
        scale: images that give each code its scale.
        labelled: images with their factors.
    """

    groups: int
    group_size: int
    scale: int
    labelled: int


class Bitmaps(NamedTuple):
    """Binary images of one channel, each kept as the bits of a window outside of which it is black.

    Args:
        words: rows of the windows, uint32 ``[n, 32]``, bit ``k`` for column ``k``.
        corners: first rows and first columns of the windows, int64 ``[p]`` each; image ``i`` has entry ``i % p``.
        side: of an image, in pixels, at most 64.
    """

    words: NDArray[np.uint32]
    corners: tuple[NDArray[np.int64], NDArray[np.int64]]
    side: int


class Dataset(ABC):
    """Images by index, with their factors of variation when these are known.

    Factors are known by a grid (``in_grid_order``) or image by image (:class:`LabelledDataset`).

    Attributes:
        name: the name or path it was loaded by.
        image_shape: ``(height, width, channels)``.
        factors: the known factors, in a grid the slowest-varying first; empty for unlabelled images.
        in_grid_order: whether image ``i`` is cell ``i`` of the full row-major factor grid, each combination exactly
            once.
        source: the fingerprint of the files that it was read from; ``None`` if its images speak for themselves.
    """

    name: str
    image_shape: tuple[int, int, int]
    factors: tuple[Factor, ...] = ()
    in_grid_order: bool = False
    source: Fingerprint | None = None

    @abstractmethod
    def __len__(self) -> int: ...

    def __repr__(self) -> str:
        height, width, channels = self.image_shape
        factors = ", ".join(f"{factor.name} ({factor.size})" for factor in self.factors) or "no factors"
        return f"<dataset '{self.name}': {len(self):,} images {height}x{width}x{channels}; {factors}>"

    def _repr_png_(self) -> bytes:
        """For notebooks: images from the whole of the dataset."""
        from engine.pictures import sheet

        columns = min(8, len(self))
        rows = max(1, min(4, len(self) // max(columns, 1)))
        chosen = self.images(np.linspace(0, len(self) - 1, rows * columns).astype(np.int64))
        return sheet(chosen.reshape(rows, columns, *chosen.shape[1:]))

    @abstractmethod
    def images(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint8]:
        """Return the images at ``indices`` as uint8 ``[n, H, W, C]``, 0 = black, 255 = full intensity."""

    def bitmaps(self) -> Bitmaps | None:
        """All images as bits, an eighth of their bytes or less; ``None`` if the dataset does not keep them so."""
        return None

    def fingerprint(self) -> Fingerprint:
        """What these data are: of the files that they were read from, or of images spread over the dataset."""
        if self.source is not None:
            return self.source
        listing = f"{len(self)} {self.image_shape} {[(f.name, tuple(map(float, f.values))) for f in self.factors]}"
        wanted = np.unique(np.linspace(0, len(self) - 1, _IMAGES_IN_FINGERPRINT).astype(np.int64))
        return of_parts(self.name, listing, (self.images([index]).tobytes() for index in wanted.tolist()))

    @property
    def factor_names(self) -> tuple[str, ...]:
        return tuple(factor.name for factor in self.factors)

    @property
    def factor_sizes(self) -> tuple[int, ...]:
        return tuple(factor.size for factor in self.factors)

    @property
    def factor_continuous(self) -> tuple[bool, ...]:
        return tuple(factor.continuous for factor in self.factors)

    @property
    def evaluation_groups(self) -> EvaluationGroups | None:
        """Groups of images that came with the dataset for evaluation."""
        return None

    @property
    def authors_sets(self) -> AuthorsSets | None:
        """Sizes of the evaluation sets of the authors' code, where these are not those of the paper's protocol."""
        return None

    def factors_of(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.int64]:
        """Factor ids int ``[n, k]`` of the images at ``indices``.

        Raises:
            InputError: the dataset has no known factors.
        """
        self._require_grid()
        ids = np.unravel_index(np.asarray(indices, dtype=np.int64), self.factor_sizes)
        return np.stack(ids, axis=1).astype(np.int64)

    def factor_values(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.float64]:
        """Exact factor values float64 ``[n, k]`` of the images at ``indices``.

        Raises:
            InputError: the dataset has no known factors.
        """
        ids = self.factors_of(indices)
        columns = [np.array(factor.values)[column] for factor, column in zip(self.factors, ids.T, strict=True)]
        return np.stack(columns, axis=1).astype(np.float64)

    def index_of(self, factors: NDArray[np.integer]) -> NDArray[np.int64]:
        """Image indices int ``[n]`` of the factor ids int ``[n, k]``: the inverse of :meth:`factors_of` in a grid.

        Raises:
            InputError: the dataset has no known factor grid.
        """
        self._require_grid()
        columns = tuple(np.asarray(factors, dtype=np.int64).T)
        return np.asarray(np.ravel_multi_index(columns, self.factor_sizes), dtype=np.int64)

    def _require_grid(self) -> None:
        if not self.in_grid_order:
            raise InputError(f"dataset '{self.name}' has no known factor grid, so it cannot be scored against factors")


class LabelledDataset(Dataset):
    """Images whose continuous factors are known one by one: any value of a range, and no grid.

    Args:
        names: of the k factors.
        ranges: of the k factors, least and greatest value. The factors' ids count :data:`BINS` equal bins of these;
            a factor whose range is a point has one.
        labels: float64 ``[n, k]``, the values of the first n images, those kept for evaluation included where known.
    """

    def __init__(
        self, names: Sequence[str], ranges: Sequence[tuple[float, float]], labels: NDArray[np.float64]
    ) -> None:
        self.factors = tuple(
            Factor(name, bin_centres(low, high), continuous=True)
            for name, (low, high) in zip(names, ranges, strict=True)
        )
        self._ranges = np.array(ranges, dtype=np.float64)
        self._labels = labels

    def factors_of(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.int64]:
        low, high = self._ranges.T
        width = np.where(high > low, high - low, 1.0)
        sizes = np.array(self.factor_sizes)
        ids: NDArray[np.int64] = np.floor((self.factor_values(indices) - low) / width * sizes).astype(np.int64)
        return np.clip(ids, 0, sizes - 1)

    def factor_values(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.float64]:
        wanted = np.asarray(indices, dtype=np.int64)
        if wanted.size and not 0 <= wanted.min() <= wanted.max() < len(self._labels):
            raise InputError(
                f"the factors of dataset '{self.name}' are known for its first {len(self._labels)} images, "
                f"but image {wanted.max() if wanted.min() >= 0 else wanted.min()} was asked for"
            )
        return self._labels[wanted]


def bin_centres(low: float, high: float) -> tuple[float, ...]:
    """The centres of :data:`BINS` equal bins of a range; one value if the range is a point."""
    if high <= low:
        return (float(low),)
    edges = np.linspace(low, high, BINS + 1)
    return tuple(((edges[:-1] + edges[1:]) / 2).tolist())
