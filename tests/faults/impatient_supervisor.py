"""The supervisor, with shorter times between its acts, so that tests need not wait."""

from __future__ import annotations

import sys

from engine.launch import spawning, supervisor
from engine.launch.supervising.watched_run import Pace
from engine.machine import gpus

IMPATIENT = Pace(beat_seconds=0.3, retry_seconds=0.1, poll_seconds=0.05, beats_per_round=2)
# Those that it puts back into the queue are to be as impatient.
gpus._PAUSE_SECONDS = 0.5
spawning._SUPERVISOR = (sys.executable, "-P", __file__)

if __name__ == "__main__":
    supervisor.main(sys.argv[1:], IMPATIENT)
