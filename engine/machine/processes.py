"""Which process is which: identities that outlive a reused process number, and clocks that nobody can set."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

_DEAD_STATES = frozenset("ZXx")
_SUSPENDED_STATES = frozenset("Tt")
_PROC_BYTES = 4096
_LOOKS, _PAUSE_SECONDS = 5, 0.02
"""How often a process is looked at where the system refuses, and how long is waited between two looks."""
_GONE = "X", 0.0
"""State letter and start time of a process that is not there."""


class Sight(Enum):
    """What can be seen of a process from here."""

    ALIVE = "it runs"
    GONE = "it has ended"
    HIDDEN = "a process with its number is there and cannot be looked at, so it may be this one"


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
            PermissionError: it is another user's process, which cannot be seen.
        """
        found = _stat(pid)
        if found is None:
            raise _hidden(pid)
        state, start_time = found
        if state in _DEAD_STATES:
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

    def sight(self) -> Sight:
        """Whether this very process still runs here. A zombie does not.

        Who asks whether it has ended must not take *hidden* for *gone*: where ``/proc`` is mounted with ``hidepid``,
        every live process of another user is hidden.
        """
        if self.boot_id != boot_id():
            return Sight.GONE
        found = _stat(self.pid)
        if found is None:
            return Sight.HIDDEN
        state, start_time = found
        return Sight.ALIVE if start_time == self.start_time and state not in _DEAD_STATES else Sight.GONE

    def alive(self) -> bool:
        """Whether this very process is seen to run here."""
        return self.sight() is Sight.ALIVE

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal to this very process and no other.

        Returns:
            Whether it was there to receive it.

        Raises:
            PermissionError: it is another user's process, or may be.
        """
        try:
            if not hasattr(os, "pidfd_open"):
                if self._runs():
                    os.kill(self.pid, number)
                    return True
                return False
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            # Asked after the descriptor is held: from here on it cannot come to mean another process.
            if not self._runs():
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
            PermissionError: it is another user's process, or may be.
        """
        if not self._runs():
            return False
        try:
            return any(os.path.samestat(found, file) for found in _open_files(self.pid))
        except (FileNotFoundError, ProcessLookupError):
            return False

    def suspended(self) -> bool:
        """Whether this very process is there but stands still, by SIGSTOP or a debugger."""
        found = _stat(self.pid) if self.boot_id == boot_id() else None
        return found is not None and found[1] == self.start_time and found[0] in _SUSPENDED_STATES

    def kill_group(self) -> None:
        """Send SIGKILL to every process of the group that this process leads, if it still runs.

        Raises:
            PermissionError: it is another user's process, or may be.
        """
        if self._runs():
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                self.signal(signal.SIGKILL)

    def _runs(self) -> bool:
        """Whether this very process runs here, for who is about to do something to it.

        Raises:
            PermissionError: it is hidden.
        """
        found = self.sight()
        if found is Sight.HIDDEN:
            raise _hidden(self.pid)
        return found is Sight.ALIVE


def process_exists(pid: int) -> bool:
    """Whether a process of this machine has this number, even if ``/proc`` hides it."""
    return _may_signal(pid) is not None


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


def _may_signal(pid: int) -> bool | None:
    """Whether this process may signal another; ``None`` where there is none. Nothing is hidden from who may."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return False
    return True


def _hidden(pid: int) -> PermissionError:
    return PermissionError(errno.EPERM, f"process {pid} cannot be looked at")


def _stat(pid: int) -> tuple[str, float] | None:
    """State letter and start time of a process; ``None`` of one that is there and cannot be looked at.

    One that is not there counts as dead.
    """
    if sys.platform != "linux":
        return _stat_by_psutil(pid)
    for _ in range(_LOOKS):
        try:
            content = _proc_file(f"/proc/{pid}/stat")
            # proc(5): the command name, in parentheses, may itself hold spaces and parentheses.
            fields = content.rpartition(b")")[2].decode("ascii").split()
            return fields[0], float(fields[19])
        except (ProcessLookupError, IndexError):
            return _GONE
        except OSError:
            # Not for that reason is it gone. It may have been refused for want of descriptors, say; and of processes of
            # other users proc(5)'s hidepid refuses all files (1), or even hides the folder (2).
            may_signal = _may_signal(pid)
            if not may_signal:
                return _GONE if may_signal is None else None
            time.sleep(_PAUSE_SECONDS)
    return None


def _proc_file(path: str) -> bytes:
    """A short file of the system. It is read for every live run again and again, so without Python's file objects."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _PROC_BYTES)
    finally:
        os.close(descriptor)


def _stat_by_psutil(pid: int) -> tuple[str, float] | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return ("Z" if process.status() == psutil.STATUS_ZOMBIE else "R"), float(process.create_time())
    except psutil.AccessDenied:
        return None
    except psutil.Error:
        return _GONE
