"""The newest scores and speeds of runs that are still running: the registry learns scores only when a run ends."""

from __future__ import annotations

from engine.runs.events import EventTail, speed_of
from engine.runs.folder import RunFolder

_PIECES = 8
"""Pieces of an event log, 32 kB each, read at a time: reading a long log takes several calls."""
_NOT_SCORES = frozenset({"step", "time", "kind", "attempt"})


class LiveScores:
    """Follows the event logs of live runs."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[EventTail, dict[str, float]]] = {}
        self._speeds: dict[str, float] = {}

    def of(self, folder: RunFolder) -> dict[str, float]:
        """The newest scores by name that a run has written."""
        tail, scores = self._read.setdefault(folder.id, (EventTail(folder.events_path), {}))
        for _ in range(_PIECES):
            batch = tail.read()
            if batch.restarted:
                scores.clear()
            for row in batch.rows:
                if (speed := speed_of(row)) is not None:
                    self._speeds[folder.id] = speed
                if row["kind"] == "score":
                    numbers = {name: value for name, value in row.items() if name not in _NOT_SCORES}
                    scores.update(
                        (name, float(value)) for name, value in numbers.items() if isinstance(value, int | float)
                    )
            if not batch.more:
                break
        return dict(scores)

    def speed(self, run_id: str) -> float | None:
        """Updates a second, as the run wrote last; what :meth:`of` has read."""
        return self._speeds.get(run_id)

    def forget(self, run_id: str) -> None:
        """Drop what was read of a run that no longer runs."""
        self._read.pop(run_id, None)
        self._speeds.pop(run_id, None)
