"""The processor: how many cores there are, and how a process that computes uses them and its memory."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from engine.errors import InputError
from engine.machine.compiler import leave_out_compiler

_WAITING = {"GOMP_SPINCOUNT": "1000", "KMP_BLOCKTIME": "0"}
"""How long threads without work keep their core before they sleep: turns of a loop for GNU OpenMP, some ten
microseconds; milliseconds for Intel's and LLVM's. By default they keep it until the slowest thread is done. On a busy
machine that burns the core which the slowest thread waits for (docs/performance.md, ``benchmarks/crowded.py``)."""

_WAITING_OF_USERS = ("OMP_WAIT_POLICY", *_WAITING)
_MEMORY_OF_USERS = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_", "GLIBC_TUNABLES")
_MMAP_THRESHOLD = -3
_TRIM_THRESHOLD = -1
_KEPT_BYTES = 2**30


def usable_cores() -> int:
    """Cores that this process may use: those it is bound to where the system says so, else all."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def asked_threads(environment: Mapping[str, str]) -> int | None:
    """Threads of a process that the user asks for by ``$OMP_NUM_THREADS``; None where it holds no such number.

    Of a list, such as ``4,2``, the first number counts: the others are for threads that start threads.
    """
    number = re.match(r"\s*0*([1-9][0-9]{0,5})\s*(,|$)", environment.get("OMP_NUM_THREADS", ""))
    return int(number[1]) if number else None


def waiting_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables that a process which computes needs beside ``environment``; none where the user has set one."""
    return {} if any(name in environment for name in _WAITING_OF_USERS) else dict(_WAITING)


def prepare_to_compute() -> None:
    """Make this process one that computes; to be called before PyTorch is imported.

    Its threads wait as :func:`waiting_environment` says. Memory that a layer's output had is kept for the next one's:
    glibc would give large blocks back to the system each time, and the system would clear them page by page, which
    costs as much as a quarter of a forward pass. What the user has set in the environment stays. PyTorch's compiler is
    left out (:mod:`engine.machine.compiler`).

    Raises:
        InputError: the current folder has been deleted. Libraries of PyTorch end the process there.
    """
    try:
        Path.cwd()
    except FileNotFoundError:
        raise InputError("the current folder has been deleted; go to one that is there, and call again") from None
    os.environ.update(waiting_environment(os.environ))
    leave_out_compiler()
    if not any(name in os.environ for name in _MEMORY_OF_USERS):
        _keep_memory()


def _keep_memory() -> None:
    # Late: listing runs does not compute.
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        # Another C library than glibc.
        return
    mallopt(_MMAP_THRESHOLD, _KEPT_BYTES)
    mallopt(_TRIM_THRESHOLD, 2 * _KEPT_BYTES - 1)
