"""Reads the curves and logs of several runs as they grow, in one thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from threading import Event, Lock

from cr_tui.dashboard.model.curves import Curve, RunCurves, ScalarKey
from cr_tui.dashboard.model.data import Follower, Source
from engine.errors import CrtuiError

_CATCH_UP_SECONDS = 0.5
"""Between two drawings while a long history is read."""
_IDLE_SECONDS = 0.1
_PAUSE_SECONDS = 0.001
"""Between two pieces of a long history, so that the event loop gets its turn."""
_KEPT_UNWANTED = 4
"""Runs that are kept after nothing shows them any more, so that coming back to them takes no time."""


class CurveReader:
    """Follows the runs that are wanted. A thread calls :meth:`run`; any thread may call :meth:`want` and :meth:`close`.

    Args:
        source: where to read.
        interval: least seconds between two reports once the files have been read to their end.
        report: called by the reading thread with the curves of all wanted runs, whenever some are new.
    """

    def __init__(self, source: Source, interval: float, report: Callable[[Mapping[str, RunCurves]], None]) -> None:
        self._source = source
        self._interval = interval
        self._report = report
        self._lock = Lock()
        self._woken = Event()
        self._closed = False
        self._wanted: tuple[str, ...] = ()
        self._smoothing = 0.0
        self._followers: dict[str, Follower] = {}
        self._curves: dict[str, RunCurves] = {}
        self._smoothed_by: dict[str, float] = {}
        self._caught_up: set[str] = set()

    def want(self, run_ids: Iterable[str], smoothing: float = 0.0) -> None:
        """Follow these runs and no others from now on, and smooth with this weight of the past; 0 does not smooth."""
        wanted = tuple(dict.fromkeys(run_ids))
        with self._lock:
            if (wanted, smoothing) != (self._wanted, self._smoothing):
                self._wanted, self._smoothing = wanted, smoothing
                self._woken.set()

    def close(self) -> None:
        """End the thread."""
        self._closed = True
        self._woken.set()

    def run(self) -> None:
        """Read until closed."""
        reported = 0.0
        pending: set[str] = set()
        while not self._closed:
            with self._lock:
                wanted, smoothing = self._wanted, self._smoothing
                woken = self._woken.is_set()
                self._woken.clear()
            if woken:
                self._choose(wanted)
                pending |= {run_id for run_id in wanted if self._smoothed_by.get(run_id) != smoothing}
            growing = {run_id for run_id in wanted if self._poll(run_id)}
            caught_up = set(wanted) - growing - self._caught_up
            self._caught_up |= caught_up
            pending |= growing | caught_up
            interval = self._interval if self._caught_up.issuperset(wanted) else _CATCH_UP_SECONDS
            if woken or caught_up or (pending and time.monotonic() - reported >= interval):
                for run_id in pending & set(wanted):
                    self._publish(run_id, smoothing)
                self._report({run_id: self._curves[run_id] for run_id in wanted if run_id in self._curves})
                reported, pending = time.monotonic(), set()
            if growing:
                time.sleep(_PAUSE_SECONDS)
            else:
                self._woken.wait(_IDLE_SECONDS if wanted else None)

    def _choose(self, wanted: tuple[str, ...]) -> None:
        for run_id in wanted:
            if run_id not in self._followers:
                try:
                    self._followers[run_id] = self._source.follow(run_id)
                except CrtuiError:
                    self._curves[run_id] = RunCurves(run_id)
        unwanted = [run_id for run_id in self._followers if run_id not in wanted]
        for run_id in unwanted[: max(len(unwanted) - _KEPT_UNWANTED, 0)]:
            for kept in (self._followers, self._curves, self._smoothed_by):
                kept.pop(run_id, None)
            self._caught_up.discard(run_id)

    def _poll(self, run_id: str) -> bool:
        follower = self._followers.get(run_id)
        return follower is not None and follower.poll()

    def _publish(self, run_id: str, smoothing: float) -> None:
        follower = self._followers.get(run_id)
        if follower is None:
            return
        history = follower.history
        measured = {key: curve for key in history.keys if (curve := history.curve(*key)) is not None}
        smoothed: dict[ScalarKey, Curve] = {}
        if smoothing:
            smoothed = {key: curve for key in measured if (curve := history.smoothed(*key, smoothing)) is not None}
        self._smoothed_by[run_id] = smoothing
        self._curves[run_id] = RunCurves(run_id, measured, smoothed, tuple(follower.log), run_id in self._caught_up)
