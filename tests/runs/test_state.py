from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from engine.runs.state import Outcome, ProcessIdentity, RunState, Status


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


def test_scores_that_are_not_finite_become_none_in_json() -> None:
    outcome = Outcome(status=Status.FINISHED, scores={"mig": math.nan, "sap": math.inf, "dci": 0.5})
    assert Outcome.model_validate_json(outcome.model_dump_json()).scores == {"mig": None, "sap": None, "dci": 0.5}


def test_stalled_means_that_a_promised_beat_is_overdue() -> None:
    state = RunState(status=Status.RUNNING, created=0.0, next_beat=time.time() - 1)
    assert state.stalled
    assert not state.model_copy(update={"next_beat": time.time() + 60}).stalled
    assert not state.model_copy(update={"status": Status.FINISHED}).stalled


def test_outcome_completes_the_state() -> None:
    state = RunState(status=Status.RUNNING, created=1.0, heartbeat=2.0, step=7, scores={"mig": 0.1, "sap": 0.2})
    done = state.completed_from(Outcome(status=Status.FAILED, reason="diverged", traceback="…", scores={"mig": 0.3}))
    assert (done.status, done.reason, done.step, done.ended) == (Status.FAILED, "diverged", 7, 2.0)
    assert done.scores == {"mig": 0.3, "sap": 0.2}
