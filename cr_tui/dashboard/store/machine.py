"""Reads how busy this machine is, at most once a second."""

from __future__ import annotations

import os
import shutil
import socket
import time
from pathlib import Path

from cr_tui.dashboard.model.data import Gpu, Machine
from engine.errors import CrtuiError, WorkError
from engine.machine.cores import usable_cores

_FRESH_SECONDS = 1.0
_FIRST_SECONDS = 0.1
"""How long the first reading of the processors takes: a share needs two looks."""
_GPU_FRESH_SECONDS = 2.0
_SLOTS_FRESH_SECONDS = 5.0
_GPU_FIELDS = (
    "index",
    "uuid",
    "name",
    "utilization.gpu",
    "memory.used",
    "memory.total",
    "temperature.gpu",
    "power.draw",
)


class MachineReader:
    """Reads processors, memory, the store's disk, GPUs and slots. Used by one thread at a time.

    Args:
        root: the store's folder, on the disk whose free space is read.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._newest: Machine | None = None
        self._cpu_times: tuple[float, float] | None = None
        self._gpus: tuple[float, tuple[Gpu, ...]] = (-_GPU_FRESH_SECONDS, ())
        self._gpu_fault = ""
        self._slots: tuple[float, list[str]] = (-_SLOTS_FRESH_SECONDS, [])

    def read(self) -> Machine:
        """How busy it is now, or was at most a second ago."""
        import psutil

        now = time.time()
        if self._newest is not None and 0 <= now - self._newest.at < _FRESH_SECONDS:
            return self._newest
        memory = psutil.virtual_memory()
        try:
            disk = shutil.disk_usage(self._root)
            free, total = disk.free, disk.total
        except OSError:
            free = total = 0
        gpus = self._read_gpus()
        slots, strangers, waiting = self._read_slots()
        self._newest = Machine(
            host=socket.gethostname(),
            cores=usable_cores(),
            cpu=self._read_cpu(),
            load=os.getloadavg()[0],
            memory_used=int(memory.total - memory.available),
            memory_total=int(memory.total),
            disk_free=free,
            disk_total=total,
            gpus=gpus,
            gpu_fault=self._gpu_fault,
            slots=slots,
            waiting=waiting,
            strangers=strangers,
            at=now,
        )
        return self._newest

    def _read_cpu(self) -> float:
        """Per cent of the processors' time that was used since the last reading, or in a moment at the first.

        ``psutil.cpu_percent`` remembers a reading for each thread, and ours come from many.
        """
        if self._cpu_times is None:
            self._read_cpu_times()
            time.sleep(_FIRST_SECONDS)
        return self._read_cpu_times()

    def _read_cpu_times(self) -> float:
        import psutil

        times = psutil.cpu_times()
        # Linux counts the time of guests in user time as well.
        total = float(sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0))
        idle = float(times.idle + getattr(times, "iowait", 0.0))
        before, self._cpu_times = self._cpu_times, (total, idle)
        if before is None or total <= before[0]:
            return 0.0
        return 100.0 * (1.0 - min(max((idle - before[1]) / (total - before[0]), 0.0), 1.0))

    def _read_gpus(self) -> tuple[Gpu, ...]:
        read_at, gpus = self._gpus
        if time.monotonic() - read_at >= _GPU_FRESH_SECONDS:
            try:
                gpus, self._gpu_fault = _gpus(), ""
            except WorkError as error:
                gpus, self._gpu_fault = (), str(error)
            # nvidia-smi may take long on a busy machine, so the pause begins after it.
            self._gpus = (time.monotonic(), gpus)
        return gpus

    def _read_slots(self) -> tuple[dict[str, bool], dict[str, str], dict[str, int]]:
        """Every slot and whether it is taken; who holds those that are not of this store; run ids and their places."""
        from engine.launch import slots
        from engine.launch.owners import read_owner
        from engine.launch.slot_folder import slot_folder
        from engine.launch.waits import Holder, waits

        try:
            folder = slot_folder()
            if time.monotonic() - self._slots[0] >= _SLOTS_FRESH_SECONDS:
                names = [*slots.plan("cpu", threads=1).devices]
                # Without an answer of nvidia-smi the cores are shown alone.
                names += [] if self._gpu_fault else slots.plan("auto", threads=1).devices
                self._slots = (time.monotonic(), list(dict.fromkeys(names)))
            held = {name: slots.is_held(folder / name) for name in self._slots[1]}
            holders = {name: Holder(1, read_owner(folder / name)) for name, is_held in held.items() if is_held}
            strangers = {
                name: holder.words(self._root) for name, holder in holders.items() if not holder.is_of(self._root)
            }
            return held, strangers, {run: wait.place for run, wait in waits().items()}
        except CrtuiError:
            return {}, {}, {}


def _gpus() -> tuple[Gpu, ...]:
    from engine.machine.gpus import ask, computing_processes

    processes: dict[str, list[int]] = {}
    rows = [
        [field.strip() for field in line.split(",")]
        for line in ask(f"--query-gpu={','.join(_GPU_FIELDS)}", "--format=csv,noheader,nounits").splitlines()
    ]
    rows = [row for row in rows if len(row) == len(_GPU_FIELDS) and row[0].isdecimal()]
    if rows:
        for uuid, pid in computing_processes():
            processes.setdefault(uuid, []).append(pid)
    return tuple(_gpu(row, processes) for row in rows)


def _gpu(row: list[str], processes: dict[str, list[int]]) -> Gpu:
    index, uuid, name = row[:3]
    utilisation, used, total, celsius, watts = map(_number, row[3:])
    pids = tuple(processes.get(uuid, ()))
    return Gpu(int(index), name, uuid, utilisation, used, total, celsius, watts, pids)


def _number(text: str) -> float | None:
    """A number of nvidia-smi's answer; None for ``[N/A]`` and the like."""
    try:
        return float(text)
    except ValueError:
        return None
