"""What is known of a run whose processes cannot be seen from this machine."""

from __future__ import annotations

import time
from dataclasses import dataclass

from engine.runs.state import RunState, Status

_SILENCE_SECONDS = 15 * 60.0
"""A run of another machine counts as crashed after this time without a heartbeat: nothing else can be known of it."""


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


def by_heartbeat(state: RunState) -> Sighting:
    """What the state itself says: a run of this machine without processes is over, one of another counts as alive for a
    while after its last heartbeat.
    """
    identities = [identity for identity in (state.supervisor, state.worker) if identity]
    if any(identity.elsewhere for identity in identities):
        alive = time.time() - (state.next_beat or state.updated) < _SILENCE_SECONDS
        minutes = _SILENCE_SECONDS / 60
        return Sighting(
            alive, reason=f"nothing was heard of it for {minutes:.0f} minutes from machine '{identities[0].host}'"
        )
    if any(identity.before_reboot for identity in identities):
        return Sighting(alive=False, reason="the machine was rebooted")
    if state.status is Status.QUEUED:
        return Sighting(alive=False, reason="its supervisor vanished before training began; log.txt may say why")
    return Sighting(alive=False, reason="its processes vanished (killed, or out of memory)")
