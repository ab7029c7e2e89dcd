"""Limits that the system sets for real, where it lets us: memory control groups and small disks."""

from __future__ import annotations

import contextlib
import ctypes
import time
from dataclasses import dataclass
from pathlib import Path

_NEW_NAMESPACE, _RECURSIVE, _PRIVATE, _REMOUNT = 0x00020000, 0x4000, 0x40000, 0x20
_GROUPS = Path("/sys/fs/cgroup")
TIGHT_BYTES = 64 * 1024
"""What no Python process can do with: whatever enters such a group has had its last page."""


@dataclass(frozen=True)
class MemoryGroup:
    """A control group whose processes share so much memory and no more.

    Attributes:
        path: its folder.
    """

    path: Path

    def put(self, pid: int) -> None:
        """Put a process into it. What it has already counts where it was.

        Raises:
            ProcessLookupError: it is gone.
        """
        (self.path / "cgroup.procs").write_text(str(pid))

    def remove(self) -> None:
        """Remove it, once it is empty."""
        for _ in range(100):
            with contextlib.suppress(OSError):
                self.path.rmdir()
                return
            time.sleep(0.05)


def memory_group(name: str, size: int = TIGHT_BYTES) -> MemoryGroup | None:
    """A new group of so many bytes, or ``None`` where the system lets us make none."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, own = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        path = _GROUPS / ("memory" if controllers else "") / own.strip("/") / name
        limit = path / ("memory.limit_in_bytes" if controllers else "memory.max")
        with contextlib.suppress(OSError):
            path.mkdir()
            if limit.exists():
                limit.write_text(str(size))
                return MemoryGroup(path)
            path.rmdir()
    return None


def may_mount() -> bool:
    """Enter a mount namespace of this process's own, for itself and its children; whether that is permitted."""
    libc = ctypes.CDLL(None, use_errno=True)
    entered: int = libc.unshare(_NEW_NAMESPACE) or libc.mount(None, b"/", None, _RECURSIVE | _PRIVATE, None)
    return entered == 0


def mount_small_disk(target: Path, size: int) -> bool:
    """Mount a file system in memory of so many bytes; whether that worked."""
    return _mount(target, size, 0)


def enlarge_disk(target: Path, size: int) -> bool:
    """Give a mounted one another size, with all that is on it; whether that worked."""
    return _mount(target, size, _REMOUNT)


def _mount(target: Path, size: int, flags: int) -> bool:
    failed: int = ctypes.CDLL(None).mount(b"none", str(target).encode(), b"tmpfs", flags, f"size={size}".encode())
    return failed == 0


def unmount(target: Path) -> None:
    """Unmount it, at the latest when its last file is closed."""
    detach = 2
    ctypes.CDLL(None).umount2(str(target).encode(), detach)
