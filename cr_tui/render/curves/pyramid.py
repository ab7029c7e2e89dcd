"""A growing series and the extremes of its stretches: drawing it costs columns, not points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cr_tui.render.curves.decimate import Columns, FloatArray, Pieces, gather

_FANOUT = 8
"""How many entries of one level are summarised by one entry of the next."""
_FIRST_ROOM = 256


class Growing:
    """An array that grows at its end. A :attr:`view` that was handed out never changes.

    Args:
        dtype: of its entries.
    """

    def __init__(self, dtype: type[np.generic] = np.float64) -> None:
        self._buffer: NDArray[Any] = np.empty(0, dtype=dtype)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def view(self) -> NDArray[Any]:
        """The entries so far, without a copy."""
        return self._buffer[: self._length]

    def extend(self, values: NDArray[Any]) -> None:
        """Append values."""
        needed = self._length + len(values)
        if needed > len(self._buffer):
            grown = np.empty(max(needed, 2 * len(self._buffer), _FIRST_ROOM), dtype=self._buffer.dtype)
            grown[: self._length] = self.view
            self._buffer = grown
        self._buffer[self._length : needed] = values
        self._length = needed

    def cut(self, length: int) -> None:
        """Keep the first entries only. Views that were handed out before keep what they had."""
        if length < self._length:
            self._buffer, self._length = self._buffer[:length].copy(), length


_FIELDS: dict[str, type[np.generic]] = {
    "low": np.float64,
    "high": np.float64,
    "first": np.float64,
    "last": np.float64,
    "positive": np.float64,
    "total": np.float64,
    "number": np.float64,
    "marks": np.uint8,
}


@dataclass(frozen=True, eq=False)
class Levels:
    """A series as it was at one moment; safe to read while the series grows in another thread.

    Args:
        values: float ``[n]``.
        levels: the summaries of whole stretches of 8, 64, 512 … values, by field.
    """

    values: FloatArray
    levels: Sequence[dict[str, FloatArray]] = field(default=())

    def columns(self, x: FloatArray, count: int, start: float, end: float) -> Columns:
        """Reduce to the extremes of each column, exactly as :func:`cr_tui.render.curves.decimate.decimate` does.

        A stretch that lies in one column is taken whole; only a stretch across an edge is looked into. So the cost
        grows with the number of columns, and with the logarithm of the number of points.

        Args:
            x: ascending positions of the values, float ``[n]``.
            count: how many columns share the interval.
            start: the middle of the first column.
            end: the middle of the last column; equal to ``start`` puts everything in the first.
        """
        begin, stop = int(np.searchsorted(x, start, "left")), int(np.searchsorted(x, end, "right"))
        scale = (count - 1) / (end - start) if end > start else 0.0
        pieces: list[Pieces] = []
        open_blocks = np.empty(0, dtype=np.intp)
        for number in range(len(self.levels), 0, -1):
            size = _FANOUT**number
            level = self.levels[number - 1]
            blocks = np.concatenate([open_blocks, self._loose(number, begin, stop)])
            blocks = blocks[(blocks + 1) * size > begin]
            first, last = blocks * size, blocks * size + size - 1
            left = np.rint((x[first] - start) * scale)
            whole = (first >= begin) & (last < stop) & (left == np.rint((x[last] - start) * scale))
            taken = blocks[whole]
            summary = {name: column[taken] for name, column in level.items()}
            pieces.append(Pieces(at=first[whole], column=left[whole].astype(np.intp), **summary))
            open_blocks = _children(blocks[~whole])
        points = np.concatenate([open_blocks, self._loose(0, begin, stop)])
        points = points[(points >= begin) & (points < stop)]
        column = np.rint((x[points] - start) * scale).astype(np.intp)
        pieces.append(Pieces.of_points(points, column, self.values[points]))
        return gather(pieces, count)

    def _loose(self, number: int, begin: int, stop: int) -> NDArray[np.intp]:
        """The entries of a level that no entry of the level above summarises."""
        size = _FANOUT**number
        there = len(self.values) if number == 0 else len(self.levels[number - 1]["low"])
        above = _FANOUT * len(self.levels[number]["low"]) if number < len(self.levels) else 0
        return np.arange(max(above, begin // size), min(there, -(-stop // size)), dtype=np.intp)


def _children(blocks: NDArray[np.intp]) -> NDArray[np.intp]:
    return (blocks[:, None] * _FANOUT + np.arange(_FANOUT)).ravel()


class Pyramid:
    """Values that are appended, and the summaries of their stretches."""

    def __init__(self) -> None:
        self._values = Growing()
        self._levels: list[dict[str, Growing]] = []

    def __len__(self) -> int:
        return len(self._values)

    @property
    def levels(self) -> Levels:
        """The series as it is now. Only here are the summaries brought up to date, many values at a time."""
        number, below = 0, len(self._values)
        while below >= _FANOUT:
            if number == len(self._levels):
                self._levels.append({name: Growing(dtype) for name, dtype in _FIELDS.items()})
            level = self._levels[number]
            done, whole = len(level["low"]), below // _FANOUT
            if whole > done:
                summary = self._summary(number, done * _FANOUT, whole * _FANOUT)
                for name, column in level.items():
                    column.extend(summary[name])
            number, below = number + 1, whole
        levels = [{name: column.view for name, column in level.items()} for level in self._levels[:number]]
        return Levels(self._values.view, levels)

    def extend(self, values: FloatArray) -> None:
        """Append values, float ``[n]``; NaN and infinities are kept apart from the extremes."""
        self._values.extend(values)

    def cut(self, length: int) -> None:
        """Keep the first ``length`` values."""
        self._values.cut(length)
        for level in self._levels:
            length //= _FANOUT
            for column in level.values():
                column.cut(length)

    def _summary(self, number: int, begin: int, stop: int) -> dict[str, NDArray[Any]]:
        if number == 0:
            pieces = Pieces.of_points(np.arange(begin, stop), np.zeros(1, dtype=np.intp), self._values.view[begin:stop])
            below = {name: getattr(pieces, name) for name in _FIELDS}
        else:
            below = {name: column.view[begin:stop] for name, column in self._levels[number - 1].items()}
        rows = {name: values.reshape(-1, _FANOUT) for name, values in below.items()}
        return {
            "low": np.fmin.reduce(rows["low"], axis=1),
            "high": np.fmax.reduce(rows["high"], axis=1),
            "first": _first_finite(rows["first"]),
            "last": _first_finite(rows["last"][:, ::-1]),
            "positive": np.fmin.reduce(rows["positive"], axis=1),
            "total": rows["total"].sum(axis=1),
            "number": rows["number"].sum(axis=1),
            "marks": np.bitwise_or.reduce(rows["marks"], axis=1),
        }


def _first_finite(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    at = np.argmax(~np.isnan(rows), axis=1)
    return np.take_along_axis(rows, at[:, None], axis=1)[:, 0]
