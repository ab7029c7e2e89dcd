"""How far work is: the callbacks that long work reports to."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with how much of the work is done, and how much there is."""

PhaseProgress = Callable[[str, int, int], None]
"""Called with what is being done, in words, how much of it is done, and how much there is."""


def ignore_progress(done: int, total: int) -> None:
    """A :data:`Progress` for work whose progress nobody asked for."""
