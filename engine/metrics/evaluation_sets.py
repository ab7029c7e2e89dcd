"""Which images an evaluation looks at: drawn by a seed, the same for every model.

With a factor grid, where every combination of factors has its image, all sets can be drawn. If the factors are known
only image by image, the groups that share a factor are those that came with the dataset. If no factors are known, only
random images can be drawn.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import Dataset, EvaluationGroups
from engine.errors import InputError
from engine.metrics.checks import Protocol, check_protocol
from engine.metrics.scoring import SetName

FEWEST_IMAGES = 1000
"""Least size of the scale and labelled sets of the paper's protocol, if a tenth of the dataset would be fewer."""
_SEEDS = 2**63
"""Seeds lie below this: the files of scores hold whole numbers of 64 bits."""


@dataclass(frozen=True)
class SetSizes:
    """How much is drawn.

    Args:
        groups: groups that share a factor (M); 0, and so ``group_size``, for none.
        group_size: images in a group, or pairs in a group of pairs under ``lib`` (L). In an odd group the last
            image has no partner, and BetaVAE does without it.
        scale: images that give each code its scale.
        labelled: images with their factors; 0 for none.
        test_groups: held-out groups; ``lib`` only.
        test_labelled: held-out images with their factors; ``lib`` only.
    """

    groups: int
    group_size: int
    scale: int
    labelled: int
    test_groups: int = 0
    test_labelled: int = 0

    def __post_init__(self) -> None:
        absent = {"labelled"} if self.labelled == 0 else set()
        absent |= {"groups", "group_size"} if self.groups == self.group_size == 0 else set()
        for field in fields(self):
            least = 0 if field.name.startswith("test_") or field.name in absent else 2
            if getattr(self, field.name) < least:
                raise InputError(f"{field.name} is {getattr(self, field.name)}, but at least {least} must be drawn")

    @classmethod
    def of_protocol(cls, protocol: Protocol, images: int) -> SetSizes:
        """The sizes of a protocol for a dataset of ``images`` images.

        ``paper``: 500 groups of 100; a tenth of the dataset for scale and labelled sets. The paper's datasets are
        large; below 10,000 images our rule is 1,000 (or all images for the scale set, which is drawn without
        replacement).
        ``lib``: disentanglement_lib's study: 10,000 groups of 64 and 5,000 held out, 10,000 for the scale, 10,000
        labelled and 5,000 held out, whatever the dataset.
        """
        check_protocol(protocol)
        if protocol == "lib":
            return cls(10_000, 64, 10_000, 10_000, test_groups=5_000, test_labelled=5_000)
        tenth = max(images // 10, FEWEST_IMAGES)
        return cls(500, 100, min(images, tenth), tenth)

    @classmethod
    def of_dataset(cls, protocol: Protocol, dataset: Dataset) -> SetSizes:
        """The sizes of a protocol for a dataset.

        The paper's protocol has other sizes for a dataset whose authors scored with others (CdSprites).

        Without a factor grid no image is drawn twice into a set, labelled and held-out labelled images differ, and the
        groups are those that came with the dataset. If it has fewer images than :meth:`of_protocol` says, all sets are
        as large as they can be, with a third as many held-out images as labelled ones.
        """
        sizes, images = cls.of_protocol(protocol, len(dataset)), len(dataset)
        if protocol == "paper" and dataset.authors_sets is not None:
            sizes = cls(**dataset.authors_sets._asdict())
        if dataset.in_grid_order:
            return sizes
        groups = _varying_groups(dataset)
        if groups is not None:
            count, size = groups.indices.shape
            sizes = replace(sizes, groups=count, group_size=size - size % 2)
        held_out = min(sizes.test_labelled, images // 3)
        labelled = min(sizes.labelled, images - held_out)
        return replace(sizes, scale=min(sizes.scale, images), labelled=labelled, test_labelled=held_out)

    def without(self, lacking: Collection[SetName]) -> SetSizes:
        """The same sizes, but 0 for what cannot be drawn."""
        sizes = self
        if "groups" in lacking:
            sizes = replace(sizes, groups=0, group_size=0, test_groups=0)
        if "labelled" in lacking:
            sizes = replace(sizes, labelled=0, test_labelled=0)
        return sizes


@dataclass(frozen=True, eq=False)
class EvaluationSets:
    """Image indices of every set of an evaluation: a function of dataset, protocol, seed and sizes alone.

    Args:
        protocol: the protocol they belong to.
        seed: seed of all random draws; every set has its own stream, so the size of one does not shift another.
        sizes: how much was drawn.
        columns: the dataset's factors that take at least two values; the others (dSprites' colour) are left out.
        indices: image indices int64, ``[m, l]`` for groups and pairs, ``[n]`` for scale and labelled sets. Under
            ``paper`` the pairs are those of the groups' neighbouring rows.
        labels: int64 ``[m]``, for groups and pairs: the fixed factor, counted among ``columns``.
    """

    protocol: Protocol
    seed: int
    sizes: SetSizes
    columns: tuple[int, ...]
    indices: Mapping[SetName, NDArray[np.int64]]
    labels: Mapping[SetName, NDArray[np.int64]]

    @classmethod
    def draw(
        cls, dataset: Dataset, protocol: Protocol = "paper", seed: int = 0, sizes: SetSizes | None = None
    ) -> EvaluationSets:
        """Draw the sets that the dataset allows; see :func:`undrawable`.

        From a factor grid, ``paper``: the i-th group holds factor i mod k fixed at a uniformly drawn value; all else is
        uniform, with replacement. The scale set is drawn from the images without replacement; the labelled set has
        uniform factors. ``lib``: the fixed factor is random, the scale set has uniform factors too, and BetaVAE has
        groups of pairs of its own, whose fixed value varies from pair to pair.

        Without a factor grid, both protocols: the scale and labelled sets are random images without replacement;
        held-out labelled images are other images than the labelled ones. ``paper``: the groups are the first of those
        that came with the dataset, as the authors did for 3DTeapots (docs/method.md, section 12). ``lib`` has no
        groups: it would need groups of a random factor and pairs that share a value, and existing images cannot be
        arranged so.

        Raises:
            InputError: an unknown protocol, a negative seed, held-out sets under ``paper``, or sizes beyond what there
                is.
        """
        check_protocol(protocol)
        if not 0 <= seed < _SEEDS:
            raise InputError(f"seed is {seed}, but must be 0 or more, and below 2^63")
        columns = _varying(dataset)
        sizes = (sizes or SetSizes.of_dataset(protocol, dataset)).without(undrawable(dataset, protocol))
        if protocol == "paper" and (sizes.test_groups or sizes.test_labelled):
            raise InputError("the paper's protocol holds nothing out: test_groups and test_labelled must be 0")
        streams = np.random.SeedSequence(seed).spawn(len(get_args(SetName)))
        generators = {name: np.random.default_rng(s) for name, s in zip(get_args(SetName), streams, strict=True)}
        drawn = _GridDraws if dataset.in_grid_order and columns else _ImageDraws
        draws = drawn(dataset, columns, sizes, generators)
        indices, labels = draws.paper() if protocol == "paper" else draws.lib()
        return cls(protocol, seed, sizes, columns, indices, labels)


def undrawable(dataset: Dataset, protocol: Protocol) -> dict[SetName, str]:
    """The sets that cannot be drawn from a dataset, and what it lacks for each, as the beginning of a sentence."""
    check_protocol(protocol)
    if not _varying(dataset):
        lack = "no factor that takes two values" if dataset.factors else "no known factors"
        return {name: f"dataset '{dataset.name}' has {lack}" for name in get_args(SetName) if name != "scale"}
    if dataset.in_grid_order or (protocol == "paper" and _varying_groups(dataset)):
        return {}
    lack = "no factor grid, which protocol 'lib' draws groups from"
    if protocol == "paper":
        lack = "neither a factor grid nor groups of images that share a factor"
    return {
        name: f"dataset '{dataset.name}' has {lack}" for name in get_args(SetName) if name.endswith(("groups", "pairs"))
    }


def _varying(dataset: Dataset) -> tuple[int, ...]:
    """The factors that take at least two values."""
    return tuple(column for column, size in enumerate(dataset.factor_sizes) if size > 1)


def _varying_groups(dataset: Dataset) -> EvaluationGroups | None:
    """The groups of a dataset whose fixed factor varies, with labels that count the varying factors only."""
    groups, columns = dataset.evaluation_groups, np.array(_varying(dataset))
    if groups is None:
        return None
    kept = np.isin(groups.labels, columns)
    if not kept.any():
        return None
    return EvaluationGroups(groups.indices[kept], np.searchsorted(columns, groups.labels[kept]))


def _in_pairs(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """The images of groups ``[m, l]`` that have a partner."""
    return groups[:, : groups.shape[1] // 2 * 2]


_Drawn = tuple[dict[SetName, NDArray[np.int64]], dict[SetName, NDArray[np.int64]]]
"""Indices and, of groups and pairs, the fixed factors."""


@dataclass(frozen=True, eq=False)
class _ImageDraws:
    """The draws of one evaluation from a dataset without a factor grid."""

    dataset: Dataset
    columns: tuple[int, ...]
    sizes: SetSizes
    generators: Mapping[SetName, np.random.Generator]

    def paper(self) -> _Drawn:
        indices = self._images()
        if not self.sizes.groups:
            return indices, {}
        found = _varying_groups(self.dataset)
        count, size = found.indices.shape if found else (0, 0)
        if found is None or self.sizes.groups > count or self.sizes.group_size > size:
            raise InputError(
                f"groups x group_size is {self.sizes.groups} x {self.sizes.group_size}, but dataset "
                f"'{self.dataset.name}' came with {count} groups of {size} images"
            )
        groups, labels = found.indices[: self.sizes.groups, : self.sizes.group_size], found.labels[: self.sizes.groups]
        return indices | {"groups": groups, "pairs": _in_pairs(groups)}, {"groups": labels, "pairs": labels}

    def lib(self) -> _Drawn:
        return self._images(), {}

    def _images(self) -> dict[SetName, NDArray[np.int64]]:
        images, sizes = len(self.dataset), self.sizes
        for name, amount in {"scale": sizes.scale, "labelled": sizes.labelled + sizes.test_labelled}.items():
            if amount > images:
                raise InputError(f"{name} is {amount}, but dataset '{self.dataset.name}' has {images} images")
        indices: dict[SetName, NDArray[np.int64]] = {
            "scale": self.generators["scale"].permutation(images)[: sizes.scale]
        }
        # Held-out images come from the far end of the same shuffle, so no image is in both sets and neither shifts the
        # other.
        order = self.generators["labelled"].permutation(images)
        if sizes.labelled:
            indices["labelled"] = order[: sizes.labelled]
        if sizes.test_labelled:
            indices["test_labelled"] = order[images - sizes.test_labelled :]
        return indices


@dataclass(frozen=True, eq=False)
class _GridDraws:
    """The draws of one evaluation from a factor grid."""

    dataset: Dataset
    columns: tuple[int, ...]
    sizes: SetSizes
    generators: Mapping[SetName, np.random.Generator]

    def paper(self) -> _Drawn:
        images = len(self.dataset)
        if self.sizes.scale > images:
            raise InputError(f"scale is {self.sizes.scale}, but dataset '{self.dataset.name}' has {images} images")
        labels = np.arange(self.sizes.groups) % len(self.columns)
        groups = self._groups("groups", labels)
        scale = self.generators["scale"].permutation(images)[: self.sizes.scale]
        labelled = self._uniform("labelled", self.sizes.labelled)
        return (
            {"groups": groups, "pairs": _in_pairs(groups), "scale": scale, "labelled": labelled},
            {"groups": labels, "pairs": labels},
        )

    def lib(self) -> _Drawn:
        amounts: dict[SetName, int] = {"groups": self.sizes.groups, "test_groups": self.sizes.test_groups}
        amounts |= {"pairs": self.sizes.groups, "test_pairs": self.sizes.test_groups}
        labels = {
            name: self.generators[name].integers(len(self.columns), size=amount)
            for name, amount in amounts.items()
            if amount
        }
        indices = {
            name: self._pairs(name, fixed) if name.endswith("pairs") else self._groups(name, fixed)
            for name, fixed in labels.items()
        }
        indices["scale"] = self._uniform("scale", self.sizes.scale)
        indices["labelled"] = self._uniform("labelled", self.sizes.labelled)
        if self.sizes.test_labelled:
            indices["test_labelled"] = self._uniform("test_labelled", self.sizes.test_labelled)
        return indices, labels

    def _uniform(self, name: SetName, amount: int) -> NDArray[np.int64]:
        return self.dataset.index_of(self._factors(name, (amount,)))

    def _groups(self, name: SetName, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Groups whose images all have the first one's value of the fixed factor."""
        factors = self._factors(name, (len(labels), self.sizes.group_size))
        rows, fixed = np.arange(len(labels)), np.array(self.columns)[labels]
        factors[rows, :, fixed] = factors[rows, 0, fixed][:, None]
        return self._indices(factors)

    def _pairs(self, name: SetName, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Groups of pairs, rows 0 and 1, 2 and 3, ..., that share the value of the fixed factor."""
        factors = self._factors(name, (len(labels), 2 * self.sizes.group_size))
        rows, fixed = np.arange(len(labels)), np.array(self.columns)[labels]
        factors[rows, 1::2, fixed] = factors[rows, 0::2, fixed]
        return self._indices(factors)

    def _factors(self, name: SetName, shape: tuple[int, ...]) -> NDArray[np.int64]:
        sizes = self.dataset.factor_sizes
        return self.generators[name].integers(sizes, size=(*shape, len(sizes)))

    def _indices(self, factors: NDArray[np.int64]) -> NDArray[np.int64]:
        flat = self.dataset.index_of(factors.reshape(-1, factors.shape[-1]))
        return flat.reshape(factors.shape[:-1])
