"""Locks that exclude until they are let go, and name who holds them for too long."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import WorkError
from engine.storage.locks import lock_file, try_lock_file


def test_lock_of_a_process_that_stands_still_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    program = (
        f"import fcntl, time; file = open({str(path)!r}, 'w'); fcntl.flock(file, fcntl.LOCK_EX);"
        "print(flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        holder.send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(WorkError, match=f"locked for 0.3 seconds already, by process {holder.pid}"):
                lock_file(path, patience=0.3)
        finally:
            holder.kill()
    # Neither the dead holder nor the one who gave up has left anything.
    os.close(lock_file(path, patience=5.0))


def test_lock_excludes_until_its_descriptor_is_closed(tmp_path: Path) -> None:
    first = try_lock_file(tmp_path / "lock")
    assert first is not None
    assert try_lock_file(tmp_path / "lock") is None
    os.close(first)
    second = try_lock_file(tmp_path / "lock")
    assert second is not None
    os.close(second)
