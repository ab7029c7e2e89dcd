"""A supervisor's sleep."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Iterator

import pytest

from engine.launch.supervising.alarm import Alarm


@pytest.fixture
def alarm() -> Iterator[Alarm]:
    kept = signal.getsignal(signal.SIGCHLD)
    yield Alarm()
    signal.signal(signal.SIGCHLD, kept)
    signal.set_wakeup_fd(-1)


def test_a_signal_ends_a_sleep_though_what_woke_it_cannot_be_read(
    alarm: Alarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, size: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "read", refuse)
    began = time.monotonic()
    os.kill(os.getpid(), signal.SIGTERM)
    alarm.wait(60.0)
    assert alarm.terminated
    assert time.monotonic() - began < 30.0
