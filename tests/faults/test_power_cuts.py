"""Power cuts of a real file system lose nothing that was acknowledged; and would be noticed if they did."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WITHOUT_SYNC = "import os, sys; os.fsync = lambda _: None; from tests.faults.power_cuts import main; sys.exit(main())"


def cut(*program: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *program, "--cuts", "3", "--only", "ext4-ordered"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode == 2 or "mount" in done.stderr:
        pytest.skip("this system lets nobody mount a disk")
    return done


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a disk needs root")
def test_three_power_cuts_lose_nothing_that_was_acknowledged() -> None:
    done = cut("-m", "tests.faults.power_cuts")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[0].endswith("acknowledged updates, 0 lost")


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a disk needs root")
def test_what_is_not_synced_is_seen_to_be_lost() -> None:
    done = cut("-c", WITHOUT_SYNC)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "is gone" in done.stdout
