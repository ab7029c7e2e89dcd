"""Images in a real Kitty with a real tmux in it: what stands on the glass, in pixels.

Kitty runs on a screen that Xvfb keeps in a file.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import orjson
import pytest
from numpy.typing import NDArray

from engine.storage.store import Store

ROOT = Path(__file__).parents[2]
FIRST_WITH_PLACEHOLDERS = (0, 28)
FOCUS_LOST, FOCUS_GAINED = ("1b", "5b", "4f"), ("1b", "5b", "49")
PANEL = 250
"""Pixels from the left, where the large picture of the screen for codes is, and no other."""
# Stripes of one pixel. A cell of half-blocks has one colour across, so only a picture changes colour within a cell.
PRINTED = """
import time
import numpy as np
from cr_tui.cli.pictures import put_traversal
frame = np.zeros((32, 32, 3), np.uint8)
frame[:, ::2, 0] = frame[:, 1::2, 2] = 255
put_traversal(np.stack([frame] * 3)[None, None], ["c0"])
print("printed", flush=True)
time.sleep(60)
"""
DASHBOARD = """
import sys
import numpy as np
import cr_tui.dashboard.store.source as source
from cr_tui.dashboard.model.data import ModelFacts
from engine.models.codes import Codes
from engine.storage.store import Store

def model(self, run_id, step=None):
    return ModelFacts(Codes(continuous=2), 7, (7,), (32, 32, 3))

def decode(self, run_id, step, latents):
    frame = np.zeros((len(latents), 32, 32, 3), np.uint8)
    frame[:, :, ::2, 0] = frame[:, :, 1::2, 2] = 255
    # So that each picture differs from all others.
    frame[:, :, :1, 1] = np.rint((latents[:, :1, None] + 1) * 127.5)
    return frame

source.StoreSource.model, source.StoreSource.decode = model, decode
from cr_tui.dashboard import run
run(Store.open(sys.argv[1]), read_only=True, refresh=5.0)
"""


def missing() -> str:
    """What these tests need and do not find, or nothing."""
    for program in ("kitty", "tmux", "Xvfb"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    version = subprocess.run(["kitty", "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"(\d+)\.(\d+)", version)
    if found is None or (int(found[1]), int(found[2])) < FIRST_WITH_PLACEHOLDERS:
        return f"Kitty's placeholders need 0.28, and this is {version.strip() or 'none'}"
    return ""


pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "-")


class Glass:
    """The pixels of a screen without a monitor."""

    def __init__(self, folder: Path) -> None:
        reading, writing = os.pipe()
        command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "900x600x24", "-nolisten", "tcp"]
        self._process = subprocess.Popen(
            [*command, "-fbdir", str(folder)], pass_fds=[writing], stderr=subprocess.DEVNULL
        )
        os.close(writing)
        with os.fdopen(reading) as told:
            self.display = f":{told.readline().strip()}"
        self._file = folder / "Xvfb_screen0"

    def pixels(self) -> NDArray[np.uint8]:
        """Uint8 ``[height, width, 3]``."""
        content = self._file.read_bytes()
        header = struct.unpack(">20I", content[:80])
        width, height, bytes_per_line, colours = header[4], header[5], header[12], header[19]
        start = header[0] + 12 * colours
        rows = np.frombuffer(content, np.uint8, height * bytes_per_line, start).reshape(height, -1, 4)
        return rows[:, :width, 2::-1]

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


class Kitty:
    """A Kitty with a tmux in it, and a program in that."""

    def __init__(
        self, glass: Glass, folder: Path, command: list[str], *, passthrough: str, term: str, **variables: str
    ) -> None:
        self._glass, self._socket = glass, f"crtui-{uuid.uuid4().hex[:8]}"
        configuration = folder / "tmux.conf"
        configuration.write_text(f"set -g allow-passthrough {passthrough}\n")
        own = {"DISPLAY": glass.display, "LIBGL_ALWAYS_SOFTWARE": "1", "LP_NUM_THREADS": "1", "HOME": str(folder)}
        own |= {"XDG_STATE_HOME": str(folder), "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"} | variables
        unwanted = ("TMUX", "STY", "CRTUI_IMAGES", "TERM_PROGRAM", "TERM", "COLORTERM", "WAYLAND_DISPLAY")
        kept = {name: value for name, value in os.environ.items() if name not in unwanted}
        options = [f"term={term}", "confirm_os_window_close=0", "update_check_interval=0"]
        settings = [part for option in options for part in ("-o", option)]
        tmux = ["tmux", "-L", self._socket, "-f", str(configuration), "new-session", *command]
        self._process = subprocess.Popen(
            ["kitty", "--config", "NONE", *settings, *tmux], env=kept | own, stderr=subprocess.DEVNULL
        )

    def _tmux(self, *arguments: str) -> str:
        command = ["tmux", "-L", self._socket, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    def press(self, key: str) -> None:
        """Press a key in the first window, whether it is seen or not."""
        self._tmux("send-keys", "-t", ":0", key)

    def hide(self) -> None:
        """Show another window."""
        self._tmux("new-window", "sleep 60")

    def show(self) -> None:
        """Show the first window again, and say so as tmux does with focus-events: nothing here gives Kitty the focus.

        The focus is lost here, because Textual takes a key that was pressed since for a sign of focus.
        """
        self._tmux("send-keys", "-t", ":0", "-H", *FOCUS_LOST)
        self._tmux("select-window", "-t", ":0")
        self._tmux("send-keys", "-t", ":0", "-H", *FOCUS_GAINED)

    def text(self) -> str:
        return self._tmux("capture-pane", "-p", "-t", ":0")

    def wait(self, holds: Callable[[], bool], seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, self.text()
            time.sleep(0.2)

    def shows_a_picture(self, right: int | None = None) -> bool:
        """Whether red and blue change more often than cells do.

        Args:
            right: pixels from the left edge to look at, default: all.
        """
        pixels = self._glass.pixels()[:, :right].astype(int)
        signs = np.where(pixels[..., 0] > 180, 1, np.where(pixels[..., 2] > 180, -1, 0)) * (pixels[..., 1] < 80)
        changes = np.argwhere(signs[:, 1:] * signs[:, :-1] == -1)
        cell = int(self._tmux("display", "-p", "#{client_cell_width}") or 9)
        return len(set((changes[:, 1] % cell).tolist())) > 1

    def close(self) -> None:
        self._tmux("kill-server")
        self._process.terminate()
        self._process.wait()


@pytest.fixture
def kitty(tmp_path: Path) -> Iterator[Callable[..., Kitty]]:
    glass = Glass(tmp_path)
    opened: list[Kitty] = []

    def start(program: str, *arguments: str, passthrough: str = "on", term: str = "xterm-kitty") -> Kitty:
        command = [sys.executable, "-c", program, *arguments]
        opened.append(Kitty(glass, tmp_path, command, passthrough=passthrough, term=term))
        return opened[-1]

    yield start
    for window in opened:
        window.close()
    glass.close()


def test_a_traversal_is_printed_as_pictures(kitty: Callable[..., Kitty]) -> None:
    window = kitty(PRINTED)
    window.wait(window.shows_a_picture)
    assert "\U0010eeee" in window.text()
    assert "▀" not in window.text()


@pytest.mark.parametrize(("passthrough", "term"), [("off", "xterm-kitty"), ("on", "xterm-256color")])
def test_where_tmux_passes_too_little_on_there_are_half_blocks_and_nothing_else(
    kitty: Callable[..., Kitty], passthrough: str, term: str
) -> None:
    window = kitty(PRINTED, passthrough=passthrough, term=term)
    window.wait(lambda: "printed" in window.text())
    left = set(window.text()) - set("▀▄█ \n")
    assert left <= set("c0printed"), left
    assert not window.shows_a_picture()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.open(tmp_path / "store")
    folder = store.runs / "20260101-000000-aaaaaa"
    (folder / "checkpoints").mkdir(parents=True)
    spec = {"name": "one", "method": {"name": "vae"}, "data": {"name": "tiny"}, "training": {"steps": 9}}
    (folder / "spec.json").write_bytes(orjson.dumps(spec))
    (folder / "state.json").write_bytes(orjson.dumps({"status": "finished", "created": time.time()}))
    return store


def open_inspect(window: Kitty) -> None:
    window.wait(lambda: "finished" in window.text())
    window.press("t")
    window.wait(window.shows_a_picture)


def test_the_dashboard_shows_pictures_and_takes_them_away(kitty: Callable[..., Kitty], store: Store) -> None:
    window = kitty(DASHBOARD, str(store.root))
    open_inspect(window)
    assert "\U0010eeee" in window.text()
    window.press("Escape")
    window.wait(lambda: not window.shows_a_picture() and "finished" in window.text())


def test_what_changed_while_tmux_showed_another_window_is_there_on_return(
    kitty: Callable[..., Kitty], store: Store
) -> None:
    window = kitty(DASHBOARD, str(store.root))
    open_inspect(window)
    window.wait(lambda: window.shows_a_picture(PANEL))
    window.hide()
    window.wait(lambda: not window.shows_a_picture())
    window.press("l")
    window.wait(lambda: "moved" in window.text())
    # The new picture is drawn by a process.
    time.sleep(1.0)
    window.show()
    window.wait(lambda: window.shows_a_picture(PANEL), seconds=10)
