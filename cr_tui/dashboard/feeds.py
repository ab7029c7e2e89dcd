"""The curves and logs of several runs, read as they grow by one thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event, Lock

from cr_tui.dashboard.data import Follower, Source
from cr_tui.dashboard.history import ScalarKey, Track
from cr_tui.render.pyramid import Levels
from engine.errors import CrtuiError

_CATCH_UP_SECONDS = 0.5
"""Between two drawings while a long history is read."""
_IDLE_SECONDS = 0.1
_PAUSE_SECONDS = 0.001
"""Between two pieces of a long history, so that the event loop gets its turn."""
_KEPT_UNWANTED = 4
"""Runs that stay read although nothing shows them any more: coming back to them is at once."""


@dataclass(frozen=True, eq=False)
class Feed:
    """What was read of a run so far. It never changes; a newer one takes its place.

    Args:
        tracks: every scalar.
        smoothed: the exponential moving average of every scalar, when smoothing is asked for.
        log: the newest lines of its log.
        complete: whether all that is there has been read.
    """

    run_id: str
    tracks: Mapping[ScalarKey, Track] = field(default_factory=dict)
    smoothed: Mapping[ScalarKey, Levels] = field(default_factory=dict)
    log: Sequence[str] = ()
    complete: bool = True


class Feeds:
    """Follows the runs that are wanted. All but :meth:`want` and :meth:`close` is done by the thread in :meth:`run`.

    Args:
        source: where to read.
        interval: least seconds between two reports on what has been caught up with.
        report: called by the thread with the newest feeds of the wanted runs, whenever one is new.
    """

    def __init__(self, source: Source, interval: float, report: Callable[[Mapping[str, Feed]], None]) -> None:
        self._source = source
        self._interval = interval
        self._report = report
        self._lock = Lock()
        self._woken = Event()
        self._closed = False
        self._wanted: tuple[str, ...] = ()
        self._smoothing = 0.0
        self._followers: dict[str, Follower] = {}
        self._feeds: dict[str, Feed] = {}
        self._smoothed_by: dict[str, float] = {}
        self._caught_up: set[str] = set()

    def want(self, run_ids: Iterable[str], smoothing: float = 0.0) -> None:
        """Say which runs are to be followed, and with which smoothing, from now on."""
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
                self._report({run_id: self._feeds[run_id] for run_id in wanted if run_id in self._feeds})
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
                    self._feeds[run_id] = Feed(run_id)
        unwanted = [run_id for run_id in self._followers if run_id not in wanted]
        for run_id in unwanted[: max(len(unwanted) - _KEPT_UNWANTED, 0)]:
            for kept in (self._followers, self._feeds, self._smoothed_by):
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
        tracks = {key: track for key in history.keys if (track := history.track(*key)) is not None}
        smoothed: dict[ScalarKey, Levels] = {}
        if smoothing:
            smoothed = {key: levels for key in tracks if (levels := history.smoothed(*key, smoothing)) is not None}
        self._smoothed_by[run_id] = smoothing
        self._feeds[run_id] = Feed(run_id, tracks, smoothed, tuple(follower.log), run_id in self._caught_up)
