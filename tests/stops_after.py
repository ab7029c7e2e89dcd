"""A request to stop that comes after some updates, for tests that run a worker in their own process."""

from __future__ import annotations


class StopsAfter:
    """A request to stop after so many updates."""

    def __init__(self, updates: int) -> None:
        self._left = updates

    @property
    def requested(self) -> bool:
        """Whether so many updates have been made."""
        self._left -= 1
        return self._left < 0
