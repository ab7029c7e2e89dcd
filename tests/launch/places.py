"""The places of those that wait, for tests of the queue."""

from __future__ import annotations

from engine.launch.waits import waits


def places() -> dict[str, int]:
    """The place in line of each waiter, by name."""
    return {name: wait.place for name, wait in waits().items()}
