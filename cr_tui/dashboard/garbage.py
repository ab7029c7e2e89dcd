"""When Python looks for garbage: not in the middle of a frame.

By itself it looks whenever enough objects were made, in whatever thread made the last of them, and holds up all threads
meanwhile: 20 ms for what is young and over 100 ms for everything, measured with 1,000 runs listed and ten long ones
charted. Almost all of the dashboard's garbage goes without that, as soon as nothing refers to it.
"""

from __future__ import annotations

import gc

_REST_SECONDS = 20.0
"""Nobody who pressed no key for so long waits for a frame."""
_EVERYTHING_SECONDS = 120.0
_YOUNG = 1


def take_over() -> None:
    """Have garbage looked for only by :class:`Sweeper`; what is there now stays for good and is not looked at."""
    gc.disable()
    gc.freeze()


class Sweeper:
    """Looks for garbage when it is called, among all objects only while nobody is there.

    Args:
        now: seconds of a clock that never goes back.
    """

    def __init__(self, now: float) -> None:
        self._touched = self._swept = now
        self._settled = False

    def touch(self, now: float) -> None:
        """Somebody pressed a key or moved the mouse."""
        self._touched = now

    def sweep(self, now: float) -> int:
        """Look for garbage among young objects or, now and then and at rest, among all.

        The first time nothing is looked at: what the start has made stays.

        Returns:
            The oldest generation that was looked at, 2 being all; -1 for none.
        """
        if not self._settled:
            self._settled = True
            if not gc.isenabled():
                gc.freeze()
            return -1
        at_rest = now - self._touched >= _REST_SECONDS
        generation = 2 if at_rest and now - self._swept >= _EVERYTHING_SECONDS else _YOUNG
        if generation == 2:
            self._swept = now
        gc.collect(generation)
        return generation
