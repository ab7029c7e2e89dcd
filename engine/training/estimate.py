"""How long training will take, from the first updates of a run and again after each change of schedule."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

WARM_UP = 5
"""Updates that are not timed: libraries set themselves up in them, and a GPU records its graph."""
FEWEST = 5
LEAST_SECONDS = 2.0
_MOST = 500


class Estimate:
    """Times a few updates of each phase of a run. It only reads a clock, so the results of training stay the same.

    Args:
        device: where the updates are computed.
        clock: seconds.
    """

    def __init__(self, device: torch.device, clock: Callable[[], float] = time.perf_counter) -> None:
        self._device = device
        self._clock = clock
        self._updates = 0
        self._began = 0.0
        self._done = False

    def begin_phase(self) -> None:
        """Time anew: the updates to come do something else."""
        self._updates, self._done = 0, False

    def interrupt(self) -> None:
        """Time anew after work that was no update, such as a checkpoint, unless the phase has been timed."""
        if not self._done:
            self._updates = 0

    def update_done(self) -> float | None:
        """Count an update.

        Returns:
            Updates a second, once for each phase when enough have been timed; otherwise ``None``.
        """
        if self._done:
            return None
        self._updates += 1
        if self._updates == WARM_UP:
            self._began = self._now()
        timed = self._updates - WARM_UP
        if timed < FEWEST or (self._clock() - self._began < LEAST_SECONDS and timed < _MOST):
            return None
        self._done = True
        return timed / max(self._now() - self._began, 1e-9)

    def _now(self) -> float:
        """The time at which the device has finished what it was asked for."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return self._clock()
