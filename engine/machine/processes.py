"""Which process is which: identities that outlive a reused process number, and clocks that nobody can set."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

_DEAD_STATES = frozenset("ZXx")
_SUSPENDED_STATES = frozenset("Tt")
_PROC_BYTES = 4096
_LOOKS, _PAUSE_SECONDS = 5, 0.02
"""How often a process is looked at where the system refuses, and how long is waited between two looks."""


class ProcessIdentity(BaseModel):
    """Which process, beyond its reusable number.

    A pid alone names whatever process has it now; together with the machine's boot and the process's start time it
    names one process for ever.

    Attributes:
        host: name of the machine.
        boot_id: which boot of that machine.
        pid: process number.
        start_time: when it started: clock ticks after boot (Linux) or seconds since 1970 (elsewhere).
    """

    model_config = ConfigDict(frozen=True)

    host: str
    boot_id: str
    pid: int = Field(gt=0, lt=2**31)
    start_time: float = Field(allow_inf_nan=False)

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity:
        """The identity of a process of this machine.

        Raises:
            ProcessLookupError: there is no such process, or it is a zombie.
        """
        start_time = _start_time(pid)
        if start_time is None:
            raise ProcessLookupError(f"there is no live process {pid}")
        return cls(host=socket.gethostname(), boot_id=boot_id(), pid=pid, start_time=start_time)

    @classmethod
    def own(cls) -> ProcessIdentity:
        """The identity of the calling process."""
        return cls.of(os.getpid())

    @property
    def elsewhere(self) -> bool:
        """Whether the process belongs to another machine, so that nothing can be known of it from here."""
        return self.boot_id != boot_id() and self.host != socket.gethostname()

    @property
    def before_reboot(self) -> bool:
        """Whether this machine has been booted again since."""
        return self.boot_id != boot_id() and self.host == socket.gethostname()

    def alive(self) -> bool:
        """Whether this very process still runs here. A zombie does not."""
        return self.boot_id == boot_id() and _start_time(self.pid) == self.start_time

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal to this very process and no other.

        Returns:
            Whether it was there to receive it.
        """
        try:
            if not hasattr(os, "pidfd_open"):
                if self.alive():
                    os.kill(self.pid, number)
                    return True
                return False
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            # Asked after the descriptor is held: from here on it cannot come to mean another process.
            if not self.alive():
                return False
            signal.pidfd_send_signal(descriptor, number)
            return True
        except ProcessLookupError:
            return False
        finally:
            os.close(descriptor)

    def has_open(self, file: os.stat_result) -> bool:
        """Whether this very process has a file open.

        Args:
            file: what ``os.stat`` says of the file.

        Raises:
            PermissionError: it is another user's process.
        """
        if not self.alive():
            return False
        try:
            return any(os.path.samestat(found, file) for found in _open_files(self.pid))
        except (FileNotFoundError, ProcessLookupError):
            return False

    def suspended(self) -> bool:
        """Whether this very process is there but stands still, by SIGSTOP or a debugger."""
        if self.boot_id != boot_id():
            return False
        state, start_time = _stat(self.pid)
        return start_time == self.start_time and state in _SUSPENDED_STATES

    def kill_group(self) -> None:
        """Send SIGKILL to every process of the group that this process leads, if it still runs."""
        if self.alive():
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                self.signal(signal.SIGKILL)


@functools.cache
def boot_id() -> str:
    """What tells this boot of the machine from every other."""
    if sys.platform == "linux":
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    import psutil

    return f"booted-{int(psutil.boot_time())}"


def resident_mib(maxrss: int) -> float:
    """Resident memory in MiB, of what getrusage(2) gives in kibibytes on Linux and in bytes on macOS."""
    return maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def uptime() -> float:
    """Seconds since this boot of the machine, which setting its clock does not change."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic()


def _open_files(pid: int) -> Iterator[os.stat_result]:
    """What ``os.stat`` says of each file that a process has open."""
    if sys.platform != "linux":
        import psutil

        paths = [Path(each.path) for each in psutil.Process(pid).open_files()]
    else:
        paths = list(Path(f"/proc/{pid}/fd").iterdir())
    for path in paths:
        # It may have been closed meanwhile.
        with contextlib.suppress(OSError):
            yield path.stat()


def _start_time(pid: int) -> float | None:
    """When the process started, ``None`` where it does not exist or is a zombie."""
    if sys.platform != "linux":
        return _start_time_by_psutil(pid)
    state, start_time = _stat(pid)
    return None if state in _DEAD_STATES else start_time


def _stat(pid: int) -> tuple[str, float]:
    """State letter and start time of a process, as Linux gives them; one that does not exist is dead."""
    for _ in range(_LOOKS):
        try:
            content = _proc_file(f"/proc/{pid}/stat")
            # proc(5): the command name, in parentheses, may itself hold spaces and parentheses.
            fields = content.rpartition(b")")[2].decode("ascii").split()
            return fields[0], float(fields[19])
        except (FileNotFoundError, ProcessLookupError, IndexError):
            break
        except OSError:
            # For want of descriptors, say. That does not mean that the process is gone.
            time.sleep(_PAUSE_SECONDS)
    return "X", 0.0


def _proc_file(path: str) -> bytes:
    """A short file of the system. It is read for every live run again and again, so without Python's file objects."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _PROC_BYTES)
    finally:
        os.close(descriptor)


def _start_time_by_psutil(pid: int) -> float | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.Error:
        return None
