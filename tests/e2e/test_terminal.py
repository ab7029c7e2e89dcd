"""The product in a real terminal, with real processes: tmux types and reads the screen."""

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

CRTUI = [sys.executable, "-m", "cr_tui"]
ROOT = Path(__file__).parents[2]


class Tmux:
    """One tmux server of its own, with one window."""

    def __init__(self, columns: int, rows: int, command: list[str], environment: dict[str, str]) -> None:
        self._socket = f"crtui-{uuid.uuid4().hex[:8]}"
        variables = [part for name, value in environment.items() for part in ("-e", f"{name}={value}")]
        size = ["-x", str(columns), "-y", str(rows)]
        self._run("-f", "/dev/null", "new-session", "-d", *size, "-c", str(ROOT), *variables, *command)

    def _run(self, *arguments: str) -> str:
        command = ["tmux", "-L", self._socket, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def press(self, *keys: str) -> None:
        self._run("send-keys", *keys)

    def screen(self) -> str:
        return self._run("capture-pane", "-p")

    def wait_for(self, text: str, seconds: float = 60.0) -> str:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            screen = self.screen()
            if text in screen:
                return screen
            time.sleep(0.2)
        raise AssertionError(f"'{text}' did not appear:\n{self.screen()}")

    def gone(self, seconds: float = 20.0) -> bool:
        """Whether the program, and with it the server, has ended."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            alive = subprocess.run(["tmux", "-L", self._socket, "has-session"], capture_output=True, check=False)
            if alive.returncode != 0:
                return True
            time.sleep(0.2)
        return False

    def kill(self) -> None:
        subprocess.run(["tmux", "-L", self._socket, "kill-server"], capture_output=True, check=False)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {
        "CRTUI_STORE": str(tmp_path / "store"),
        "CRTUI_SLOTS": str(tmp_path / "slots"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture
def terminals() -> Iterator[list[Tmux]]:
    opened: list[Tmux] = []
    yield opened
    for terminal in opened:
        terminal.kill()


def crtui(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CRTUI, *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (200, 50)])
def test_a_run_is_watched_and_outlives_the_dashboard(
    environment: dict[str, str], terminals: list[Tmux], columns: int, rows: int
) -> None:
    started = crtui(
        environment, "train", "--steps", "1000000", "--set", "score_every=0", "--name", "watched", "-d", "--json"
    )
    assert started.returncode == 0, started.stderr
    (run,) = json.loads(started.stdout)
    try:
        terminal = Tmux(columns, rows, [*CRTUI, "dashboard"], environment)
        terminals.append(terminal)
        terminal.wait_for("watched")
        terminal.wait_for("running")
        terminal.wait_for("losses")
        terminal.press("?")
        terminal.wait_for("Traverse")
        terminal.press("Escape")
        time.sleep(0.3)
        terminal.press("q")
        assert terminal.gone()
        (listed,) = json.loads(crtui(environment, "runs", "list", "--json").stdout)
        assert listed["status"] == "running"
    finally:
        stopped = crtui(environment, "runs", "stop", run["id"])
    assert stopped.returncode == 0, stopped.stderr
    (listed,) = json.loads(crtui(environment, "runs", "list", "--json").stdout)
    assert listed["status"] == "stopped"


def test_a_killed_run_is_listed_as_crashed_and_resumes_to_its_end(environment: dict[str, str]) -> None:
    settings = ["--steps", "400", "--set", "checkpoint_every=50", "--set", "score_every=0"]
    (run,) = json.loads(crtui(environment, "train", *settings, "-d", "--json").stdout)
    deadline = time.monotonic() + 60
    listed = run
    while not listed["step"] and time.monotonic() < deadline:
        time.sleep(0.2)
        (listed,) = json.loads(crtui(environment, "runs", "list", "--json").stdout)
    assert listed["status"] == "running"
    os.kill(listed["pid"], 9)
    time.sleep(0.5)
    (listed,) = json.loads(crtui(environment, "runs", "list", "--json").stdout)
    assert listed["status"] == "crashed"
    resumed = crtui(environment, "runs", "resume", run["id"])
    assert resumed.returncode == 0, resumed.stderr
    while listed["status"] != "finished" and time.monotonic() < deadline + 60:
        time.sleep(0.5)
        (listed,) = json.loads(crtui(environment, "runs", "list", "--json").stdout)
    assert (listed["status"], listed["step"]) == ("finished", 400)
