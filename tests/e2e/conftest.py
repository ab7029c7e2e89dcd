"""Real terminals with real processes: tmux types and reads the screen."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

CRTUI = [sys.executable, "-m", "cr_tui"]
ROOT = Path(__file__).parents[2]


class Tmux:
    """One tmux server of its own, with one window."""

    def __init__(self, columns: int, rows: int, command: list[str], environment: dict[str, str], folder: Path) -> None:
        self._socket = f"crtui-{uuid.uuid4().hex[:8]}"
        variables = [part for name, value in environment.items() for part in ("-e", f"{name}={value}")]
        size = ["-x", str(columns), "-y", str(rows)]
        self._run("-f", "/dev/null", "new-session", "-d", *size, "-c", str(folder), *variables, *command)

    def _run(self, *arguments: str) -> str:
        command = ["tmux", "-L", self._socket, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def press(self, *keys: str) -> None:
        """Type keys by their tmux names, with time for each to be told from an escape sequence."""
        for key in keys:
            self._run("send-keys", key)
            time.sleep(0.4 if key == "Escape" else 0.05)

    def write(self, text: str) -> None:
        """Type text as it is."""
        self._run("send-keys", "-l", text)

    def screen(self) -> str:
        return self._run("capture-pane", "-p")

    def resize(self, columns: int, rows: int) -> None:
        self._run("resize-window", "-x", str(columns), "-y", str(rows))

    def wait_for(self, text: str, seconds: float = 90.0) -> str:
        return self.wait_until(lambda screen: text in screen, f"'{text}' did not appear", seconds)

    def wait_until(self, holds: Callable[[str], bool], complaint: str, seconds: float = 90.0) -> str:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            screen = self.screen()
            if holds(screen):
                return screen
            time.sleep(0.2)
        raise AssertionError(f"{complaint}:\n{self.screen()}")

    def gone(self, seconds: float = 30.0) -> bool:
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
    """A store, slots and view states of the test's own; what is typed in them finds this source tree."""
    return {
        "CRTUI_STORE": str(tmp_path / "store"),
        "CRTUI_SLOTS": str(tmp_path / "slots"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture
def terminal(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Tmux]]:
    """Opens terminals of a size, with a command in them: by default the dashboard."""
    opened: list[Tmux] = []

    def open_(columns: int, rows: int, command: list[str] | None = None) -> Tmux:
        opened.append(Tmux(columns, rows, command or [*CRTUI, "dashboard"], environment, tmp_path))
        return opened[-1]

    yield open_
    for window in opened:
        window.kill()


@pytest.fixture
def crtui(environment: dict[str, str], tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command line of crtui."""

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*CRTUI, *arguments],
            cwd=tmp_path,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )

    return call
