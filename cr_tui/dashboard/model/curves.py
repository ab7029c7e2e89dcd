"""The curves of a run, as they are read, kept and drawn.

The way of a number from the file to the screen, in the words that the dashboard uses for it:

- A *row* is a line of ``events.jsonl``, read by :class:`engine.runs.events.EventTail`.
- A *scalar* is a number that rows hold again and again, known by kind and name: ``("train", "loss_generator")``.
- The *history* of a run is all its scalars while they are read. It grows; one thread at a time uses it.
- A *curve* is a scalar as it was at one moment. It never changes, so any thread can draw it.
- A *series* is a curve as a line of a chart, in the colour of its run: :class:`cr_tui.render.curves.chart.Series`.
- *Cells* are the chart as characters and colours, which a widget shows: :class:`cr_tui.render.cells.Cells`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cr_tui.render.cells import Rgb
from cr_tui.render.curves.pyramid import Growing, Levels, Pyramid
from cr_tui.render.curves.smooth import Smoothed

SCALAR_KINDS = frozenset({"train", "score", "system"})
_NOT_SCALARS = frozenset({"step", "time", "kind", "attempt"})
Axis = Literal["step", "time"]
"""The x axis of a chart: iterations, or seconds of training since the run's first event."""
ScalarKey = tuple[str, str]
"""Kind and name of a scalar."""


@dataclass(frozen=True, eq=False)
class Curve:
    """A scalar as it was at one moment. It never changes, so any thread can read it.

    Args:
        steps: iterations, ascending, float ``[n]``.
        seconds: of training since the run's first event, never descending, float ``[n]``; the time between two attempts
            does not count.
        levels: the values, float ``[n]``, with the summaries by which charts are drawn fast.
    """

    steps: NDArray[np.float64]
    seconds: NDArray[np.float64]
    levels: Levels

    @property
    def values(self) -> NDArray[np.float64]:
        """Its values, float ``[n]``."""
        return np.asarray(self.levels.values, dtype=np.float64)

    def along(self, axis: Axis) -> NDArray[np.float64]:
        """Positions of the values on an axis."""
        return self.steps if axis == "step" else self.seconds


@dataclass(frozen=True, eq=False)
class RunCurves:
    """What was read of a run so far: its curves and the end of its log. A newer one takes its place.

    Args:
        measured: every scalar.
        smoothed: the exponential moving average of every scalar; empty unless smoothing is asked for.
        log: the newest lines of its log, oldest first.
        complete: whether all that the files hold has been read.
    """

    run_id: str
    measured: Mapping[ScalarKey, Curve] = field(default_factory=dict)
    smoothed: Mapping[ScalarKey, Curve] = field(default_factory=dict)
    log: Sequence[str] = ()
    complete: bool = True


@dataclass(frozen=True)
class ShownRun:
    """A run whose curves are drawn.

    Args:
        name: as legends write it.
        colour: its colour in every chart.
        curves: what was read of it.
        group: runs that belong together; told where names clash.
    """

    id: str
    name: str
    colour: Rgb
    curves: RunCurves
    group: str = ""


class _Scalar:
    """One scalar as it grows."""

    def __init__(self) -> None:
        self.steps = Growing()
        self.seconds = Growing()
        self.values = Pyramid()
        self.cuts = 0

    @property
    def last_step(self) -> float:
        return float(self.steps.view[-1]) if len(self.steps) else -np.inf

    @property
    def last_second(self) -> float:
        return float(self.seconds.view[-1]) if len(self.seconds) else 0.0

    def seconds_before(self, step: float) -> float:
        """Seconds of the newest value before a step; 0 if there is none."""
        count = int(np.searchsorted(self.steps.view, step, "left"))
        return float(self.seconds.view[count - 1]) if count else 0.0

    def extend(self, steps: NDArray[np.float64], seconds: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        """Append values whose steps ascend. Where the clock was set back, seconds stay as they were."""
        if self.last_step >= steps[0]:
            self.cut(int(np.searchsorted(self.steps.view, steps[0], "left")))
        self.steps.extend(steps)
        self.seconds.extend(np.maximum.accumulate(np.maximum(seconds, self.last_second)))
        self.values.extend(values)

    def cut(self, length: int) -> None:
        if length < len(self.steps):
            self.cuts += 1
            for column in (self.steps, self.seconds, self.values):
                column.cut(length)


class History:
    """The scalars of one run as they are read; the steps of a scalar always ascend.

    One thread at a time may call it. The curves that it returns never change, so any thread can read them.
    """

    def __init__(self) -> None:
        self._scalars: dict[ScalarKey, _Scalar] = {}
        self._began: float | None = None
        self._attempt: object = None
        self._smoothed: dict[ScalarKey, tuple[float, int, Smoothed]] = {}

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows of the event log, oldest first. A step that comes again replaces all values from that step on."""
        for (kind, attempt, *names), alike in groupby(rows, lambda row: (row["kind"], row.get("attempt"), *row)):
            group = list(alike)
            if kind not in SCALAR_KINDS:
                continue
            times = np.array([row.get("time", 0.0) for row in group], dtype=np.float64)
            steps = np.array([row["step"] for row in group], dtype=np.float64)
            if self._began is None or attempt != self._attempt:
                self._attempt, self._began = attempt, float(times[0]) - self._seconds_before(steps[0])
            stretches = np.flatnonzero(np.diff(steps) <= 0) + 1
            for name in names:
                if name not in _NOT_SCALARS:
                    self._append((kind, name), [row[name] for row in group], steps, times - self._began, stretches)

    def _append(
        self,
        key: ScalarKey,
        values: list[Any],
        steps: NDArray[np.float64],
        seconds: NDArray[np.float64],
        turns: NDArray[np.intp],
    ) -> None:
        """Append values of one scalar. ``turns`` are where steps do not ascend: there, later values are replaced."""
        numbers = np.array(values) if all(type(value) in (float, int) for value in values) else np.empty(0, dtype="O")
        if numbers.dtype.kind not in "fi":
            there = np.array([_is_number(value) for value in values])
            if not there.any():
                return
            numbers = np.array([float(value) for value in values if _is_number(value)])
            steps, seconds = steps[there], seconds[there]
            turns = np.flatnonzero(np.diff(steps) <= 0) + 1
        scalar = self._scalars.setdefault(key, _Scalar())
        if not turns.size:
            scalar.extend(steps, seconds, numbers)
            return
        for stretch in zip(*(np.split(column, turns) for column in (steps, seconds, numbers)), strict=True):
            scalar.extend(*stretch)

    def _seconds_before(self, step: float) -> float:
        """Seconds of training before a step; 0 before the first."""
        return max((scalar.seconds_before(step) for scalar in self._scalars.values()), default=0.0)

    def forget_after(self, step: float) -> None:
        """Drop every value of a later step."""
        for scalar in self._scalars.values():
            scalar.cut(int(np.searchsorted(scalar.steps.view, step, "right")))

    def clear(self) -> None:
        """Drop everything."""
        self._scalars.clear()
        self._smoothed.clear()
        self._began = self._attempt = None

    @property
    def keys(self) -> list[ScalarKey]:
        """Every scalar, in the order they appeared."""
        return list(self._scalars)

    def names(self, kind: str) -> list[str]:
        """Scalars of a kind (``train``, ``score`` or ``system``) in the order they appeared."""
        return [name for its_kind, name in self._scalars if its_kind == kind]

    def curve(self, kind: str, name: str) -> Curve | None:
        """A scalar as it is now; None when it has no value."""
        scalar = self._scalars.get((kind, name))
        if scalar is None or not len(scalar.steps):
            return None
        return Curve(scalar.steps.view, scalar.seconds.view, scalar.values.levels)

    def smoothed(self, kind: str, name: str, weight: float) -> Curve | None:
        """The exponential moving average of a scalar, one value a step. Only values that are new are averaged.

        Args:
            kind: of the scalar.
            name: of the scalar.
            weight: of the past, in (0, 1).
        """
        scalar = self._scalars.get((kind, name))
        if scalar is None or not len(scalar.steps):
            return None
        kept = self._smoothed.get((kind, name))
        if kept is None or kept[:2] != (weight, scalar.cuts):
            kept = self._smoothed[kind, name] = (weight, scalar.cuts, Smoothed(weight))
        average = kept[2]
        values = scalar.values.levels.values
        if len(average) < len(values):
            average.extend(values[len(average) :])
        return Curve(scalar.steps.view, scalar.seconds.view, average.levels)

    def points(self, kind: str, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Steps and values, float ``[n]`` each, of a scalar; empty when it has no value."""
        curve = self.curve(kind, name)
        return (np.empty(0), np.empty(0)) if curve is None else (curve.steps, curve.values)

    def newest(self, kind: str, name: str) -> float | None:
        """The last value of a scalar."""
        _, values = self.points(kind, name)
        return float(values[-1]) if values.size else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
