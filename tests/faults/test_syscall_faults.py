"""A few of the injections of ``python -m tests.faults.syscalls``, which strikes every call of every command."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from .syscalls.__main__ import main
from .syscalls.planning import plan
from .syscalls.scenes import SCENES
from .syscalls.tracing import FAULTS, Call, Injection

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("strace") is None, reason="needs strace, which fails system calls"
)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the supervisors and slots of the other tests of faults."""
    monkeypatch.delenv("CRTUI_SLOTS", raising=False)


def strike(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    main(["--json", *arguments])
    told: list[dict[str, Any]] = json.loads(capsys.readouterr().out.splitlines()[-1])["injections"]
    return told


def test_calls_that_fail_leave_what_was_there_or_what_was_asked_for(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A sweep that was interrupted goes on where it was."""
    what = ("--scene", "rm", "--scene", "resume", "--seed", "1", "--keep", str(tmp_path))
    begun = strike(capsys, *what, "--most", "3")
    told = strike(capsys, *what, "--most", "8")
    assert [one for one in told if one["broken"]] == []
    assert len(told) == 16
    assert all(one in told for one in begun)


def test_a_call_can_fail_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Without this, a sweep in which nothing is ever injected would be a success."""
    told = strike(capsys, "--scene", "reindex", "--fault", "ENOSPC", "--most", "12")
    assert [one for one in told if one["broken"]] == []
    assert {one["code"] for one in told} >= {0, 1}


def test_what_changes_something_is_failed_in_every_way_and_the_rest_once() -> None:
    look = [Call("read", number, "/store/registry.json", changes=False) for number in range(1, 10)]
    library = [Call("read", number, "/usr/share/words", changes=False) for number in range(10, 20)]
    write = [Call("write", number, "/store/registry.json", changes=True) for number in (1, 2)]
    planned = plan([*look, *library, *write], list(FAULTS), None, seed=0)
    assert {one for one in planned if one.syscall == "write"} == {
        Injection("write", number, fault) for number in (1, 2) for fault in FAULTS
    }
    looks = {
        fault: sorted(one.number for one in planned if (one.syscall, one.fault) == ("read", fault)) for fault in FAULTS
    }
    assert looks["kill"] == []
    assert looks["EINTR"] == looks["ENOSPC"] == [1, 10]
    assert (looks["EIO"][0], looks["EIO"][-2:], len(looks["EIO"])) == (1, [9, 10], 4)


@pytest.mark.slow
@pytest.mark.parametrize("scene", SCENES)
def test_every_call_of_every_command_is_survived(capsys: pytest.CaptureFixture[str], scene: str) -> None:
    told = strike(capsys, "--scene", scene)
    assert [one for one in told if one["broken"]] == []
    assert len(told) > 100
