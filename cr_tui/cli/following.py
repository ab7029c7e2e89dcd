"""Following runs that train in the background, until they end or someone presses Ctrl-C."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cr_tui.cli.progress import RunDisplay
from cr_tui.cli.watched_run import WatchedRun
from engine.errors import CrtuiError
from engine.launch.queueing import waits_of
from engine.runs.catalogue import RunRecord

_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Ending:
    """What :func:`follow` returns.

    Attributes:
        records: the runs at the end, in the order given.
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
            told = len(run.estimates)
            run.refresh()
            for text in run.estimates[told:]:
                display.note(f"{run.name}: {text}")
        waits = waits_of([run.record for run in runs])
        for run in runs:
            run.wait = waits.get(run.record.id)
        display.show(runs)
        if not _alive(runs):
            return
        time.sleep(_POLL_SECONDS)


def _alive(runs: Sequence[WatchedRun]) -> int:
    return sum(not run.record.status.terminal for run in runs)


def _stop_all(records: Sequence[RunRecord], display: RunDisplay, stop: Callable[[RunRecord], object]) -> None:
    """Stop all runs at the same time: each call waits for its run, and one after the other would take long."""

    def ask(record: RunRecord) -> None:
        try:
            stop(record)
        except CrtuiError as error:
            # Usually it has just ended by itself.
            display.note(str(error))

    for record in records:
        threading.Thread(target=ask, args=(record,), daemon=True).start()
