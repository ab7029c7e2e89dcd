"""Device slots of this machine: who may compute where, whatever store or program the runs belong to.

A slot is a lock file, and whoever has locked it (``flock``) holds the slot. The worker inherits the descriptor, so the
slot is held as long as the worker lives, even if its supervisor is killed. Runs wait by priority; among equals, first
come, first served. Each has a ticket, a locked file whose name tells its priority and since when it waits. Only the
first living ticket of a queue may take slots. It keeps what it gets while it waits for the rest, so that many runs that
need one slot cannot overtake one that needs many.

Other programs compute on GPUs without holding slots (other users, notebooks). Each such process makes the slots of its
GPU one fewer.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from engine.errors import CrtuiError, InputError, StoreError, WorkError
from engine.launch.owners import Owner, read_owner, write_owner
from engine.launch.slot_folder import slot_folder
from engine.machine.cores import usable_cores
from engine.machine.gpus import VISIBLE_VARIABLE, computing_processes, visible_gpus
from engine.machine.processes import process_exists
from engine.runs.state import MAX_PER_GPU, MAX_PRIORITY
from engine.storage.descriptors import cause, release
from engine.storage.locks import is_linked, is_locked, lock_file, try_lock_file

PER_GPU_VARIABLE = "CRTUI_PER_GPU"
_OTHERS_SECONDS = 5.0
_CUDA = re.compile(r"cuda(?::(\d+))?")
_UUID = re.compile(r"(GPU|MIG)-\S+")
_TICKET = re.compile(r"wait-(?P<queue>.+)-(?P<rank>\d{4}-\d{20})-(?P<name>\d{8}-.+|[^-]+)")


@dataclass(frozen=True)
class Request:
    """The slots that a run needs before it may start.

    Attributes:
        queue: name of the queue it waits in.
        devices: the slots that would do, in order of preference, each with its device (``cpu``, ``cuda:1``).
        count: how many of these slots it needs.
        environments: for each device, the variables that make it the only one that the worker sees.
        taken: finds the slots that are used up by processes that hold none.
    """

    queue: str
    devices: Mapping[str, str]
    count: int
    environments: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    taken: Callable[[], frozenset[str]] = field(default=frozenset, compare=False)


@dataclass(frozen=True)
class HeldSlots:
    """A device, with the slots of it that are ours while any process has the descriptors open.

    Attributes:
        device: the device.
        slots: names of the slots; none for a device that a scheduler gave.
        descriptors: the worker must inherit these.
        environment: variables for the worker.
    """

    device: str
    slots: tuple[str, ...] = ()
    descriptors: tuple[int, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    _again: dict[str, int] = field(default_factory=dict)

    def refresh(self) -> None:
        """Touch the lock files, so that cleaners of temporary folders leave them, and take lost ones again.

        If somebody has deleted the folder, others would find each slot free.
        """
        _touch(self.descriptors)
        with contextlib.suppress(CrtuiError, OSError):
            folder = slot_folder() if self.slots else Path()
            for slot, descriptor in zip(self.slots, self.descriptors, strict=True):
                if not is_linked(self._again.get(slot, descriptor), folder / slot):
                    self._take_again(folder, slot)

    def close(self) -> None:
        """Give the slots back. A worker that inherited them goes on holding them."""
        for descriptor in (*self.descriptors, *self._again.values()):
            release(descriptor)

    def _take_again(self, folder: Path, slot: str) -> None:
        descriptor = try_lock_file(folder / slot)
        if descriptor is not None:
            if slot in self._again:
                release(self._again[slot])
            self._again[slot] = descriptor


def plan(device: str, threads: int, per_gpu: int | None = None) -> Request:
    """The slots that a run on ``device`` needs on this machine.

    Args:
        device: ``auto`` (a GPU if there is one, else the CPU), ``cpu``, ``cuda``, ``cuda:N``, the UUID of a GPU or of
            a partition of a GPU (its beginning is enough), or ``mps``.
        threads: CPU threads of the run. On the CPU it needs one core for each, at most all cores.
        per_gpu: how many runs, with itself, may share its GPU; default: ``$CRTUI_PER_GPU``, else 1.

    Raises:
        InputError: there is no such device here.
        WorkError: nobody knows whether there is, because ``nvidia-smi`` fails.
    """
    if device == "mps":
        return Request("mps", {"mps-0": "mps"}, 1)
    gpus = [] if device == "cpu" else visible_gpus()
    chosen = _chosen_gpus(device, gpus)
    if not chosen:
        cores = usable_cores()
        return Request(
            "cpu", {f"core-{i}": "cpu" for i in range(cores)}, min(threads, cores), {"cpu": {VISIBLE_VARIABLE: ""}}
        )
    places = per_gpu or _slots_per_gpu()
    # Slot by slot, not GPU by GPU: the second run goes to an idle GPU, not beside the first.
    devices = {_slot(gpu, i): f"cuda:{index}" for i in range(places) for index, gpu in chosen.items()}
    environments = {f"cuda:{index}": {VISIBLE_VARIABLE: gpu} for index, gpu in chosen.items()}
    whole_machine = len(chosen) == len(gpus) and device in ("auto", "cuda")
    queue = "gpu" if whole_machine else f"gpu-{next(iter(chosen.values()))}"
    return Request(queue, devices, 1, environments, partial(_taken_by_others, tuple(chosen.values()), places))


def _chosen_gpus(device: str, gpus: Sequence[str]) -> dict[int, str]:
    """UUIDs of the GPUs that would do, by number; none if the run computes on the CPU."""
    numbered = dict(enumerate(gpus))
    if device in ("auto", "cpu"):
        return numbered
    cuda = _CUDA.fullmatch(device)
    if not (cuda or _UUID.fullmatch(device)):
        raise InputError(f"device '{device}' is unknown; use auto, cpu, cuda, cuda:N, the UUID of a GPU, or mps")
    if not gpus:
        raise InputError(f"device '{device}' is not there: {_why_no_gpu()}; use --device cpu or auto")
    if device == "cuda":
        return numbered
    if cuda:
        chosen = {index: gpu for index, gpu in numbered.items() if index == int(cuda[1])}
    else:
        chosen = {index: gpu for index, gpu in numbered.items() if gpu.startswith(device)}
    if len(chosen) != 1:
        named = ", ".join(f"cuda:{index} {gpu}" for index, gpu in numbered.items())
        raise InputError(f"device '{device}' is not there: the GPUs are {named}")
    return chosen


def _why_no_gpu() -> str:
    if shutil.which("nvidia-smi") is None:
        return "nvidia-smi, which lists GPUs, is not installed"
    if os.environ.get(VISIBLE_VARIABLE) is not None:
        return f"no GPU that nvidia-smi lists is named by {VISIBLE_VARIABLE}"
    return "nvidia-smi lists no GPU"


def _slot(gpu: str, place: int) -> str:
    return f"gpu-{gpu.replace('/', '_')}-{place}"


def _taken_by_others(gpus: Sequence[str], places: int) -> frozenset[str]:
    """Slots of these GPUs that are used up: of each GPU the last ones, one for each process without a slot."""
    folder = slot_folder()
    others: Counter[str] = Counter()
    for gpu, pid in computing_processes():
        if gpu in gpus and not _holds_a_slot(pid, folder, gpu):
            others[gpu] += 1
    return frozenset(_slot(gpu, i) for gpu, count in others.items() for i in range(max(0, places - count), places))


def _holds_a_slot(pid: int, folder: Path, gpu: str) -> bool:
    """Whether a process that computes on a GPU holds one of its slots."""
    if not process_exists(pid):
        # In a container, nvidia-smi gives process numbers of the host. Then any held slot of the GPU counts.
        return any(is_held(path) for path in folder.glob(_slot(gpu, 0)[:-1] + "*"))
    with contextlib.suppress(OSError):
        return any(_leads_to(file, folder.resolve()) for file in Path(f"/proc/{pid}/fd").iterdir())
    return False


def _leads_to(file: Path, folder: Path) -> bool:
    """Whether an open file of a process lies in a folder. One that was closed meanwhile does not."""
    with contextlib.suppress(OSError):
        return file.readlink().parent == folder
    return False


class Waiter:
    """A place in the line for slots. It is lost when the waiter is closed or its process dies.

    Args:
        request: the slots that are needed.
        since: since when it waits, in seconds since 1970. Whoever has waited longest is served first.
        name: unique among those that wait, such as a run id; decides between equal ``since``.
        priority: waiters of higher priority are served before all others.
        owner: whom others see that wait; default: a run with this ``name``.

    Raises:
        InputError: the slot folder cannot be used.
        WorkError: the disk refused.
    """

    def __init__(
        self, request: Request, since: float, name: str, priority: int = 0, owner: Owner | None = None
    ) -> None:
        self._request = request
        self._owner = owner or Owner(name)
        self._folder = slot_folder()
        self._prefix = f"wait-{request.queue.replace('/', '_')}-"
        rank = f"{MAX_PRIORITY - priority:04d}-{int(since * 1e6):020d}"
        self._ticket = self._folder / f"{self._prefix}{rank}-{name}"
        self._held: dict[str, int] = {}
        self._taken: frozenset[str] = frozenset()
        self._taken_asked = -_OTHERS_SECONDS
        self._descriptor = lock_file(self._ticket)
        write_owner(self._descriptor, self._owner)

    def poll(self) -> HeldSlots | None:
        """Try to get the slots. The caller polls until it has them.

        Returns:
            The slots, once all are there. Then the place in line is given up; there is nothing left to close.

        Raises:
            InputError: the slot folder is not the user's alone any more.
            WorkError: the disk refused, or nobody knows who computes on the GPUs.
        """
        self._stay_in_line()
        if not self._is_first():
            # A waiter of higher priority came later. Keeping slots that it needs would block both for ever.
            self._give_back()
            return None
        taken = self._taken_by_others()
        for slot in self._request.devices:
            if len(self._held) == self._request.count:
                break
            usable = slot not in self._held and slot not in taken
            descriptor = try_lock_file(self._folder / slot) if usable else None
            if descriptor is not None:
                write_owner(descriptor, self._owner)
                self._held[slot] = descriptor
        if len(self._held) < self._request.count:
            return None
        held, self._held = self._held, {}
        self.close()
        device = self._request.devices[next(iter(held))]
        environment = self._request.environments.get(device, {})
        return HeldSlots(device, tuple(held), tuple(held.values()), environment)

    def refresh(self) -> None:
        """Touch the lock files, so that cleaners of temporary folders leave them."""
        _touch([self._descriptor, *self._held.values()])

    def close(self) -> None:
        """Leave the line, and give back the slots that were taken so far."""
        self._give_back()
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                self._ticket.unlink()
            release(self._descriptor)
            self._descriptor = -1

    def _stay_in_line(self) -> None:
        """Take the place again if somebody has deleted the folder with the ticket."""
        try:
            lost = not is_linked(self._descriptor, self._ticket)
        except OSError as error:
            raise WorkError(f"{self._ticket} cannot be read: {cause(error)}") from error
        if lost:
            self._give_back()
            self._folder = slot_folder()
            self._ticket = self._folder / self._ticket.name
            renewed = lock_file(self._ticket)
            release(self._descriptor)
            self._descriptor = renewed

    def _give_back(self) -> None:
        for descriptor in self._held.values():
            release(descriptor)
        self._held.clear()

    def _taken_by_others(self) -> frozenset[str]:
        # This starts a program, so not at every poll.
        if time.monotonic() - self._taken_asked >= _OTHERS_SECONDS:
            before, self._taken, self._taken_asked = self._taken, self._request.taken(), time.monotonic()
            if self._taken != before:
                write_owner(self._descriptor, replace(self._owner, others=len(self._taken)))
        return self._taken

    def _is_first(self) -> bool:
        tickets = sorted(path.name for path in self._folder.glob(f"{self._prefix}[0-9]*"))
        return not any(_is_waiting(self._folder / name) for name in tickets if name < self._ticket.name)


def queue_lengths() -> Counter[str]:
    """How many runs wait in each queue of this machine, by :attr:`Request.queue`."""
    return Counter(queue for queue, _, _ in waiting())


def waiting() -> Iterator[tuple[str, str, Owner | None]]:
    """Queue, name and owner of each waiter, in the order in which they are served."""
    for path in sorted(slot_folder().glob("wait-*")):
        match = _TICKET.fullmatch(path.name)
        if match and _is_waiting(path):
            yield match["queue"], match["name"], read_owner(path)


def holders(queue: str) -> list[Owner | None]:
    """Who holds the slots for which a queue waits, by :attr:`Request.queue`; one for each slot that is held."""
    slot = "core-" if queue == "cpu" else f"{queue}-"
    return [read_owner(path) for path in sorted(slot_folder().glob(f"{slot}*")) if is_held(path)]


def is_held(path: Path) -> bool:
    """Whether a process holds a slot, given its lock file."""
    try:
        return is_locked(path)
    except StoreError:
        return False


def _is_waiting(ticket: Path) -> bool:
    """Whether a ticket's owner lives; the ticket of a dead one is deleted."""
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
        release(descriptor)
    return False


def _touch(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.utime(descriptor)


def _slots_per_gpu() -> int:
    text = os.environ.get(PER_GPU_VARIABLE) or "1"
    if not text.isdecimal() or not 1 <= int(text) <= MAX_PER_GPU:
        raise InputError(f"{PER_GPU_VARIABLE} is {text[:80]!r}; it must be a whole number from 1 to {MAX_PER_GPU}")
    return int(text)
