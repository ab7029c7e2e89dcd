"""A few of the injections of ``python -m tests.faults.syscalls``, which strikes every call of every command."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .syscalls.scenes import SCENES

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("strace") is None, reason="needs strace, which fails system calls"
)


def strike(*arguments: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "tests.faults.syscalls", "--json", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CRTUI_")}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout.splitlines()[-1])["injections"]


def test_calls_that_fail_leave_what_was_there_or_what_was_asked_for() -> None:
    told = strike("--scene", "rm", "--scene", "resume", "--most", "8", "--seed", "1")
    assert [one for one in told if one["broken"]] == []
    assert len(told) == 16


def test_a_call_can_fail_a_command() -> None:
    """Without this, a sweep in which nothing is ever injected would be a success."""
    told = strike("--scene", "reindex", "--fault", "ENOSPC", "--most", "30")
    assert [one for one in told if one["broken"]] == []
    assert {one["code"] for one in told} >= {0, 1}


@pytest.mark.slow
@pytest.mark.parametrize("scene", SCENES)
def test_every_call_of_every_command_is_survived(scene: str) -> None:
    told = strike("--scene", scene)
    assert [one for one in told if one["broken"]] == []
    assert len(told) > 100
