"""The dashboard of a store on another machine: over a real SSH server, a line of 200 ms, and cuts."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.storage.store import Store
from tests.e2e.conftest import CRTUI
from tests.ssh_server import SlowLine, SshServer, needs_ssh, ssh_server
from tests.tiny_runs import add_tiny_run

pytestmark = needs_ssh
Call = Callable[..., subprocess.CompletedProcess[str]]
Open = Callable[..., Any]
ROUND_TRIP_SECONDS = 0.2


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SshServer]:
    with ssh_server(tmp_path / "ssh") as running:
        yield running


@pytest.fixture
def line(server: SshServer) -> Iterator[SlowLine]:
    slow = SlowLine(server.port, ROUND_TRIP_SECONDS)
    yield slow
    slow.close()


@pytest.fixture
def environment(environment: dict[str, str], server: SshServer, tmp_path: Path) -> dict[str, str]:
    there = {"CRTUI_SLOTS": environment["CRTUI_SLOTS"]}
    return environment | server.variables(there) | {"XDG_CACHE_HOME": str(tmp_path / "cache")}


@pytest.fixture
def window(terminal: Open, server: SshServer, line: SlowLine, there: Store) -> Any:
    """The dashboard of the far store, at the smallest size."""
    return terminal(80, 24, [*CRTUI, "dashboard", server.address(there.root, line.port)])


@pytest.fixture
def there(tmp_path: Path) -> Store:
    store = Store.open(tmp_path / "there")
    add_tiny_run(store, "first-of-all")
    return store


def test_a_cut_is_said_and_mended_and_what_happened_meanwhile_is_shown(
    window: Any, line: SlowLine, there: Store
) -> None:
    window.wait_for("first-of-all")
    line.cut()
    window.wait_for("blind for")
    assert "connection to 127.0.0.1 is cut" in window.screen()
    assert "first-of-all" in window.screen()
    add_tiny_run(there, "meanwhile")
    line.mend()
    window.wait_for("meanwhile")
    assert "blind" not in window.screen()
    window.press("q")
    assert window.gone()


def test_a_run_of_the_other_machine_is_followed_and_stopped_from_here(
    window: Any, crtui: Call, there: Store, line: SlowLine
) -> None:
    settings = ["--steps", "1000000", "--set", "score_every=0", "--set", "checkpoint_every=50", "--name", "far"]
    begun = crtui("--store", str(there.root), "train", *settings, "--detach")
    assert begun.returncode == 0, begun.stderr
    try:
        window.wait_for("running")
        line.cut()
        window.wait_for("blind for")
        # What cannot be seen is not dead.
        assert "running" in window.screen()
        line.mend()
        window.wait_until(lambda screen: "blind" not in screen, "the line was not mended")
        window.press("s")
        window.wait_for("Stop far?")
        window.press("y")
        window.wait_for("stopped")
    finally:
        crtui("--store", str(there.root), "runs", "stop", "far")
    listed = json.loads(crtui("--store", str(there.root), "runs", "list", "--json").stdout)
    assert {run["name"]: run["status"] for run in listed}["far"] == "stopped"
    window.press("q")
    assert window.gone()
