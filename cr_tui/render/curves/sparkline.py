"""A series in one line of text."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cr_tui.render.cells import CellMode

_BARS: dict[CellMode, str] = {"blocks": "▁▂▃▄▅▆▇█", "ascii": "_.-~=+*#"}
_NOT_FINITE: dict[CellMode, str] = {"blocks": "×", "ascii": "x"}


def sparkline(
    values: NDArray[np.floating[Any]],
    width: int = 12,
    mode: CellMode = "blocks",
    bounds: tuple[float, float] | None = None,
) -> str:
    """Draw a series as a row of bars.

    If there are more values than cells, each cell shows that value of its stretch which is farthest from the series'
    median, so a spike stays visible. A stretch with NaN or infinity shows ``×``.

    Args:
        values: float ``[n]``, oldest first.
        width: most cells.
        mode: block characters or plain ones.
        bounds: values of the lowest and the highest bar; default: the least and greatest of the series.

    Returns:
        At most ``width`` characters; empty for an empty series.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.size == 0 or width < 1:
        return ""
    finite = numbers[np.isfinite(numbers)]
    if finite.size == 0:
        return _NOT_FINITE[mode] * min(width, numbers.size)
    low, high = bounds or (float(finite.min()), float(finite.max()))
    median = float(np.median(finite))
    bars = _BARS[mode]
    shown = []
    for stretch in np.array_split(numbers, min(width, numbers.size)):
        if not np.isfinite(stretch).all():
            shown.append(_NOT_FINITE[mode])
            continue
        value = stretch[np.argmax(np.abs(stretch - median))]
        level = 0.5 if high == low else min(max((value - low) / (high - low), 0.0), 1.0)
        shown.append(bars[round(level * (len(bars) - 1))])
    return "".join(shown)
