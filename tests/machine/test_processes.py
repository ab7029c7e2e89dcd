"""Which process is meant: not a later one with its number, nor a dead one."""

from __future__ import annotations

import ast
import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.machine.processes import ProcessIdentity, Sight


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
@pytest.mark.parametrize("hidepid", [PermissionError(errno.EPERM, "hidepid=1"), FileNotFoundError(2, "hidepid=2")])
def test_a_process_that_proc_hides_is_not_dead(
    monkeypatch: pytest.MonkeyPatch, sleeper: subprocess.Popen[bytes], hidepid: OSError
) -> None:
    """Asked by its number alone, the system says whether one is there; whether it is this one, nobody can tell."""
    hidden, kill, root = ProcessIdentity.of(sleeper.pid), os.kill, Path("/").stat()

    def hide(path: str, flags: int) -> int:
        raise hidepid

    def refuse(pid: int, number: int) -> None:
        kill(pid, 0)
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "open", hide)
    monkeypatch.setattr(os, "kill", refuse)
    assert hidden.sight() is Sight.HIDDEN
    assert not hidden.alive()
    assert not hidden.suspended()
    for act in (hidden.kill_group, lambda: hidden.signal(signal.SIGKILL), lambda: hidden.has_open(root)):
        with pytest.raises(PermissionError):
            act()
    with pytest.raises(PermissionError):
        ProcessIdentity.of(sleeper.pid)
    assert sleeper.poll() is None
    kill(sleeper.pid, signal.SIGKILL)
    sleeper.wait()
    assert hidden.sight() is Sight.GONE
    assert not hidden.signal(signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_process_that_can_never_be_looked_at_is_not_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, flags: int) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    own = ProcessIdentity.own()
    monkeypatch.setattr(os, "open", refuse)
    assert own.sight() is Sight.HIDDEN


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("refusal", [errno.ENFILE, errno.EACCES, errno.EPERM, errno.EIO])
def test_a_process_that_cannot_be_looked_at_for_a_moment_is_not_dead(
    monkeypatch: pytest.MonkeyPatch, refusal: int
) -> None:
    own, opened, refusals = ProcessIdentity.own(), os.open, [OSError(refusal, os.strerror(refusal))]

    def refuse_once(path: str, flags: int) -> int:
        if refusals:
            raise refusals.pop()
        return opened(path, flags)

    monkeypatch.setattr(os, "open", refuse_once)
    assert ProcessIdentity.own() == own
    assert not refusals


SOURCES = Path(__file__).parents[2]
MAY = {
    "engine/machine/processes.py": "is the one mechanism",
    "engine/machine/gpus.py:_abandon": "ends nvidia-smi, which it has started itself",
    "engine/launch/slots.py:_holds_a_slot": "reads which files a process has open, once it is known to be there",
    "engine/launch/supervising/follower.py:wait": "ends a process that it has started itself",
    "engine/launch/supervising/worker_process.py:ask_to_stop": "likewise",
    "engine/launch/supervising/worker_process.py:kill_group": "likewise",
    "cr_tui/dashboard/store/workers.py:_cpu": "reads what the user's own processes use",
    "cr_tui/dashboard/store/workers.py:_held_slots": "likewise",
    "cr_tui/dashboard/store/workers.py:_memory": "likewise",
}
"""Places that ask the system about a process by its number, and what they do."""
_ASKS = {"kill", "killpg", "pidfd_open", "pidfd_send_signal", "pid_exists", "pids", "process_iter", "is_running"}


def _asking(tree: ast.AST, inside: str = "") -> Iterator[tuple[str, str]]:
    """Name of the function around it and words of whatever asks about a process by its number, or signals it."""
    for node in ast.iter_child_nodes(tree):
        name = node.name if isinstance(node, ast.FunctionDef) else inside
        if isinstance(node, ast.Attribute) and node.attr in _ASKS and isinstance(node.value, ast.Name):
            if node.value.id in ("os", "signal", "psutil"):
                yield inside, f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.JoinedStr) and ast.unparse(node)[2:].startswith("/proc/{"):
            yield inside, "/proc/{pid}"
        yield from _asking(node, name)


def test_nobody_else_tells_whether_a_process_lives() -> None:
    """That a process cannot be seen is easily taken for its end; so one place alone judges it."""
    used, found = set(), []
    for path in sorted((*SOURCES.glob("engine/**/*.py"), *SOURCES.glob("cr_tui/**/*.py"))):
        file = str(path.relative_to(SOURCES))
        for inside, words in _asking(ast.parse(path.read_text())):
            allowed = {file, f"{file}:{inside}"} & MAY.keys()
            used |= allowed
            if not allowed:
                found.append(f"{file}: {words} in {inside or 'the module'}")
    assert found == []
    assert used == MAY.keys(), "no exception is kept that nothing needs"
