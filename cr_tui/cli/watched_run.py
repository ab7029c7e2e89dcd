"""A run that somebody follows at the terminal."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.launch.waits import Wait
from engine.runs.catalogue import RunRecord, look_again
from engine.runs.events import EventTail, scores_in, speed_of

_SHOWN = ("cr_accuracy",)


@dataclass
class WatchedRun:
    """A run while it is followed.

    Attributes:
        record: as last looked at.
        losses: the newest losses, and the accuracy of the contrastive discriminator.
        scores: the newest scores.
        rate: updates a second, 0 before the first row.
        estimates: what the run said of the time that it takes, oldest first.
        wait: what it waits for while it is queued.
    """

    record: RunRecord
    losses: dict[str, float] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    rate: float = 0.0
    estimates: list[str] = field(default_factory=list)
    wait: Wait | None = None

    def __post_init__(self) -> None:
        self._tail = EventTail(self.record.folder.events_path)

    @property
    def name(self) -> str:
        return self.record.name or self.record.id

    def refresh(self) -> None:
        """Look at the run again."""
        if not self.record.status.terminal:
            self.record = look_again(self.record)
        more = True
        while more:
            batch = self._tail.read()
            for row in batch.rows:
                self._take(row)
            more = batch.more

    def _take(self, row: dict[str, object]) -> None:
        numbers = {name: float(value) for name, value in row.items() if isinstance(value, int | float)}
        if row["kind"] == "train":
            self.losses = {
                name.removeprefix("loss_"): value
                for name, value in numbers.items()
                if name.startswith("loss_") or name in _SHOWN
            }
            self.rate = speed_of(row) or self.rate
        elif row["kind"] == "note" and "estimated_seconds" in row:
            self.estimates.append(str(row.get("text", "")))
        self.scores |= scores_in(row)
