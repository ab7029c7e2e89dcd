"""The scalars of one run, gathered as they are read."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

SCALAR_KINDS = frozenset({"train", "score"})
_NOT_SCALARS = frozenset({"step", "time", "kind", "attempt"})


class History:
    """Values by kind, name and step; steps of a scalar always ascend."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, str], tuple[array[float], array[float]]] = {}

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take in rows of the event log, oldest first. A step that comes again replaces what was there from it on."""
        for row in rows:
            step, kind = row["step"], row["kind"]
            if kind not in SCALAR_KINDS:
                continue
            for name, value in row.items():
                if name not in _NOT_SCALARS and isinstance(value, (int, float)) and not isinstance(value, bool):
                    self._append(kind, name, step, value)

    def forget_after(self, step: float) -> None:
        """Drop every value of a later step."""
        for steps, values in self._series.values():
            _cut(steps, values, bisect_right(steps, step))

    def clear(self) -> None:
        """Drop everything."""
        self._series.clear()

    def names(self, kind: str) -> list[str]:
        """Scalars of a kind (``train`` or ``score``) in the order they appeared."""
        return [name for its_kind, name in self._series if its_kind == kind]

    def series(self, kind: str, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Steps and values float ``[n]`` of a scalar, copied; empty when there is none."""
        steps, values = self._series.get((kind, name), (array("d"), array("d")))
        return np.array(steps, dtype=np.float64), np.array(values, dtype=np.float64)

    def newest(self, kind: str, name: str) -> float | None:
        """The last value of a scalar."""
        _, values = self._series.get((kind, name), (None, None))
        return values[-1] if values else None

    def _append(self, kind: str, name: str, step: float, value: float) -> None:
        steps, values = self._series.setdefault((kind, name), (array("d"), array("d")))
        if steps and step <= steps[-1]:
            _cut(steps, values, bisect_left(steps, step))
        steps.append(step)
        values.append(value)


def _cut(steps: array[float], values: array[float], at: int) -> None:
    del steps[at:]
    del values[at:]
