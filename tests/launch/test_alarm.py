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


@pytest.mark.parametrize("refused", [(os, "pipe"), (signal, "set_wakeup_fd")])
def test_where_signals_cannot_end_a_sleep_it_is_short(
    monkeypatch: pytest.MonkeyPatch, refused: tuple[object, str]
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    kept = {
        number: signal.getsignal(number) for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    }
    with monkeypatch.context() as patch:
        patch.setattr(*refused, refuse)
        alarm = Alarm()
    began = time.monotonic()
    os.kill(os.getpid(), signal.SIGTERM)
    alarm.wait(60.0)
    for number, handler in kept.items():
        signal.signal(number, handler)
    assert alarm.terminated
    assert time.monotonic() - began < 30.0
