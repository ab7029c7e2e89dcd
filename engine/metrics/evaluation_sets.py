"""Which images an evaluation looks at: drawn from the factor grid by a seed, the same for every model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import Dataset
from engine.errors import InputError
from engine.metrics.checks import Protocol, check_protocol
from engine.metrics.scoring import SetName

FEWEST_IMAGES = 1000
"""Least size of the scale and labelled sets of the paper's protocol, where a tenth of the dataset would be fewer."""


@dataclass(frozen=True)
class SetSizes:
    """How much is drawn.

    Args:
        groups: groups that share a factor (M).
        group_size: images in a group, or pairs in a group of pairs under ``lib`` (L); even, since BetaVAE pairs them.
        scale: images that give each code its scale.
        labelled: images with their factors.
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
        for field in fields(self):
            least = 0 if field.name.startswith("test_") else 2
            if getattr(self, field.name) < least:
                raise InputError(f"{field.name} is {getattr(self, field.name)}, but at least {least} must be drawn")
        if self.group_size % 2:
            raise InputError(f"group_size is {self.group_size}, but must be even: the BetaVAE score pairs its images")

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


@dataclass(frozen=True, eq=False)
class EvaluationSets:
    """Image indices of every set of an evaluation: a function of dataset, protocol, seed and sizes alone.

    Args:
        protocol: the protocol they belong to.
        seed: what the draws derive from; every set has its own stream, so the size of one does not shift another.
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
        """Draw the sets.

        ``paper``: the i-th group holds factor i mod k fixed at a uniformly drawn value,
        everything else is uniform, with replacement; the scale set is drawn from the images without replacement; the
        labelled set is of uniform factors. ``lib``: the fixed factor is random, the scale set is of
        uniform factors too, and there are separate groups of pairs for BetaVAE, whose fixed value varies from pair to
        pair.

        Raises:
            InputError: no known factor grid, no factor that varies, an unknown protocol, a negative seed, held-out sets
                under ``paper``, or more scale images than there are images.
        """
        check_protocol(protocol)
        if not dataset.in_grid_order or not dataset.factors:
            raise InputError(
                f"dataset '{dataset.name}' has no known factor grid, so it cannot be scored against factors"
            )
        if seed < 0:
            raise InputError(f"seed is {seed}, but must be 0 or more")
        columns = tuple(column for column, size in enumerate(dataset.factor_sizes) if size > 1)
        if not columns:
            raise InputError(
                f"dataset '{dataset.name}' has no factor that takes two values, so there is nothing to score"
            )
        sizes = sizes or SetSizes.of_protocol(protocol, len(dataset))
        streams = np.random.SeedSequence(seed).spawn(len(get_args(SetName)))
        generators = {name: np.random.default_rng(s) for name, s in zip(get_args(SetName), streams, strict=True)}
        draws = _Draws(dataset, columns, sizes, generators)
        indices, labels = draws.paper() if protocol == "paper" else draws.lib()
        return cls(protocol, seed, sizes, columns, indices, labels)


@dataclass(frozen=True, eq=False)
class _Draws:
    """The draws of one evaluation."""

    dataset: Dataset
    columns: tuple[int, ...]
    sizes: SetSizes
    generators: Mapping[SetName, np.random.Generator]

    def paper(self) -> tuple[dict[SetName, NDArray[np.int64]], dict[SetName, NDArray[np.int64]]]:
        if self.sizes.test_groups or self.sizes.test_labelled:
            raise InputError("the paper's protocol holds nothing out: test_groups and test_labelled must be 0")
        images = len(self.dataset)
        if self.sizes.scale > images:
            raise InputError(f"scale is {self.sizes.scale}, but dataset '{self.dataset.name}' has {images} images")
        labels = np.arange(self.sizes.groups) % len(self.columns)
        groups = self._groups("groups", labels)
        scale = self.generators["scale"].permutation(images)[: self.sizes.scale]
        labelled = self._uniform("labelled", self.sizes.labelled)
        return (
            {"groups": groups, "pairs": groups, "scale": scale, "labelled": labelled},
            {"groups": labels, "pairs": labels},
        )

    def lib(self) -> tuple[dict[SetName, NDArray[np.int64]], dict[SetName, NDArray[np.int64]]]:
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
