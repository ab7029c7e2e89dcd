"""The dashboard over a real SSH server on loopback: the connection is cut, the runs go on, the next one shows them."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., subprocess.CompletedProcess[str]]
Open = Callable[..., Any]

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
pytestmark = pytest.mark.skipif(
    not (Path(SSHD).exists() and shutil.which("ssh") and shutil.which("ssh-keygen")),
    reason="needs an SSH server and client: apt-get install openssh-server openssh-client",
)


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[list[str]]:
    """The command that logs into a server of the test's own, which lets in nobody but the test's key."""
    folder = tmp_path / "ssh"
    folder.mkdir(mode=0o700)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    shutil.copy(folder / "user.pub", folder / "authorized")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "authorized",
        "PidFile": folder / "pid",
        "PasswordAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
        "StrictModes": "no",
        "UsePAM": "no",
    }
    (folder / "config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    if os.geteuid() == 0:
        # Where the server leaves its privileges.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    log = folder / "log"
    server = subprocess.Popen([SSHD, "-D", "-f", str(folder / "config"), "-E", str(log)])
    options = ["StrictHostKeyChecking=no", f"UserKnownHostsFile={folder / 'known'}", "LogLevel=ERROR", "BatchMode=yes"]
    login = ["ssh", "-tt", "-p", str(port), "-i", str(folder / "user"), *(part for o in options for part in ("-o", o))]
    login.append(f"{getpass.getuser()}@127.0.0.1")
    try:
        deadline = time.monotonic() + 30
        while subprocess.run([*login, "true"], capture_output=True, check=False).returncode != 0:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield login
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (200, 50)])
def test_a_cut_connection_hurts_no_run_and_the_next_shows_it(
    ssh: list[str], crtui: Call, terminal: Open, environment: dict[str, str], columns: int, rows: int
) -> None:
    variables = " ".join(f"{name}='{value}'" for name, value in environment.items())
    dashboard = [*ssh, f"env {variables} {sys.executable} -m cr_tui dashboard"]
    window = terminal(columns, rows, dashboard)
    window.wait_for("No runs yet")
    # Started from another connection, so that its session is not the dashboard's.
    settings = "--steps 1000000 --set score_every=0 --set checkpoint_every=100 --name far --detach"
    begun = subprocess.run([*ssh, f"env {variables} {sys.executable} -m cr_tui train {settings}"], check=False)
    assert begun.returncode == 0
    try:
        window.wait_for("far")
        window.wait_for("running")
        before = _step(crtui)
        client = next(
            pid for pid in _processes() if str(environment["CRTUI_STORE"]) in _command(pid) and "ssh" in _command(pid)
        )
        os.kill(client, signal.SIGKILL)
        assert window.gone()
        deadline = time.monotonic() + 60
        while _step(crtui) <= before and time.monotonic() < deadline:
            time.sleep(0.5)
        (listed,) = json.loads(crtui("runs", "list", "--json").stdout)
        assert listed["status"] == "running"
        assert listed["step"] > before
        again = terminal(columns, rows, dashboard)
        again.wait_for("far")
        again.wait_for("running")
        again.press("q")
        assert again.gone()
    finally:
        stopped = crtui("runs", "stop", "far")
    assert stopped.returncode == 0, stopped.stderr


def _step(crtui: Call) -> int:
    (listed,) = json.loads(crtui("runs", "list", "--json").stdout)
    return int(listed["step"])


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
