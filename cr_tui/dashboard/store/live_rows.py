"""The newest scores of runs that are still running, which the registry learns only when a run ends, and their speed."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from engine.runs.events import EventTail, Row, scores_in, speed_of
from engine.runs.folder import RunFolder

WINDOW_SECONDS = 600.0
"""Long enough that a pause for scores or a checkpoint does not count for more than it is."""
_PIECES = 8
"""Pieces of an event log, 32 kB each, read at a time: reading a long log takes several calls."""


class Speedometer:
    """How fast a run goes, from the times of its training rows in the last ten minutes of its log.

    Times of the log are compared with each other alone: the clock of the machine that trains may be another one.
    """

    def __init__(self) -> None:
        self._rows: deque[tuple[float, int]] = deque()
        self._own: float | None = None
        self._attempt, self._seen = 0, 0.0

    def add(self, row: Row, now: float) -> None:
        """Take a training row.

        Args:
            row: the row.
            now: monotonic time in seconds.
        """
        time, step = float(row["time"]), int(row["step"])
        if row["attempt"] != self._attempt or (self._rows and step < self._rows[-1][1]):
            self._rows.clear()
        self._rows.append((time, step))
        while len(self._rows) > 2 and not time - self._rows[0][0] <= WINDOW_SECONDS:
            self._rows.popleft()
        self._own, self._attempt, self._seen = speed_of(row), row["attempt"], now

    def seconds_left(self, now: float, total_steps: int) -> float | None:
        """Seconds until the run ends; None if its speed is not known.

        Args:
            now: monotonic time in seconds.
            total_steps: iterations planned.
        """
        if not self._rows:
            return None
        (first_time, first_step), (last_time, last_step) = self._rows[0], self._rows[-1]
        passed = last_time - first_time
        # Where there is one row, or times make no sense, what the run says itself.
        speed = (last_step - first_step) / passed if passed > 0 else self._own
        return max((total_steps - last_step) / speed - (now - self._seen), 0.0) if speed else None


@dataclass
class _Followed:
    """What was read of a log so far."""

    tail: EventTail
    scores: dict[str, float] = field(default_factory=dict)
    speed: Speedometer = field(default_factory=Speedometer)


class LiveRows:
    """Follows the event logs of live runs."""

    def __init__(self) -> None:
        self._read: dict[str, _Followed] = {}

    def read(self, folder: RunFolder, now: float) -> tuple[dict[str, float], Speedometer]:
        """The newest scores by name that a run has written, and how fast it goes.

        Args:
            folder: of the run.
            now: monotonic time in seconds.
        """
        followed = self._read.get(folder.id)
        if followed is None:
            followed = self._read[folder.id] = _Followed(EventTail(folder.events_path))
        for _ in range(_PIECES):
            batch = followed.tail.read()
            if batch.restarted:
                followed.scores.clear()
                followed.speed = Speedometer()
            for row in batch.rows:
                if row["kind"] == "train":
                    followed.speed.add(row, now)
                followed.scores |= scores_in(row)
            if not batch.more:
                break
        return dict(followed.scores), followed.speed

    def forget(self, run_id: str) -> None:
        """Drop what was read of a run that no longer runs."""
        self._read.pop(run_id, None)
