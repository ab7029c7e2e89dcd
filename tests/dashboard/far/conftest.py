"""A far store without a network: what stands in for SSH runs the command on this machine."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cr_tui.dashboard.far.source import FarSource
from engine.remote.address import FarStore
from engine.remote.connection import Connection
from engine.storage.store import Store
from tests.ssh_server import ROOT

STAND_IN = """
import os, sys
os.execvp("sh", ["sh", "-c", sys.argv[-1]])
"""


def until(holds: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait for something."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


@pytest.fixture
def there(tmp_path: Path) -> Store:
    """The store on the other machine."""
    return Store.open(tmp_path / "there")


@pytest.fixture(autouse=True)
def _stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "stand_in.py"
    program.write_text(STAND_IN)
    monkeypatch.setenv("CRTUI_SSH", f"{sys.executable} {program}")
    monkeypatch.setenv(
        "CRTUI_FAR_COMMAND", f"exec env PYTHONPATH={ROOT} CRTUI_SLOTS={tmp_path}/slots {sys.executable} -m cr_tui"
    )
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def far(there: Store) -> Iterator[FarSource]:
    """What the dashboard asks."""
    connection = Connection(FarStore("elsewhere", path=str(there.root)))
    connection.open()
    source = FarSource(connection, 0.2)
    yield source
    source.close()
