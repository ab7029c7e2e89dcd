"""When Python collects garbage: never in the middle of a frame.

By itself Python collects whenever enough objects were made, in the thread that made the last of them, and holds up all
threads meanwhile: 20 ms for young objects and over 100 ms for all, measured with 1,000 runs listed and ten long ones
charted. Almost all of the dashboard's garbage needs no collection: it goes when nothing refers to it any more.
"""

from __future__ import annotations

import gc

_REST_SECONDS = 20.0
"""A user who has pressed no key for so long does not wait for a frame."""
_EVERYTHING_SECONDS = 120.0
_YOUNG = 1
_ALL = 2


def take_over() -> None:
    """Let only :class:`GarbageCollector` collect from now on, and never look at the objects that exist already."""
    gc.disable()
    gc.freeze()


class GarbageCollector:
    """Collects garbage when it is called: among young objects, or among all while the user rests.

    Args:
        now: seconds of a clock that never goes back.
    """

    def __init__(self, now: float) -> None:
        self._user_active = self._all_collected = now
        self._settled = False

    def user_is_active(self, now: float) -> None:
        """Note that the user pressed a key or moved the mouse."""
        self._user_active = now

    def collect(self, now: float) -> int:
        """Collect young objects or, at most every two minutes and only while the user rests, all.

        The first call collects nothing: it exempts the objects that the start has made.

        Returns:
            The oldest generation that was collected, 2 for all objects; -1 for none.
        """
        if not self._settled:
            self._settled = True
            if not gc.isenabled():
                gc.freeze()
            return -1
        at_rest = now - self._user_active >= _REST_SECONDS
        generation = _ALL if at_rest and now - self._all_collected >= _EVERYTHING_SECONDS else _YOUNG
        if generation == _ALL:
            self._all_collected = now
        gc.collect(generation)
        return generation
