"""A system call of a process failed by strace: which calls it makes, and what becomes of it if one of them fails.

The process is a fork of this one, so that libraries are loaded and files of Python are read beforehand: only calls of
the work itself are counted. It lets any process trace it (``PR_SET_PTRACER``), so no rights are needed.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

SYSCALLS = (
    *("open", "openat", "read", "pread64", "write", "pwrite64", "fsync", "fdatasync", "rename", "renameat"),
    *("newfstatat", "fstat", "lstat", "stat", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat", "link", "linkat"),
    *("flock", "close", "getdents64", "ftruncate", "fallocate", "fchmod", "chmod", "utimensat", "sendfile"),
)
FAULTS = {
    "EIO": "error=EIO",
    "ENOSPC": "error=ENOSPC",
    "EACCES": "error=EACCES",
    "EINTR": "error=EINTR",
    "kill": "signal=KILL",
}
HUNG = 125
"""The exit code told of work that did not end."""
_LOOKS = {"open", "openat", "read", "pread64", "newfstatat", "fstat", "lstat", "stat", "close", "getdents64"}
_WRITES = {"write", "pwrite64", "ftruncate", "fallocate", "sendfile"}
_OPENED_TO_WRITE = re.compile(r"O_(CREAT|WRONLY|RDWR|TRUNC)")
_PR_SET_PTRACER = 0x59616D61
_PATIENCE_SECONDS = 60.0
_MOST_SAID = 60_000
_CALL = re.compile(r"(\w+)\((?:AT_FDCWD<[^>]*>|\d+<(?P<of>[^>]*)>)?(?:, )?(?:\"(?P<name>[^\"]*)\")?")


@dataclass(frozen=True)
class Call:
    """One call of the work.

    Attributes:
        syscall: which call.
        number: the how manieth of its kind, from 1.
        path: the file or folder that it is about.
        changes: whether it may change something that others see.
    """

    syscall: str
    number: int
    path: str
    changes: bool


@dataclass(frozen=True)
class Injection:
    """One call of the work that fails.

    Attributes:
        syscall: which call.
        number: the how manieth of its kind, from 1.
        fault: a key of :data:`FAULTS`.
    """

    syscall: str
    number: int
    fault: str


@dataclass(frozen=True)
class Ending:
    """What became of the work.

    Attributes:
        code: its exit code, negative for a signal, :data:`HUNG` where it did not end.
        said: what it printed on standard error.
    """

    code: int
    said: str


def calls_of(work: Callable[[], int]) -> list[Call]:
    """The calls that a piece of work makes, one after the other."""
    counts: Counter[str] = Counter()
    calls, written = [], set()
    with tempfile.NamedTemporaryFile("r") as log:
        _traced(work, ["-y", "-o", log.name, "-e", f"trace={','.join(f'?{name}' for name in SYSCALLS)}"])
        for line in log:
            if found := _CALL.match(line):
                syscall, path = found[1], str(Path(found["of"] or "", found["name"] or ""))
                counts[syscall] += 1
                closes = syscall == "close" and path in written
                changes = syscall not in _LOOKS or closes or bool(_OPENED_TO_WRITE.search(line))
                calls.append(Call(syscall, counts[syscall], path, changes))
                if syscall in _WRITES:
                    written.add(path)
                elif closes:
                    written.discard(path)
    return calls


def fail(work: Callable[[], int], injection: Injection) -> Ending:
    """Do a piece of work in which one call fails."""
    how = f"inject={injection.syscall}:{FAULTS[injection.fault]}:when={injection.number}"
    return _traced(work, ["-o", os.devnull, "-e", f"trace={injection.syscall}", "-e", how])


def _traced(work: Callable[[], int], options: list[str]) -> Ending:
    read, write = os.pipe()
    begun, begins = os.pipe()
    # Blocked before the fork: the child must not see it before it waits for it.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    pid = os.fork()
    if pid == 0:
        _child(work, write, begins)
    for end in (write, begins):
        os.close(end)
    # Its first calls are not the work's. They must be over before anything is counted.
    os.read(begun, 1)
    os.close(begun)
    tracer = subprocess.Popen(["strace", "-q", *options, "-p", str(pid)], stderr=subprocess.PIPE, text=True)
    try:
        _wait_for_tracer(pid, tracer)
        os.kill(pid, signal.SIGUSR1)
        code = _end(pid)
        # It writes its log when the traced process is gone.
        tracer.wait(_PATIENCE_SECONDS)
        return Ending(code, _drained(read))
    finally:
        os.close(read)
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            tracer.kill()
        tracer.communicate()


def untraced(work: Callable[[], int]) -> Ending:
    """Do a piece of work in a process of its own, and let nothing fail."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        _child(work, write)
    os.close(write)
    try:
        return Ending(_end(pid), _drained(read))
    finally:
        os.close(read)


def _end(pid: int) -> int:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return HUNG


def _drained(pipe: int) -> str:
    """What lies in a pipe, whose size is larger than what a process says here."""
    os.set_blocking(pipe, False)
    with contextlib.suppress(BlockingIOError):
        return os.read(pipe, _MOST_SAID).decode(errors="replace")
    return ""


def _wait_for_tracer(pid: int, tracer: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while re.search(r"^TracerPid:\t0$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE):
        if tracer.poll() is not None or time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            raise RuntimeError(f"strace cannot attach: {tracer.communicate()[1]}")
        time.sleep(0.002)


def _child(work: Callable[[], int], pipe: int, begins: int | None = None) -> NoReturn:
    """Do the work with its output in memory, and hand over what it said.

    Args:
        work: what is done.
        pipe: where it is handed over.
        begins: what is told that this process waits for a tracer; ``None`` if none will come.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(-1 % 2**64), 0, 0, 0)
    said = io.StringIO()
    sys.stdout, sys.stderr = io.StringIO(), said
    if begins is not None:
        os.write(begins, b".")
        signal.sigwait([signal.SIGUSR1])
    try:
        code = work()
    except SystemExit as exit_:
        code = exit_.code if isinstance(exit_.code, int) else 1
    except BaseException:
        import traceback

        code = 70
        traceback.print_exc()
    content = said.getvalue().encode(errors="replace")[:_MOST_SAID]
    for _ in range(3):
        # The injected fault may be this very call.
        with contextlib.suppress(OSError):
            os.write(pipe, content)
            break
    os._exit(code & 0xFF)
