"""What is known of a run whose processes cannot be seen from this machine."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from engine.runs.folder import RunFolder
from engine.runs.state import RunState, Status
from engine.storage.descriptors import status, time_of_new

_SILENCE_SECONDS = 15 * 60.0
"""A run of another machine counts as crashed after this time without a heartbeat: nothing else can be known of it. It
is as long as a supervisor waits for a store that refuses its heartbeats."""
_CLOCK_SECONDS = 60.0
_clocks: dict[Path, tuple[float, float]] = {}
"""How far the clock of a store's file system is ahead of the monotonic one here, and when that was found out."""


@dataclass(frozen=True)
class Sighting:
    """What a launcher knows of a run beyond the run's folder.

    Attributes:
        alive: whether something will still write about the run.
        waits: whether it waits in a scheduler's queue, whatever the folder says.
        status: how it ended, if it is not alive and did not say so itself.
        reason: why, in one sentence.
        by_scheduler: whether the scheduler ended it. Then ``reason`` is better than the worker's, which only knows that
            it was asked to stop.
    """

    alive: bool
    waits: bool = False
    status: Status = Status.CRASHED
    reason: str | None = None
    by_scheduler: bool = False


def is_elsewhere(state: RunState) -> bool:
    """Whether a run is another machine's, so that its processes cannot be seen from here."""
    return any(identity.elsewhere for identity in (state.supervisor, state.worker) if identity)


def said_of_silence(folder: RunFolder, state: RunState) -> str | None:
    """What is to be said of a run of another machine that has not been heard of for longer than it promised.

    That proves nothing yet, so it may be told as soon as that.

    Returns:
        One sentence; ``None`` where the run was heard of.

    Raises:
        StoreError: the state cannot be looked at just now.
    """
    if state.status.terminal or state.next_beat is None:
        return None
    if _silence(folder) <= state.next_beat - (state.heartbeat or 0.0):
        return None
    [host, *_] = [identity.host for identity in (state.supervisor, state.worker) if identity]
    written = status(folder.state_path)
    since = time.strftime("%H:%M:%S", time.localtime(written.st_mtime if written else time.time()))
    return f"nothing was heard from machine '{host}' since {since}: it has died there, or cannot reach the store"


def _silence(folder: RunFolder) -> float:
    """Seconds since a state was written, by the one clock that machines share: that of the store's file system.

    Those of the machines themselves may differ by any time, and then a live run would seem dead.

    Raises:
        StoreError: the state cannot be looked at just now.
    """
    runs = folder.path.parent
    now = time.monotonic()
    ahead, found_out = _clocks.get(runs, (0.0, now - _CLOCK_SECONDS))
    if now - found_out >= _CLOCK_SECONDS:
        try:
            ahead = time_of_new(runs) - now
        except OSError:
            # Who may not write there has no other clock than this machine's.
            ahead = time.time() - now
        _clocks[runs] = ahead, now
    written = status(folder.state_path)
    return 0.0 if written is None else now + ahead - written.st_mtime


def by_heartbeat(folder: RunFolder, state: RunState) -> Sighting:
    """What the state itself says: a run of this machine without processes is over, one of another counts as alive for a
    while after its last heartbeat.

    Raises:
        StoreError: that cannot be found out just now.
    """
    identities = [identity for identity in (state.supervisor, state.worker) if identity]
    if is_elsewhere(state):
        alive = _silence(folder) < _SILENCE_SECONDS
        minutes = _SILENCE_SECONDS / 60
        return Sighting(
            alive, reason=f"nothing was heard of it for {minutes:.0f} minutes from machine '{identities[0].host}'"
        )
    if any(identity.before_reboot for identity in identities):
        return Sighting(alive=False, reason="the machine was rebooted")
    if state.status is Status.QUEUED:
        return Sighting(alive=False, reason="its supervisor vanished before training began; log.txt may say why")
    return Sighting(alive=False, reason="its processes vanished (killed, or out of memory)")
