"""The supervisor, with shorter times between its acts, so that tests need not wait."""

from __future__ import annotations

import sys

from engine.launch import spawning, supervisor

supervisor.BEAT_SECONDS = 0.3
supervisor.RETRY_SECONDS = 0.1
supervisor._POLL_SECONDS = 0.05
supervisor._BEATS_PER_ROUND = 2
# Those that it puts back into the queue are to be as impatient.
spawning._SUPERVISOR = (sys.executable, "-P", __file__)

if __name__ == "__main__":
    supervisor.main(sys.argv[1:])
