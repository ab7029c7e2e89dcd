"""What a score is to the evaluation: its names, the sets it needs, and how it is computed from their codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.metrics.checks import Protocol

SetName = Literal["groups", "pairs", "scale", "labelled", "test_groups", "test_pairs", "test_labelled"]


@dataclass(frozen=True, eq=False)
class EncodedSets:
    """The codes of an encoder on the evaluation sets, and what is known of them.

    Held-out sets (``test_...``) are present under ``lib`` only; a set that no chosen score needs is absent.

    Args:
        protocol: the protocol the sets were drawn for.
        continuous: whether each of the k factors is continuous.
        codes: float64 ``[m, l, d]`` for groups and pairs, ``[n, d]`` for scale and labelled sets.
        labels: int64 ``[m]``, the factor fixed in each group, by set.
        ids: int64 ``[n, k]``, factor ids, by labelled set.
        values: float64 ``[n, k]``, factor values, by labelled set.
    """

    protocol: Protocol
    continuous: tuple[bool, ...]
    codes: Mapping[SetName, NDArray[np.float64]]
    labels: Mapping[SetName, NDArray[np.int64]]
    ids: Mapping[SetName, NDArray[np.int64]]
    values: Mapping[SetName, NDArray[np.float64]]


@dataclass(frozen=True)
class Score:
    """One line of the evaluation.

    Args:
        keys: the numbers it yields, by the names they are shown and stored under.
        sets: the sets it needs; their held-out counterparts come along where the protocol has them.
        compute: the numbers of an encoder.
    """

    keys: tuple[str, ...]
    sets: tuple[SetName, ...]
    compute: Callable[[EncodedSets], dict[str, float]]
