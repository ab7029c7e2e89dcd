"""A whole event log, row by row, in memory that does not grow with the log.

Which rows a later attempt has superseded is known only at the end of the file. So it is read twice: :func:`survey`
notes where attempts began and what there is, and :meth:`Survey.rows` gives the rows that stand.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

from engine.runs.events import EventTail, Row, chosen

_PART_BYTES = 2**20
_NO_NUMBERS = frozenset(("step", "time", "kind", "attempt", "text", "resumed_step"))


@dataclass
class Survey:
    """What an event log holds.

    Attributes:
        path: the log.
        kinds: the kinds of rows that were asked for.
        bad_lines: how many lines were no events.
        names: the numbers of rows that stand, in the order in which they first come.
    """

    path: Path
    kinds: Collection[str]
    bad_lines: int = 0
    names: list[str] = field(default_factory=list)
    _last_steps: list[float] = field(default_factory=list)
    """For each part of the file the last step of it that later parts leave standing."""

    def rows(self, names: Sequence[str] | None = None) -> Iterator[Row]:
        """The rows that stand, in the order of writing.

        Args:
            names: only rows that have one of these, and of each only these and what every row has; default: all.
        """
        tail = EventTail(self.path, limit=_PART_BYTES)
        # What was written since the survey is left to the next one.
        for last_step in self._last_steps:
            batch = tail.read()
            if batch.restarted:
                return
            standing = [row for row in batch.rows if row["step"] <= last_step]
            yield from chosen(standing, self.kinds, names)


def survey(path: Path, kinds: Collection[str]) -> Survey:
    """Read an event log once, up to its last whole line.

    Args:
        path: the log; one that does not exist is empty.
        kinds: the kinds of rows that are asked for.
    """
    found = Survey(path, kinds)
    tail = EventTail(path, limit=_PART_BYTES)
    cuts: list[float] = []
    first_steps: list[dict[str, int]] = []
    more = True
    while more:
        batch = tail.read()
        if batch.restarted:
            return survey(path, kinds)
        cuts.append(math.inf if batch.resumed_step is None else batch.resumed_step)
        first_steps.append(_first_steps([row for row in batch.rows if row["kind"] in kinds]))
        found.bad_lines += batch.bad_lines
        more = batch.more
    # A part is cut by those behind it. What it cuts of itself, the tail has left out already.
    found._last_steps = [*reversed(list(accumulate(reversed(cuts[1:]), min))), math.inf]
    standing = (
        name
        for last_step, steps in zip(found._last_steps, first_steps, strict=True)
        for name, step in steps.items()
        if step <= last_step
    )
    found.names = list(dict.fromkeys(standing))
    return found


def _first_steps(rows: Sequence[Row]) -> dict[str, int]:
    """Of each number the least step at which there is one."""
    least: dict[str, int] = {}
    for row in rows:
        step = row["step"]
        for name in row.keys() - _NO_NUMBERS:
            if step < least.get(name, step + 1):
                least[name] = step
    order = dict.fromkeys(name for row in rows for name in row)
    return {name: least[name] for name in order if name in least}
