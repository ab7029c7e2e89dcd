"""How busy the machine was: the readings of the last hour, whichever screen asked for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cr_tui.dashboard.model.data import Gpu, Machine

_SECONDS = 3600.0
_MOST = 3600
_GIB = 2**30
_MIB_A_GIB = 1024
Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Minutes before the newest reading, ascending to 0, and values, float ``[n]`` each."""


class MachineHistory:
    """Readings of the machine, oldest first."""

    def __init__(self) -> None:
        self._readings: deque[Machine] = deque(maxlen=_MOST)

    def add(self, machine: Machine) -> None:
        """Remember a reading; one that is no newer than the last is left out."""
        if self._readings and machine.at <= self._readings[-1].at:
            return
        self._readings.append(machine)
        while machine.at - self._readings[0].at > _SECONDS:
            self._readings.popleft()

    @property
    def cpu(self) -> Curve:
        """Per cent of all processors."""
        return self._curve(lambda machine: machine.cpu)

    @property
    def memory(self) -> Curve:
        """Memory in use, GiB."""
        return self._curve(lambda machine: machine.memory_used / _GIB)

    @property
    def disk(self) -> Curve:
        """Room left on the store's disk, GiB."""
        return self._curve(lambda machine: machine.disk_free / _GIB)

    def gpu(self, uuid: str) -> Curve:
        """Per cent of a GPU."""
        return self._curve(lambda machine: _of(machine, uuid, lambda gpu: gpu.utilisation))

    def gpu_memory(self, uuid: str) -> Curve:
        """Memory of a GPU in use, GiB."""
        return self._curve(
            lambda machine: _of(machine, uuid, lambda gpu: None if gpu.used_mib is None else gpu.used_mib / _MIB_A_GIB)
        )

    def _curve(self, read: Callable[[Machine], float | None]) -> Curve:
        pairs = [(machine.at, value) for machine in self._readings if (value := read(machine)) is not None]
        if not pairs:
            return np.empty(0), np.empty(0)
        at, values = np.array(pairs, dtype=np.float64).T
        return (at - self._readings[-1].at) / 60.0, values


def _of(machine: Machine, uuid: str, read: Callable[[Gpu], float | None]) -> float | None:
    return next((read(gpu) for gpu in machine.gpus if gpu.uuid == uuid), None)
