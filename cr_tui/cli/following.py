"""Following runs that train in the background, until they end or someone presses Ctrl-C."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cr_tui.cli.progress import RunDisplay
from engine.errors import CrtuiError
from engine.runs.catalogue import RunRecord, look_at
from engine.runs.events import EventTail

_POLL_SECONDS = 0.5
_SHOWN = ("cr_accuracy",)


@dataclass
class WatchedRun:
    """A run while it is followed.

    Attributes:
        record: as last looked at.
        losses: the newest losses, and the accuracy of the contrastive discriminator.
        scores: the newest scores.
        rate: updates a second, 0 before the first row.
    """

    record: RunRecord
    losses: dict[str, float] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    rate: float = 0.0

    def __post_init__(self) -> None:
        self._tail = EventTail(self.record.folder.events_path)

    @property
    def name(self) -> str:
        return self.record.name or self.record.id

    def refresh(self) -> None:
        """Look at the run again."""
        if not self.record.status.terminal:
            self.record = look_at(self.record.folder)
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
            self.rate = numbers.get("iterations_per_second", self.rate)
        elif row["kind"] == "score":
            self.scores |= {name: value for name, value in numbers.items() if name not in ("step", "time", "attempt")}


@dataclass(frozen=True)
class Ending:
    """How the following of runs ended.

    Attributes:
        records: the runs as they are then, in the order given.
        interrupted: someone pressed Ctrl-C.
    """

    records: list[RunRecord]
    interrupted: bool


def follow(records: Sequence[RunRecord], display: RunDisplay, stop: Callable[[RunRecord], object]) -> Ending:
    """Watch runs until all have ended.

    The first Ctrl-C stops them, each with a checkpoint, and waits for that; the second stops waiting.

    Args:
        records: the runs.
        display: shows them.
        stop: ends a run and returns when it has ended.
    """
    runs = [WatchedRun(record) for record in records]
    interrupted = False
    with display:
        while True:
            try:
                _watch(runs, display)
                break
            except KeyboardInterrupt:
                if interrupted:
                    display.note(
                        f"not waiting for {_alive(runs)} of the runs; 'crtui runs list' shows what becomes of them"
                    )
                    break
                interrupted = True
                display.note("stopping with a checkpoint; press Ctrl-C again to leave them to it")
                _stop_all([run.record for run in runs if not run.record.status.terminal], display, stop)
    return Ending([run.record for run in runs], interrupted)


def _watch(runs: Sequence[WatchedRun], display: RunDisplay) -> None:
    while True:
        for run in runs:
            run.refresh()
        display.show(runs)
        if not _alive(runs):
            return
        time.sleep(_POLL_SECONDS)


def _alive(runs: Sequence[WatchedRun]) -> int:
    return sum(not run.record.status.terminal for run in runs)


def _stop_all(records: Sequence[RunRecord], display: RunDisplay, stop: Callable[[RunRecord], object]) -> None:
    """Ask all at once: each call waits for its run, and the person shall not wait for one after the other."""

    def ask(record: RunRecord) -> None:
        try:
            stop(record)
        except CrtuiError as error:
            # As a rule it has just ended by itself.
            display.note(str(error))

    for record in records:
        threading.Thread(target=ask, args=(record,), daemon=True).start()
