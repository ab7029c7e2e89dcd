"""Device slots of this machine: who may compute where, whatever store or program the runs belong to.

A slot is a lock file, leased by ``flock``. The descriptor is handed to the worker, so the lease lasts as long as the
worker does, also when its supervisor is killed. Waiting is first come, first served: every waiter has a ticket, a
locked file whose name says since when it waits, and only the oldest living ticket of a queue may take slots. It keeps
what it gets while it waits for the rest, so a run that needs many slots is not overtaken by many that need one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import InputError
from engine.runs.store import FOLDER_MODE, is_linked, lock_file, try_lock_file

FOLDER_VARIABLE = "CRTUI_SLOTS"
PER_GPU_VARIABLE = "CRTUI_PER_GPU"
_VISIBLE = "CUDA_VISIBLE_DEVICES"
_NVIDIA_SMI_SECONDS = 20.0
_MAX_PER_GPU = 64
_GPU_LINE = re.compile(r"GPU \d+: .*\(UUID: (GPU-[^)\s]+)\)")
_MIG_LINE = re.compile(r"\s+MIG .*\(UUID: (MIG-[^)\s]+)\)")
_CUDA = re.compile(r"cuda(?::(\d+))?")


@dataclass(frozen=True)
class Request:
    """What a run needs before it may start.

    Attributes:
        queue: name of the queue it waits in.
        devices: the device behind each slot that would do (``cpu``, ``cuda:1``), by slot name, in order of preference.
        count: how many of these slots it needs.
        environments: variables that show the worker its device and no other, by device.
    """

    queue: str
    devices: Mapping[str, str]
    count: int
    environments: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Lease:
    """Slots that are ours while any process has the descriptors open.

    Attributes:
        device: the device that was got.
        slots: names of the slots.
        descriptors: to be inherited by the worker.
        environment: variables for the worker.
    """

    device: str
    slots: tuple[str, ...]
    descriptors: tuple[int, ...]
    environment: Mapping[str, str]

    def refresh(self) -> None:
        """Tell cleaners of temporary folders that the lock files are in use."""
        _touch(self.descriptors)


def core_count() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def plan(device: str, threads: int) -> Request:
    """What a run on ``device`` needs here.

    Args:
        device: ``auto`` (a GPU where there is one, else the CPU), ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        threads: CPU threads of the run; one on the CPU needs as many cores, at most all.

    Raises:
        InputError: there is no such device here.
    """
    if device == "mps":
        return Request("mps", {"mps-0": "mps"}, 1)
    cuda = _CUDA.fullmatch(device)
    if not cuda and device not in ("auto", "cpu"):
        raise InputError(f"device '{device}' is unknown; use auto, cpu, cuda, cuda:N or mps")
    gpus = [] if device == "cpu" else visible_gpus()
    if cuda and not gpus:
        raise InputError(f"device '{device}' is not there: nvidia-smi lists no GPU; use --device cpu or auto")
    if not gpus:
        cores = core_count()
        return Request("cpu", {f"core-{i}": "cpu" for i in range(cores)}, min(threads, cores), {"cpu": {_VISIBLE: ""}})
    chosen = dict(enumerate(gpus))
    queue = "gpu"
    if cuda and cuda[1] is not None:
        index = int(cuda[1])
        if index not in chosen:
            raise InputError(f"device '{device}' is not there: the GPUs are cuda:0 to cuda:{len(gpus) - 1}")
        chosen = {index: gpus[index]}
        queue = f"gpu-{gpus[index]}"
    # Slot by slot, not GPU by GPU: the second run goes to an idle GPU, not beside the first.
    devices = {f"gpu-{gpu}-{i}": f"cuda:{index}" for i in range(_slots_per_gpu()) for index, gpu in chosen.items()}
    return Request(queue, devices, 1, {f"cuda:{index}": {_VISIBLE: gpu} for index, gpu in chosen.items()})


def visible_gpus() -> list[str]:
    """UUIDs of the GPUs that this process may use; of a partitioned GPU, those of its partitions. No torch is needed.

    ``$CUDA_VISIBLE_DEVICES`` narrows them down as it does for CUDA: by number or by the beginning of a UUID, up to the
    first entry that names none.
    """
    gpus = _installed_gpus()
    wanted = os.environ.get(_VISIBLE)
    if wanted is None:
        return gpus
    visible: list[str] = []
    for entry in (part.strip() for part in wanted.split(",")):
        if entry.isdecimal():
            matches = gpus[int(entry) : int(entry) + 1]
        else:
            matches = [gpu for gpu in gpus if entry and gpu.startswith(entry)]
        if len(matches) != 1:
            break
        visible += [gpu for gpu in matches if gpu not in visible]
    return visible


def slot_folder() -> Path:
    """The folder of lock files, one per user and machine: ``$CRTUI_SLOTS``, else ``/tmp/crtui-<uid>/slots``.

    Not below ``$XDG_RUNTIME_DIR``: that folder goes when its user's last session ends, while detached runs go on, and a
    cron or batch job has none. Either way two programs would lease the same slot from different folders.

    Raises:
        InputError: the folder belongs to someone else, or others may write in it.
    """
    given = os.environ.get(FOLDER_VARIABLE)
    folders = [Path(given)] if given else [Path(f"/tmp/crtui-{os.getuid()}"), Path(f"/tmp/crtui-{os.getuid()}/slots")]
    for folder in folders:
        try:
            folder.mkdir(mode=FOLDER_MODE, parents=folder is folders[-1], exist_ok=True)
            status = folder.lstat()
        except OSError as error:
            raise InputError(f"slot folder {folder} cannot be used: {error.strerror}; set {FOLDER_VARIABLE}") from error
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
            raise InputError(
                f"slot folder {folder} is not yours alone; delete it or set {FOLDER_VARIABLE} to one that is"
            )
    return folders[-1]


class Waiter:
    """Waits in line for slots. Its place is lost when it is closed or its process dies.

    Args:
        request: what is needed.
        since: since when it waits, in seconds since 1970; of several, the one with the smallest is served first.
        name: breaks ties of ``since``; unique among those that wait, such as a run id.

    Raises:
        InputError: the slot folder cannot be used.
        WorkError: the disk refused.
    """

    def __init__(self, request: Request, since: float, name: str) -> None:
        self._request = request
        self._folder = slot_folder()
        self._prefix = f"wait-{request.queue}-"
        self._ticket = self._folder / f"{self._prefix}{int(since * 1e6):020d}-{name}"
        self._held: dict[str, int] = {}
        self._descriptor = lock_file(self._ticket)

    def poll(self) -> Lease | None:
        """Try to get the slots. The caller asks again and again, as often as it can wait.

        Returns:
            The lease, once all slots are there; then nothing is left to close.

        Raises:
            WorkError: the disk refused.
        """
        if not self._is_first():
            # Someone who waits for longer came late. To keep what it needs would block both for ever.
            self._give_back()
            return None
        for slot in self._request.devices:
            if len(self._held) == self._request.count:
                break
            descriptor = None if slot in self._held else try_lock_file(self._folder / slot)
            if descriptor is not None:
                self._held[slot] = descriptor
        if len(self._held) < self._request.count:
            return None
        held, self._held = self._held, {}
        self.close()
        device = self._request.devices[next(iter(held))]
        environment = self._request.environments.get(device, {})
        return Lease(device, tuple(held), tuple(held.values()), environment)

    def refresh(self) -> None:
        """Tell cleaners of temporary folders that the lock files are in use."""
        _touch([self._descriptor, *self._held.values()])

    def close(self) -> None:
        """Leave the line and give back what was got so far."""
        self._give_back()
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                self._ticket.unlink()
            os.close(self._descriptor)
            self._descriptor = -1

    def _give_back(self) -> None:
        for descriptor in self._held.values():
            os.close(descriptor)
        self._held.clear()

    def _is_first(self) -> bool:
        tickets = sorted(path.name for path in self._folder.glob(f"{self._prefix}[0-9]*"))
        return not any(_is_held(self._folder / name) for name in tickets if name < self._ticket.name)


def _is_held(ticket: Path) -> bool:
    """Whether someone waits with this ticket; if its owner died, it is thrown away."""
    try:
        descriptor = os.open(ticket, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if is_linked(descriptor, ticket):
            ticket.unlink()
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


def _touch(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.utime(descriptor)


def _slots_per_gpu() -> int:
    text = os.environ.get(PER_GPU_VARIABLE) or "1"
    if not text.isdecimal() or not 1 <= int(text) <= _MAX_PER_GPU:
        raise InputError(f"{PER_GPU_VARIABLE} is {text[:80]!r}; it must be a whole number from 1 to {_MAX_PER_GPU}")
    return int(text)


def _installed_gpus() -> list[str]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        answer = subprocess.run([program, "-L"], capture_output=True, timeout=_NVIDIA_SMI_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    gpus: list[list[str]] = []
    for line in answer.stdout.decode(errors="replace").splitlines():
        if match := _GPU_LINE.match(line):
            gpus.append([match[1]])
        elif (match := _MIG_LINE.match(line)) and gpus:
            gpus[-1].append(match[1])
    # A partitioned GPU cannot be used as a whole.
    return [device for first, *partitions in gpus for device in partitions or [first]]
