"""What a score is to the evaluation: its names, the sets it needs, and how it is computed from their codes."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError
from engine.metrics.checks import Protocol
from engine.metrics.registry import EXTRA_SCORES, SAMPLE_SCORES, SCORES
from engine.plugins import Plugin, leave_out

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
        InputError: no name at all, an unknown one, one of a score that judges images instead of codes, or of one that
            another package brings and that cannot be used. Not being named, such a score is left out with a warning.
    """
    places = {**SCORES, **EXTRA_SCORES}
    names = list(SCORES) if metrics is None else list(places) if "all" in metrics else list(metrics)
    if not names:
        raise InputError(f"no metric was asked for: name at least one of {', '.join(places)}")
    of_images = [name for name in names if name in SAMPLE_SCORES]
    if of_images:
        raise InputError(f"metric '{of_images[0]}' judges the images of a model, not its codes")
    entries = _loaded(places, names)
    known = {key for entry in entries.values() for key in entry.keys} | entries.keys()
    unknown = [name for name in names if name not in known]
    if unknown:
        offered = ", ".join((*places, *SAMPLE_SCORES, "all"))
        raise InputError(f"unknown metric '{unknown[0]}': it is one of {offered}")
    asked = {name: [key for key in entry.keys if {name, key} & set(names)] for name, entry in entries.items()}
    return {name: (entries[name], keys) for name, keys in asked.items() if keys}


def _loaded(places: Mapping[str, str], wanted: Sequence[str]) -> dict[str, Score]:
    """The scores at these places, without those of other packages that cannot be used."""
    entries: dict[str, Score] = {}
    for name, place in places.items():
        plugin = EXTRA_SCORES.plugin(name) if name not in SCORES else None
        try:
            taken = {key for entry in entries.values() for key in entry.keys} | entries.keys()
            entries[name] = _load(place) if plugin is None else _load_plugin(plugin, taken)
        except InputError as error:
            if plugin is None or name in wanted:
                raise
            leave_out(error)
    return entries


def _load_plugin(plugin: Plugin, taken: Set[str]) -> Score:
    """The score that another package brings.

    Raises:
        InputError: it cannot be used.
    """
    named = plugin if ":" in plugin.target else replace(plugin, target=f"{plugin.target}:SCORE")
    score = named.load()
    if not isinstance(score, Score):
        raise plugin.unusable(f"{named.target} is no engine.metrics.scoring.Score")
    if again := sorted(taken & set(score.keys)):
        raise plugin.unusable(f"another score gives '{again[0]}' already")
    return score


def _load(place: str) -> Score:
    module, _, attribute = place.partition(":")
    score: Score = getattr(importlib.import_module(module), attribute or "SCORE")
    return score
