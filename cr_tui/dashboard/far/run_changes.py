"""The list of runs as it goes over a line: whole at first, and after that only what has changed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from cr_tui.dashboard.far.wire import plain, typed
from cr_tui.dashboard.model.data import Run
from engine.errors import WorkError
from engine.remote.run_files import require_id

_RUNS_A_MESSAGE = 1000
_NAMES = tuple(field.name for field in fields(Run))
_MOST_RUNS = 200_000
_CLOCK_SECONDS = 5.0
"""Clocks that differ by less count as the same: an answer takes some time to come."""


class SentRuns:
    """The far side: remembers what it has sent on this connection. Used by one thread at a time.

    Attributes:
        unfinished: the list of which only a part was sent; ``None`` where there is none.
    """

    def __init__(self) -> None:
        self.unfinished: Sequence[Run] | None = None
        self._sent: dict[str, Run] = {}
        self._first = True

    def changes(self, runs: Sequence[Run]) -> dict[str, Any] | None:
        """What the near side does not know of a list, or a part of that; ``None`` where there is nothing.

        A list that is sent in parts is whole when a message without ``more`` has come. What has changed of runs that
        are known already comes after that.
        """
        present = {run.id for run in runs}
        gone = [run_id for run_id in self._sent if run_id not in present]
        for run_id in gone:
            del self._sent[run_id]
        new = [run for run in runs if run.id not in self._sent]
        # A run that has not changed is the same object.
        changed = [run for run in runs if run.id in self._sent and self._sent[run.id] is not run]
        now = [*new, *changed][:_RUNS_A_MESSAGE]
        written = [self._changed(run) for run in now]
        self._sent |= {run.id: run for run in now}
        written = [change for change in written if len(change) > 1]
        first, self._first = self._first, False
        self.unfinished = runs if len(new) > len(now) else None
        if not (written or gone or first):
            return None
        return {"first": first, "now": time.time(), "runs": written, "gone": gone, "more": self.unfinished is not None}

    def _changed(self, run: Run) -> dict[str, Any]:
        before = self._sent.get(run.id)
        new = {
            name
            for name in _NAMES
            # The time of the last heartbeat is not shown.
            if before is None or (name != "updated" and getattr(before, name) != getattr(run, name))
        }
        return {name: value for name, value in plain(Run, run).items() if name in new or name == "id"}


class KnownRuns:
    """The near side: the list as far as it has come. Used by one thread at a time.

    Attributes:
        runs: the newest whole list, oldest run first; ``None`` before there was one.
        clock: seconds by which this machine's clock is ahead of the other's. Times of runs are given in ours.
    """

    def __init__(self) -> None:
        self.runs: list[Run] | None = None
        self.clock = 0.0
        self._plain: dict[str, dict[str, Any]] = {}
        self._known: dict[str, Run] = {}

    def take(self, change: Mapping[str, Any]) -> None:
        """Take in a message.

        Raises:
            InputError: it has an id that is none.
            WorkError: it is no such message.
        """
        try:
            first, runs, gone, more = change["first"], list(change["runs"]), list(change["gone"]), change["more"]
            if first:
                self._plain, self._known = {}, {}
                ahead = time.time() - float(change["now"])
                self.clock = ahead if abs(ahead) > _CLOCK_SECONDS else 0.0
            for run_id in map(require_id, gone):
                self._plain.pop(run_id, None)
                self._known.pop(run_id, None)
            for changed in runs:
                run_id = require_id(changed["id"])
                whole = self._plain.setdefault(run_id, {})
                whole.update((name, value) for name, value in changed.items() if name in _NAMES)
                run = typed(Run, whole)
                self._known[run_id] = replace(run, created=run.created + self.clock, updated=run.updated + self.clock)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise WorkError("the other machine sent no list of runs; are both crtui alike?") from error
        if len(self._known) > _MOST_RUNS:
            raise WorkError(f"the other machine lists more than {_MOST_RUNS:,} runs")
        if not more:
            self.runs = sorted(self._known.values(), key=lambda run: run.id)
