"""Which processor this is and what it can do, as the system says."""

from __future__ import annotations

import contextlib
import platform
from functools import cache
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")


@cache
def processor_flags() -> frozenset[str]:
    """Features of the first processor under Linux's names; empty on other systems or if Linux lists none."""
    for name, value in _listed():
        if name in ("flags", "Features"):
            return frozenset(value.split())
    return frozenset()


@cache
def processor_name() -> str:
    """The model of the first processor: ``AMD EPYC 9R14``; on a system that does not say, its architecture."""
    for name, value in _listed():
        if name == "model name" and value:
            return value
    return platform.processor() or platform.machine() or "unknown"


def _listed() -> list[tuple[str, str]]:
    """Names and values of Linux's list of processors; none on other systems."""
    if platform.system() == "Linux":
        with contextlib.suppress(OSError):
            pairs = (line.partition(":") for line in _CPUINFO.read_text(errors="replace").splitlines())
            return [(name.strip(), value.strip()) for name, _, value in pairs]
    return []
