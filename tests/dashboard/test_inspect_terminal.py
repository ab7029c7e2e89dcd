"""Images on a pseudo-terminal that speaks a protocol, is silent, or answers late: the bytes that reach it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import pyte
import pytest

from engine.storage.store import Store

COLUMNS, ROWS = 120, 40
KITTY, SIXEL = b"\x1b_Gi=31;OK\x1b\\\x1b[6;20;10t\x1b[?62;22c", b"\x1b[6;20;10t\x1b[?62;4;22c"
UPLOAD, PLACEMENT, PLACEHOLDER = b"\x1b_Gi=", b"U=1", "\U0010eeee".encode()
QUESTION_END = b"\x1b[c"
# A model that needs no PyTorch: the first code is the brightness of one half, the second that of the other.
PROGRAM = """
import sys
sys.path[:] = {path!r}
import numpy as np
import cr_tui.dashboard.store.source as source
from cr_tui.dashboard.model.data import ModelFacts
from engine.models.codes import Codes
from engine.storage.store import Store

def model(self, run_id, step=None):
    return ModelFacts(Codes(continuous=2), 7, (7,), (64, 64, 1))

def decode(self, run_id, step, latents):
    halves = np.repeat(np.rint((latents[:, :2] + 1) * 127.5).astype(np.uint8), 32, axis=1)
    return np.repeat(halves[:, None, :, None], 64, axis=1)

source.StoreSource.model, source.StoreSource.decode = model, decode
from cr_tui.dashboard import run
run(Store.open(sys.argv[1]), read_only=True, refresh=5.0, images=sys.argv[2] if len(sys.argv) > 2 else None)
"""


class Terminal:
    """A dashboard on a pseudo-terminal that answers the question about images after some time."""

    def __init__(
        self, store: Store, state: Path, answer: bytes, after: float, *options: str, **environment: str
    ) -> None:
        self.raw = b""
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self.screen)
        self._answer, self._after, self._at = answer, after, float("inf")
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        unwanted = ("COLUMNS", "LINES", "TMUX", "STY", "CRTUI_IMAGES", "TERM_PROGRAM")
        inherited = {name: value for name, value in os.environ.items() if name not in unwanted}
        own = {"TERM": "xterm-256color", "COLORTERM": "", "XDG_STATE_HOME": str(state), "PYTHONUTF8": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM.format(path=sys.path), str(store.root), *options],
            stdin=slave, stdout=slave, stderr=slave, env=inherited | own | environment, start_new_session=True,
        )  # fmt: skip
        os.close(slave)

    def read_until(self, done: Callable[[str], bool], seconds: float = 40.0) -> str:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._read(0.05)
            if done(text := "\n".join(self.screen.display)):
                return text
        raise AssertionError("\n".join(self.screen.display))

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def quit(self) -> None:
        self.press("q")
        deadline = time.monotonic() + 20
        while self.process.poll() is None and time.monotonic() < deadline:
            self._read(0.05)
        assert self.process.returncode == 0

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def _read(self, seconds: float) -> None:
        if time.monotonic() >= self._at:
            self._at = float("inf")
            os.write(self._master, self._answer)
        if not select.select([self._master], [], [], seconds)[0]:
            return
        try:
            chunk = os.read(self._master, 65_536)
        except OSError:
            return
        if QUESTION_END not in self.raw and QUESTION_END in self.raw + chunk and self._answer:
            self._at = time.monotonic() + self._after
        self.raw += chunk
        # pyte would print what stands in strings that are meant for graphics.
        self._stream.feed(re.sub(rb"\x1b[_P][^\x1b]*\x1b\\", b"", chunk))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.open(tmp_path / "store")
    folder = store.runs / "20260101-000000-aaaaaa"
    (folder / "checkpoints").mkdir(parents=True)
    spec = {"name": "one", "method": {"name": "vae"}, "data": {"name": "tiny"}, "training": {"steps": 9}}
    (folder / "spec.json").write_bytes(orjson.dumps(spec))
    (folder / "state.json").write_bytes(orjson.dumps({"status": "finished", "created": time.time()}))
    return store


@pytest.fixture
def start(store: Store, tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., Terminal]:
    def start(answer: bytes, *options: str, after: float = 0.0, **environment: str) -> Terminal:
        terminal = Terminal(store, tmp_path / "state", answer, after, *options, **environment)
        request.addfinalizer(terminal.close)
        terminal.read_until(lambda text: "finished" in text)
        return terminal

    return start


def open_inspect(terminal: Terminal) -> None:
    terminal.press("t")
    terminal.read_until(lambda text: "checkpoint 7" in text and "c1" in text)


def test_kitty_gets_a_picture_a_traversal_and_only_the_one_that_changes(start: Callable[..., Terminal]) -> None:
    terminal = start(KITTY)
    open_inspect(terminal)
    # What is uploaded is placed by characters that follow, perhaps in another piece.
    terminal.read_until(lambda text: terminal.raw.count(PLACEMENT) >= 3 and PLACEHOLDER in terminal.raw)
    assert PLACEHOLDER in terminal.raw
    # Pictures are named by colours of 24 bits.
    assert re.search(rb"\x1b\[[0-9;]*38;2;\d+;\d+;\d+[0-9;]*m" + PLACEHOLDER, terminal.raw)
    before = len(terminal.raw)
    terminal.press("l")
    terminal.read_until(lambda text: PLACEMENT in terminal.raw[before:] and b"a=d,d=I" in terminal.raw[before:])
    assert terminal.raw[before:].count(PLACEMENT) == 1
    assert b"a=d,d=I" in terminal.raw[before:]
    terminal.press("\x1b")
    terminal.read_until(
        lambda text: "finished" in text and terminal.raw.count(b"a=d,d=I") >= terminal.raw.count(PLACEMENT)
    )
    placed = terminal.raw.count(PLACEMENT)
    open_inspect(terminal)
    terminal.read_until(lambda text: terminal.raw.count(PLACEMENT) >= placed + 3)
    terminal.quit()


def test_sixel_is_drawn(start: Callable[..., Terminal]) -> None:
    terminal = start(SIXEL)
    open_inspect(terminal)
    terminal.read_until(lambda text: terminal.raw.count(b"\x1bP") >= 3)
    # The width of the picture in the panel by the size of a cell that the terminal told.
    sizes = {(int(width), int(height)) for width, height in re.findall(rb'\x1bP[0-9;]*q"1;1;(\d+);(\d+)', terminal.raw)}
    assert all(width % 10 == 0 and height % 20 == 0 for width, height in sizes)
    terminal.quit()


@pytest.mark.parametrize("environment", [{}, {"TMUX": "/tmp/none,1,0"}, {"CRTUI_IMAGES": "halfblock"}])
def test_otherwise_half_blocks(start: Callable[..., Terminal], environment: dict[str, str]) -> None:
    terminal = start(b"" if not environment else KITTY, **environment)
    open_inspect(terminal)
    terminal.read_until(lambda text: "half-blocks" in text)
    assert (QUESTION_END in terminal.raw) == ("CRTUI_IMAGES" not in environment)
    # What says TMUX and does not answer as tmux is asked for nothing but its name.
    assert (b"\x1b_G" in terminal.raw) == (not environment)
    assert UPLOAD not in terminal.raw.replace(b"\x1b_Gi=31,s=1", b"")
    assert b"\x1bP" not in terminal.raw
    terminal.quit()


def test_a_late_answer_is_no_key(start: Callable[..., Terminal]) -> None:
    terminal = start(KITTY, after=2.0)
    terminal.read_until(lambda text: terminal._at == float("inf"))
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        terminal._read(0.05)
    # Its characters would have opened the logs, the selection and more.
    assert "finished" in "\n".join(terminal.screen.display)
    open_inspect(terminal)
    terminal.read_until(lambda text: "half-blocks" in text)
    terminal.quit()


def test_the_option_comes_first(start: Callable[..., Terminal]) -> None:
    terminal = start(KITTY, "ascii", CRTUI_IMAGES="halfblock")
    open_inspect(terminal)
    terminal.read_until(lambda text: "steps · ascii" in text)
    assert QUESTION_END not in terminal.raw
    terminal.quit()
