"""What does not belong there in place of every file of a store: nothing hangs, nothing is shown that is not ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def swept(*arguments: str, seconds: float) -> str:
    """What the sweep prints, from a process of its own: its copies must not have this one's threads."""
    command = [sys.executable, "-m", "tests.faults.node_kinds", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[-1]


def test_pipes_and_links_in_place_of_any_file_hang_no_command_that_reads() -> None:
    count, _, rest = swept("--quick", seconds=240).partition(" ")
    assert int(count) > 150
    assert rest == "commands, 0 that did not hold"


@pytest.mark.slow
def test_no_kind_in_place_of_any_file_hangs_any_command() -> None:
    count, _, rest = swept(seconds=3600).partition(" ")
    assert int(count) > 1000
    assert rest == "commands, 0 that did not hold"
