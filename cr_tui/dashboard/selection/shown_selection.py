"""A selection as it is shown: which runs in which order, their scores, and what the matrix looks like in that order."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cr_tui.short_names import Shortener
from engine.choosing.methods import CENTRALITY
from engine.choosing.result import MethodResult, SelectionResult

SUPERVISED = "supervised"
"""The selection method that asks labels. Known FactorVAE scores are shown under its name beside the others."""


@dataclass(frozen=True, eq=False)
class ShownSelection:
    """A result in the order of one of its methods.

    Args:
        result: the result.
        order_by: the method that orders, one of :attr:`methods`.
        methods: what the runs can be ordered by, ModelCentrality first.
        order: ids, best first; those that the method cannot rank come last.
        names: by id, also of runs that are gone.
        scores: by method, a score a run by id.
        groups: by id, for names that clash; runs that are gone have none.
    """

    result: SelectionResult
    order_by: str
    methods: tuple[str, ...]
    order: tuple[str, ...]
    names: Mapping[str, str]
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)

    def short(self, width: int) -> Mapping[str, str]:
        """Names by id in at most ``width`` cells that can still be told apart."""
        return self._short(width)

    def labels(self, width: int) -> list[str]:
        """Short names of :attr:`compared`."""
        return [self.short(width)[run_id] for run_id in self.compared]

    @functools.cached_property
    def _short(self) -> Callable[[int], Mapping[str, str]]:
        ids = list(self.names)
        shortener = Shortener([self.names[run_id] for run_id in ids], [self.groups.get(run_id, "") for run_id in ids])

        @functools.lru_cache(maxsize=8)
        def short(width: int) -> Mapping[str, str]:
            return {run_id: shortener.short(number, width) for number, run_id in enumerate(ids)}

        return short

    @property
    def found(self) -> MethodResult | None:
        """What the ordering method found; None where scores come from the runs and not from the result."""
        return self.result.methods.get(self.order_by)

    @functools.cached_property
    def ranked(self) -> int:
        """How many of :attr:`order` have a place."""
        scores = self.scores[self.order_by]
        found = self.found
        return (
            len(found.ranking) if found else sum(math.isfinite(scores.get(run_id, math.nan)) for run_id in self.order)
        )

    @functools.cached_property
    def compared(self) -> tuple[str, ...]:
        """Ids of the rows of the matrix: the runs that take part in it, in order."""
        excluded = self.result.methods[CENTRALITY].excluded if CENTRALITY in self.result.methods else {}
        return tuple(run_id for run_id in self.order if run_id not in excluded)

    @functools.cached_property
    def matrix(self) -> NDArray[np.float64] | None:
        """Cross-scores over :attr:`compared`."""
        if self.result.matrix is None:
            return None
        rows = [self._place[run_id] for run_id in self.compared]
        return self.result.matrix[np.ix_(rows, rows)]

    def of(self, values: Sequence[object], run_id: str) -> object | None:
        """The entry of a run in a sequence of one value a run; None where the sequence is empty."""
        return values[self._place[run_id]] if values else None

    @functools.cached_property
    def _place(self) -> dict[str, int]:
        return {run_id: index for index, run_id in enumerate(self.result.runs)}


def show_selection(
    result: SelectionResult,
    order_by: str,
    names: Mapping[str, str],
    supervised: Mapping[str, float | None],
    groups: Mapping[str, str] | None = None,
) -> ShownSelection:
    """Put a result in order.

    Args:
        result: the result.
        order_by: the method that is wanted; the first one where the result lacks it.
        names: present names by id.
        supervised: known FactorVAE scores by id. They stand for the method ``supervised`` where the result lacks it.
        groups: present groups by id, for names that clash.
    """
    runs = result.runs
    scores = {name: dict(zip(runs, found.scores, strict=True)) for name, found in result.in_order}
    known = {run_id: score for run_id in runs if (score := supervised.get(run_id)) is not None}
    if SUPERVISED not in scores and known:
        scores[SUPERVISED] = known
    methods = tuple(scores)
    chosen = order_by if order_by in methods else methods[0]
    if chosen in result.methods:
        best_first = result.methods[chosen].ranking
    else:
        best_first = tuple(sorted(known, key=lambda run_id: -known[run_id]))
    placed = set(best_first)
    by_id = dict(zip(runs, result.titles, strict=True)) | {run_id: names[run_id] for run_id in runs if run_id in names}
    order = (*best_first, *(run_id for run_id in runs if run_id not in placed))
    shown_names = {run_id: by_id.get(run_id) or run_id for run_id in runs}
    return ShownSelection(result, chosen, methods, order, shown_names, scores, groups or {})
