"""Which process is meant: not a later one with its number, nor a dead one."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from engine.machine.processes import ProcessIdentity


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


def test_own_identity_is_alive() -> None:
    identity = ProcessIdentity.own()
    assert identity.pid == os.getpid()
    assert identity.alive()
    assert not identity.elsewhere
    assert not identity.before_reboot


def test_ended_process_is_dead_even_as_a_zombie(sleeper: subprocess.Popen[bytes]) -> None:
    identity = ProcessIdentity.of(sleeper.pid)
    assert identity.alive()
    os.kill(sleeper.pid, signal.SIGKILL)
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert not identity.alive()
    assert not identity.signal(signal.SIGTERM)
    with pytest.raises(ProcessLookupError):
        ProcessIdentity.of(sleeper.pid)


@pytest.mark.parametrize("change", [{"start_time": 1.0}, {"boot_id": "another boot"}])
def test_reused_pid_is_not_the_same_process(sleeper: subprocess.Popen[bytes], change: dict[str, object]) -> None:
    impostor = ProcessIdentity.of(sleeper.pid).model_copy(update=change)
    assert not impostor.alive()
    assert not impostor.signal(signal.SIGKILL)
    impostor.kill_group()
    assert sleeper.poll() is None


def test_signal_reaches_the_process(sleeper: subprocess.Popen[bytes]) -> None:
    assert ProcessIdentity.of(sleeper.pid).signal(signal.SIGTERM)
    assert sleeper.wait(10) == -signal.SIGTERM


def test_command_name_with_parentheses_does_not_confuse() -> None:
    rename = "import ctypes, time; ctypes.CDLL(None).prctl(15, b') Z 1 (', 0, 0, 0)"
    program = f"{rename}; print('named', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert ProcessIdentity.of(process.pid).alive()
        process.kill()


def test_other_machine_and_reboot_are_told_apart() -> None:
    own = ProcessIdentity.own()
    assert own.model_copy(update={"boot_id": "earlier"}).before_reboot
    assert own.model_copy(update={"boot_id": "earlier", "host": "elsewhere"}).elsewhere


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_process_that_cannot_be_looked_at_for_a_moment_is_not_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    own, opened, refusals = ProcessIdentity.own(), os.open, [OSError(errno.ENFILE, os.strerror(errno.ENFILE))]

    def refuse_once(path: str, flags: int) -> int:
        if refusals:
            raise refusals.pop()
        return opened(path, flags)

    monkeypatch.setattr(os, "open", refuse_once)
    assert own.alive()
    assert not refusals
