"""The latent vectors of a generator's labelled set: which images there are, and which of them share a code's value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.models.codes import Codes


@dataclass(frozen=True, eq=False)
class LatentSet:
    """Latent vectors, grouped by the code that stands still.

    Args:
        latents: float32 ``[n, z]``.
        groups: int64 ``[codes * values, group_size]``, the rows of each group: all groups of the first code, then of
            the next.
        scale: the rows that follow the prior and give the scale of an encoder's codes.
    """

    latents: Tensor
    groups: NDArray[np.int64]
    scale: slice


def independent_groups(codes: Codes, values: int, group_size: int, scale_samples: int, seed: int) -> LatentSet:
    """The authors' set: every group is drawn anew, and so are the images that give the scale.

    Source: the authors' ModelCentrality code (docs/method.md, section 8). A group's fixed value is that of its first
    row. Everything else, the noise included, is drawn from the prior for each row.

    Args:
        codes: of the generator.
        values: groups of each code.
        group_size: images in a group.
        scale_samples: further images, for the scale.
        seed: of the draws.
    """
    draws = torch.Generator().manual_seed(seed)
    grouped = codes.count * values * group_size
    latents = codes.sample(grouped + scale_samples, draws)
    by_group = latents[:grouped].view(codes.count, values, group_size, codes.dimensions)
    for code in range(codes.count):
        held = codes.columns(code)
        by_group[code, :, :, held] = by_group[code, :, :1, held].clone()
    groups = np.arange(grouped).reshape(codes.count * values, group_size)
    return LatentSet(latents, groups, slice(grouped, None))


def latin_hypercubes(codes: Codes, values: int, group_size: int, scale_samples: int, seed: int) -> LatentSet:
    """A set whose every image is in a group of each code: a replicated Latin hypercube (McKay 1995).

    Each code takes ``values`` values, one drawn in each of as many equally likely parts of its prior. A Latin hypercube
    has each value of each code once, in random combination. The set is ``group_size`` of them with the same values;
    the images that share a value are a group. Within a group all else is random: the other codes take any of their
    values, and the noise is drawn anew. So a group is like the authors', but k codes need no more images than one. Two
    groups of the same code have no image in common, two of different codes about ``group_size / values``.

    Args:
        codes: of the generator.
        values: groups of each code.
        group_size: images in a group.
        scale_samples: images that give the scale at least. Where the groups have fewer, random ones are added.
        seed: of the draws.
    """
    draws = torch.Generator().manual_seed(seed)
    k, grouped = codes.count, values * group_size
    points = torch.rand((max(grouped, scale_samples), k + codes.noise), generator=draws, dtype=torch.float64)
    within = torch.rand((values, k), generator=draws, dtype=torch.float64)
    drawn = (torch.arange(values, dtype=torch.float64)[:, None] + within) / values
    # places[code, hypercube, value]: where the value stands in the hypercube.
    places = torch.rand((k, group_size, values), generator=draws, dtype=torch.float64).argsort(dim=2)
    groups = (places + values * torch.arange(group_size)[:, None]).transpose(1, 2)
    for code in range(k):
        points[groups[code], code] = drawn[:, code, None]
    return LatentSet(codes.at_quantiles(points), groups.reshape(k * values, group_size).numpy(), slice(None))
