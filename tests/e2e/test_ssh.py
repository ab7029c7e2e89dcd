"""The dashboard over a real SSH server on loopback: the connection is cut, the runs go on, the next one shows them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ssh_server import needs_ssh, ssh_server

Call = Callable[..., subprocess.CompletedProcess[str]]
Open = Callable[..., Any]

pytestmark = needs_ssh


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[list[str]]:
    """The command that logs into a server of the test's own."""
    with ssh_server(tmp_path / "ssh") as server:
        yield server.login


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), pytest.param(200, 50, marks=pytest.mark.slow)])
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
