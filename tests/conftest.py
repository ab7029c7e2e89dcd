"""What all tests share."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from engine.machine import cores, gpus

# Several tests run at a time. With a thread for each core, they and the processes that they start would keep the cores
# from one another, most of the time only waiting. PyTorch reads this when it is imported, which is later.
os.environ["OMP_NUM_THREADS"] = "1"

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("crtui", deadline=None)
settings.load_profile("crtui")


@pytest.fixture(autouse=True, scope="session")
def this_process_gives_memory_back() -> Iterator[None]:
    """Commands that tests call in this process must not settle it for good, as they do a process of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cores, "_keep_memory", lambda: None)
        yield


@pytest.fixture(autouse=True, scope="session")
def processes_that_tests_start_end_with_their_terminal() -> None:
    """Under ``nohup``, too: what it makes this process ignore, programs would inherit; a handler they do not."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)


@pytest.fixture(autouse=True)
def signals_mean_afterwards_what_they_meant_before() -> Iterator[None]:
    """A worker that a test runs in this process takes signals for itself, as it does in a process of its own."""
    asking = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in asking]
    yield
    for number, handler in zip(asking, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def fake_nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a program in the place of ``nvidia-smi``: lines of a shell."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    monkeypatch.delenv(gpus.VISIBLE_VARIABLE, raising=False)

    def put(commands: str) -> None:
        program = folder / "nvidia-smi"
        program.write_text(f"#!/bin/sh\n{commands}\n")
        program.chmod(0o700)

    return put
