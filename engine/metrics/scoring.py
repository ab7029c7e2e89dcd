"""What a score is to the evaluation: its names, the sets it needs, and how it is computed from their codes."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError
from engine.metrics.checks import Protocol
from engine.metrics.registry import EXTRA_SCORES, SAMPLE_SCORES, SCORES

SetName = Literal["groups", "pairs", "scale", "labelled", "test_groups", "test_pairs", "test_labelled"]


@dataclass(frozen=True, eq=False)
class EncodedSets:
    """The codes of an encoder on the evaluation sets, with the factors behind them.

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
    """A score as the evaluation knows it.

    Args:
        keys: the numbers it yields, by the names they are shown and stored under.
        sets: the sets it needs; under ``lib`` their held-out counterparts come with them.
        compute: computes the numbers.
    """

    keys: tuple[str, ...]
    sets: tuple[SetName, ...]
    compute: Callable[[EncodedSets], dict[str, float]]


def choose(metrics: Sequence[str] | None) -> dict[str, tuple[Score, list[str]]]:
    """The scores of codes to compute and, of each, the keys to give.

    Args:
        metrics: names of scores (``"dci"`` for its three numbers), single keys, or ``"all"``; ``None`` for the default
            ones, those of :data:`engine.metrics.registry.SCORES`.

    Returns:
        By the score's name, in the order they are computed and shown.

    Raises:
        InputError: no name at all, an unknown one, or one of a score that judges images instead of codes.
    """
    places = SCORES | EXTRA_SCORES
    names = list(SCORES) if metrics is None else list(places) if "all" in metrics else list(metrics)
    if not names:
        raise InputError(f"no metric was asked for: name at least one of {', '.join(places)}")
    of_images = [name for name in names if name in SAMPLE_SCORES]
    if of_images:
        raise InputError(f"metric '{of_images[0]}' judges the images of a model, not its codes")
    entries = {name: _load(place) for name, place in places.items()}
    known = {key for entry in entries.values() for key in entry.keys} | entries.keys()
    unknown = [name for name in names if name not in known]
    if unknown:
        offered = ", ".join((*places, *SAMPLE_SCORES, "all"))
        raise InputError(f"unknown metric '{unknown[0]}': it is one of {offered}")
    asked = {name: [key for key in entry.keys if {name, key} & set(names)] for name, entry in entries.items()}
    return {name: (entries[name], keys) for name, keys in asked.items() if keys}


def _load(place: str) -> Score:
    module, _, attribute = place.partition(":")
    score: Score = getattr(importlib.import_module(module), attribute or "SCORE")
    return score
