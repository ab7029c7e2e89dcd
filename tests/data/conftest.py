"""What tests of files that are made block by block share."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from typing import Any

import numpy as np

from engine.data.prepared import PreparedFile

CONTENT = np.arange(60, dtype="<u4").reshape(20, 3)
fork = multiprocessing.get_context("fork")


def kill_once_stalled(work: Callable[[PreparedFile, Any], None], file: PreparedFile) -> None:
    """Make a file in a process of its own, and kill that when it says by an event that it goes no further."""
    stalled = fork.Event()
    process = fork.Process(target=work, args=(file, stalled))
    process.start()
    assert stalled.wait(20)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join(20)
    assert not file.is_present()
