"""What is said of GPUs where ``nvidia-smi`` fails, hangs, or has nothing to say."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from engine.errors import WorkError
from engine.machine import gpus
from engine.machine.gpus import computing_processes, visible_gpus


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for ``nvidia-smi``; each call adds its process number to ``calls`` beside it."""
    program = tmp_path / "nvidia-smi"
    program.touch(mode=0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return program


def does(tool: Path, commands: str) -> None:
    tool.write_text(f"#!/bin/sh\necho $$ >> {tool.with_name('calls')}\n{commands}\n")


def calls(tool: Path) -> list[int]:
    return [int(line) for line in tool.with_name("calls").read_text().split()]


def test_a_failure_is_told_in_its_own_words_and_is_not_no_gpu(tool: Path) -> None:
    does(tool, "printf 'it could not\\n talk to the driver\\n'; exit 9")
    with pytest.raises(WorkError, match=re.escape("nvidia-smi fails (exit code 9: it could not talk to the driver)")):
        visible_gpus()


def test_one_that_hangs_is_given_up_with_what_it_started(tool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "_PATIENCE_SECONDS", 0.3)
    does(tool, f"sleep 600 & echo $! >> {tool.with_name('calls')}; wait")
    for _ in range(3):
        with pytest.raises(WorkError, match=r"nvidia-smi does not answer within 0\.3 seconds"):
            visible_gpus()
    program, started = calls(tool)
    assert not Path(f"/proc/{program}").exists()
    deadline = time.monotonic() + 10
    while _lives(started):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _lives(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def test_it_is_asked_again_after_a_pause(tool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    does(tool, "exit 1")
    for _ in range(3):
        with pytest.raises(WorkError):
            computing_processes()
    assert len(calls(tool)) == 1
    monkeypatch.setattr(gpus, "_PAUSE_SECONDS", 0.0)
    does(tool, "echo 'GPU 0: NVIDIA A100 (UUID: GPU-aaaa)'")
    assert visible_gpus() == ["GPU-aaaa"]
    assert len(calls(tool)) == 2


def test_one_that_cannot_be_started_is_a_failure(tool: Path) -> None:
    tool.write_text("#!/nonexistent/sh\n")
    with pytest.raises(WorkError, match=r"nvidia-smi cannot be started \(No such file or directory\)"):
        visible_gpus()


@pytest.mark.parametrize("answer", ["echo 'No devices were found'; exit 6", "echo 'No devices found.'", "exit 3"])
def test_nothing_is_an_answer(tool: Path, answer: str) -> None:
    does(tool, answer)
    assert visible_gpus() == []
    assert computing_processes() == []


def test_hidden_gpus_are_not_asked_for(tool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    does(tool, "exit 9")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert visible_gpus() == []
    assert not tool.with_name("calls").exists()
