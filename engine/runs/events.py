"""The event log of a run: JSON lines, one writer (:mod:`engine.runs.event_log`), any number of readers meanwhile.

A line is ``{"step", "time", "kind", "attempt", <name>: number, ...}``. Numbers that are not finite, which JSON lacks
and a diverging run needs, are written as the strings ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``.

A resumed run repeats steps. What an earlier attempt wrote about steps after the one that a later attempt continued
from is superseded: it stays in the file, and no reader of this module shows it.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import stat
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import orjson

from engine.errors import StoreError
from engine.runs.state import MAX_INTEGER
from engine.storage.descriptors import open_regular, status
from engine.storage.files import read_tail

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Kind = Literal["train", "score", "system", "note"]
Row = dict[str, Any]
"""One event: ``step``, ``time``, ``kind``, ``attempt`` and whatever else was written, numbers as floats or ints."""

KINDS: tuple[Kind, ...] = get_args(Kind)
SPEED = "iterations_per_second"
"""How fast training was since the row before: a number of each training row (:mod:`engine.training.loop`)."""
RESUMED_STEP = "resumed_step"
_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_TAIL_BYTES = 32 * 1024
_WHOLE_BYTES = 4 * 2**20
_LAST_BYTES = (2048, 64 * 1024)
"""How much of the end of a log is read to find its last event: most lines are short."""
_MANY_LAST_BYTES = 2**20
_NOT_SCORES = frozenset({"step", "time", "kind", "attempt"})
_MAX_LINE_BYTES = 2**20


@dataclass
class EventBatch:
    """What a reader has not seen before.

    Attributes:
        rows: new events, none of them superseded by another of the batch.
        bad_lines: how many lines were no events.
        restarted: the file was replaced or cut: forget every row of earlier batches.
        resumed_step: the run was resumed from here: forget rows of earlier batches with a later step.
        more: there was more to read than one call may.
    """

    rows: list[Row] = field(default_factory=list)
    bad_lines: int = 0
    restarted: bool = False
    resumed_step: int | None = None
    more: bool = False
    _resumed: list[tuple[int, int]] = field(default_factory=list)
    """How many rows there were when the run was resumed, and from which step."""

    def supersede(self, step: int) -> None:
        """Forget every row so far of a later step; :meth:`settled` does it, once for all."""
        self._resumed.append((len(self.rows), step))
        self.resumed_step = step if self.resumed_step is None else min(step, self.resumed_step)

    def settled(self) -> EventBatch:
        """This batch without superseded rows.

        One pass from the end, however often the run was resumed: a log may hold nothing but resumes.
        """
        if not self._resumed:
            return self
        lowest: float = math.inf
        kept = []
        for place in range(len(self.rows), 0, -1):
            while self._resumed and self._resumed[-1][0] >= place:
                lowest = min(lowest, self._resumed.pop()[1])
            if self.rows[place - 1]["step"] <= lowest:
                kept.append(self.rows[place - 1])
        self._resumed.clear()
        self.rows = kept[::-1]
        return self


class EventTail:
    """Follows an event log as it grows.

    Args:
        path: the log; it need not exist yet.
        limit: most bytes that one :meth:`read` takes from the file, so that a screen never waits for a long one.
    """

    def __init__(self, path: Path, limit: int = _TAIL_BYTES) -> None:
        self._path = path
        self._limit = limit
        self._identity: tuple[int, int] | None = None
        self._restart()

    def read(self) -> EventBatch:
        """Take what was written since the last call, up to the last whole line.

        Returns:
            The new events; empty where nothing was written. A log that is missing or unreadable is an empty one.
        """
        batch = EventBatch()
        try:
            found = status(self._path)
        except StoreError:
            # It may be there again in a moment, as it was.
            return batch
        identity = (found.st_dev, found.st_ino) if found and stat.S_ISREG(found.st_mode) else None
        size = found.st_size if found and identity else 0
        if size < self._offset or (self._offset and identity != self._identity):
            self._restart()
            batch.restarted = True
        self._identity = identity
        if size > self._offset:
            chunk = self._chunk(size, batch)
            self._take(chunk, batch)
            batch.more = bool(chunk) and self._offset < size
        return batch.settled()

    def _restart(self) -> None:
        self._offset = 0
        self._partial = b""
        self._oversized = False
        self._attempt = 0

    def _chunk(self, size: int, batch: EventBatch) -> bytes:
        """The next bytes. Where the file has a hole, which may be a terabyte of nothing, what is behind it."""
        try:
            descriptor = open_regular(self._path)
        except OSError:
            return b""
        try:
            data = _next_data(descriptor, self._offset, size)
            if data > self._offset:
                # The line that the hole is in is no event.
                batch.bad_lines += not self._oversized
                self._offset, self._partial, self._oversized = data, b"", True
            return os.pread(descriptor, self._limit, self._offset)
        except OSError:
            return b""
        finally:
            os.close(descriptor)

    def _take(self, chunk: bytes, batch: EventBatch) -> None:
        self._offset += len(chunk)
        lines = (self._partial + chunk).split(b"\n")
        self._partial = lines.pop()
        if lines and self._oversized:
            del lines[0]
            self._oversized = False
        if len(self._partial) > _MAX_LINE_BYTES:
            batch.bad_lines += not self._oversized
            self._oversized = True
        if self._oversized:
            self._partial = b""
        for line in lines:
            row = _parsed(line)
            if row is not None:
                self._admit(row, batch)
            elif line:
                batch.bad_lines += 1

    def _admit(self, row: Row, batch: EventBatch) -> None:
        attempt, resumed_step = row["attempt"], row.get(RESUMED_STEP)
        if resumed_step is None and attempt < self._attempt:
            return
        if resumed_step is None and attempt > self._attempt > 0 and row["kind"] != "note":
            resumed_step = row["step"] - 1
        if isinstance(resumed_step, int):
            batch.supersede(resumed_step)
        if isinstance(resumed_step, int) or self._attempt == 0:
            self._attempt = attempt
        batch.rows.append(row)


@dataclass
class Events:
    """The events of a run.

    Attributes:
        rows: in the order of writing, superseded ones left out.
        bad_lines: how many lines were no events.
    """

    rows: list[Row]
    bad_lines: int = 0

    def series(self, name: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """One number over time.

        Args:
            name: for example ``"loss_generator"``.

        Returns:
            Steps int64 ``[n]`` and values float64 ``[n]`` of the rows that have it.
        """
        import numpy as np

        points = [(row["step"], row[name]) for row in self.rows if isinstance(row.get(name), int | float)]
        steps = np.array([step for step, _ in points], dtype=np.int64)
        return steps, np.array([float(value) for _, value in points], dtype=np.float64)


def read_events(path: Path, kinds: Collection[str] | None = None, names: Sequence[str] | None = None) -> Events:
    """Read a whole event log, up to its last whole line.

    Args:
        path: the log; one that does not exist is empty.
        kinds: only rows of these kinds; default: all.
        names: only rows that have one of these, and of each only these and ``step, time, kind, attempt``; default: all.
    """
    tail = EventTail(path, limit=_WHOLE_BYTES)
    whole = EventBatch()
    more = True
    while more:
        batch = tail.read()
        if batch.restarted:
            whole = EventBatch()
        if batch.resumed_step is not None:
            whole.supersede(batch.resumed_step)
        whole.rows += chosen(batch.rows, kinds, names)
        whole.bad_lines += batch.bad_lines
        more = batch.more
    return Events(whole.settled().rows, whole.bad_lines)


def last_step(path: Path) -> int | None:
    """The step of the last event, from the end of the file alone; ``None`` where there is none."""
    row = last_row(path)
    return None if row is None else int(row["step"])


def speed_of(row: Row | None) -> float | None:
    """Iterations a second over the training row; ``None`` for other events, and where it says nothing that can be."""
    speed = None if row is None else row.get(SPEED)
    if not isinstance(speed, int | float) or isinstance(speed, bool):
        return None
    return float(speed) if 0 < speed < math.inf else None


def scores_in(row: Row) -> dict[str, float]:
    """The scores of an event, by name; empty if it is none of scores."""
    if row["kind"] != "score":
        return {}
    return {
        name: float(value)
        for name, value in row.items()
        if name not in _NOT_SCORES and isinstance(value, int | float) and not isinstance(value, bool)
    }


def newest_scores(path: Path) -> dict[str, float]:
    """The scores that were written last, if that was in the last megabyte."""
    row = last_row(path, kind="score", sizes=(*_LAST_BYTES, _MANY_LAST_BYTES))
    return {} if row is None else scores_in(row)


def last_row(
    path: Path, name: str | None = None, kind: Kind | None = None, sizes: Sequence[int] = _LAST_BYTES
) -> Row | None:
    """The last event, from the end of the file alone; ``None`` where there is none.

    Args:
        path: of the log.
        name: only events that have a number of this name.
        kind: only events of this kind.
        sizes: how many bytes of the end are looked at, growing.
    """
    with contextlib.suppress(OSError):
        for size in sizes:
            end = read_tail(path, size)
            for line in reversed(end.split(b"\n")[:-1]):
                row = _parsed(line)
                if row is not None and (name is None or name in row) and kind in (None, row["kind"]):
                    return row
            if len(end) < size:
                break
    return None


def _next_data(descriptor: int, offset: int, size: int) -> int:
    """Where the next bytes are that were written; the size of the file if there are none (lseek(2), ``SEEK_DATA``)."""
    if not hasattr(os, "SEEK_DATA"):
        return offset
    try:
        return os.lseek(descriptor, offset, os.SEEK_DATA)
    except OSError as error:
        return size if error.errno == errno.ENXIO else offset


def chosen(rows: list[Row], kinds: Collection[str] | None, names: Sequence[str] | None) -> Iterator[Row]:
    """Rows of some kinds that have one of some numbers, and of each only these; see :func:`read_events`."""
    for row in rows:
        if kinds is not None and row["kind"] not in kinds:
            continue
        if names is None:
            yield row
        elif any(name in row for name in names):
            kept = ("step", "time", "kind", "attempt", *names)
            yield {name: row[name] for name in kept if name in row}


def _parsed(line: bytes) -> Row | None:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(row, dict):
        return None
    row.setdefault("attempt", 1)
    counts_are_good = all(type(row.get(name)) is int and 0 <= row[name] <= MAX_INTEGER for name in ("step", "attempt"))
    if not (counts_are_good and isinstance(row.get("time"), int | float) and row.get("kind") in KINDS):
        return None
    for name, value in row.items():
        if isinstance(value, str) and value in _NON_FINITE and name != "text":
            row[name] = _NON_FINITE[value]
    return row
