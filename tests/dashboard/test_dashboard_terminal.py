"""The dashboard in a real terminal: the bytes that reach it, and what a person sees of them."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pyte
import pytest

from engine.runs.event_log import EventLog
from engine.storage.store import Store

COLUMNS, ROWS = 200, 50
HOSTILE = [
    "[/nope]",
    "[@click=app.quit]x[/]",
    "\x1b]52;c;aGlqYWNr\x07clip",
    "\x1b[2Jclear",
    "c1\x9b31mred",
    "turned\u202eround",
    "two\nlines",
    "nul\x00byte",
    "x" * 10_000,
]
LITERAL = ["[/nope]", "[@click=app.quit]x[/]", "␛]52;c;aGlqYWNr␇clip", "␛[2Jclear", "two␊lines", "nul␀byte"]
PASTED = "a\x1b]52;c;aGlqYWNr\x07\x1b[2Jclear\x9b31mred\u202eturned"
FORBIDDEN = [b"\x1b]52", b"\x1b[2Jclear", b"\xc2\x9b", b"\x9b31m", "\u202e".encode(), b"\x00"]
START = "import sys; sys.path[:] = {path!r}; from engine.storage.store import Store; from cr_tui.dashboard import run; "
START += "run(Store.open(sys.argv[1]), read_only={read_only}, refresh=0.5)"


class _Unseen:
    """Draws nothing."""

    def feed(self, chunk: bytes) -> None:
        """Forget it."""


class Terminal:
    """A child on a pseudo-terminal whose output is kept and drawn."""

    def __init__(self, command: list[str], state: Path) -> None:
        self.raw = b""
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self._stream: pyte.ByteStream | _Unseen = pyte.ByteStream(self.screen)
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        # Some runners of tests announce a size of their own.
        inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        environment = inherited | {"TERM": "xterm-256color", "COLORTERM": "", "XDG_STATE_HOME": str(state)}
        # This terminal answers no questions.
        environment |= {"CRTUI_IMAGES": "halfblock"}
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
        )
        os.close(slave)

    def read_until(self, done: Callable[[str], bool], seconds: float = 30.0) -> str:
        """Draw what comes until the screen is as wanted."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._read(0.1)
            if done(text := "\n".join(self.screen.display)):
                return text
        raise AssertionError("\n".join(self.screen.display))

    def count_for(self, seconds: float) -> int:
        """How many bytes come in some seconds."""
        before, deadline = len(self.raw), time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._read(left)
        return len(self.raw) - before

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def read_unseen(self, seconds: float) -> None:
        """Take what comes without drawing it, which would be slower than what draws it first."""
        stream, self._stream = self._stream, _Unseen()
        self.count_for(seconds)
        self._stream = stream

    def resize(self, columns: int, rows: int) -> None:
        """Change the size as a window manager does."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process.send_signal(signal.SIGWINCH)
        self.screen.resize(rows, columns)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def _read(self, seconds: float) -> None:
        if select.select([self._master], [], [], seconds)[0]:
            try:
                chunk = os.read(self._master, 65_536)
            except OSError:
                return
            self.raw += chunk
            self._stream.feed(chunk)


@pytest.fixture
def hostile_store(tmp_path: Path) -> Store:
    """Runs that try to hurt the terminal by every text of theirs that is shown."""
    store = Store.open(tmp_path / "store")
    for number, text in enumerate(HOSTILE):
        folder = store.runs / f"20260101-00000{number}-aaaaaa"
        (folder / "checkpoints").mkdir(parents=True)
        spec = {"name": text, "group": text, "method": {"name": text}, "data": {"name": text}, "training": {"steps": 9}}
        (folder / "spec.json").write_bytes(orjson.dumps(spec))
        state = {"status": "failed", "created": time.time() - 60 * number, "device": text, "reason": text}
        (folder / "state.json").write_bytes(orjson.dumps(state))
        (folder / "log.txt").write_text(f"{text}\n")
        with EventLog(folder / "events.jsonl") as events:
            for step in range(5):
                events.write(step, "train", **{f"loss_{text}": 0.1 * step})
            events.write(5, "score", **{text: float("nan")})
    return store


def test_hostile_text_is_literal_on_the_raw_output_and_idling_is_quiet(hostile_store: Store, tmp_path: Path) -> None:
    terminal = Terminal(
        [sys.executable, "-c", START.format(path=sys.path, read_only=True), str(hostile_store.root)], tmp_path / "state"
    )
    try:
        text = terminal.read_until(lambda text: "xxxxx…" in text and "losses" in text)
        for literal in LITERAL:
            assert literal in text
        for row in range(len(HOSTILE)):
            terminal.press("j" if row else "g")
            terminal.count_for(0.2)
        terminal.press("m")
        terminal.read_until(lambda text: "has not been ranked yet" in text)
        terminal.press("\x1b")
        terminal.read_until(lambda text: "losses" in text)
        for key in ("2", "d", "\r", "5", "6", "1"):
            terminal.press(key)
            terminal.count_for(0.5)
        for forbidden in FORBIDDEN:
            assert forbidden not in terminal.raw
        # A busy machine draws the last screen late.
        assert any(terminal.count_for(1.5) < 1500 for _ in range(20))
        assert terminal.count_for(1.5) < 1500
        terminal.press("q")
        assert terminal.process.wait(timeout=10) == 0
    finally:
        terminal.close()


@pytest.fixture
def changing(hostile_store: Store, tmp_path: Path) -> Iterator[Terminal]:
    """The dashboard of the hostile store, which may change it."""
    command = [sys.executable, "-c", START.format(path=sys.path, read_only=False), str(hostile_store.root)]
    terminal = Terminal(command, tmp_path / "state")
    yield terminal
    terminal.close()


def test_hostile_text_is_literal_in_forms_questions_and_what_is_pasted(changing: Terminal) -> None:
    changing.read_until(lambda text: "xxxxx…" in text and "losses" in text)
    for row in range(4):
        changing.press("j" if row else "g")
        changing.count_for(0.2)
    # It presses no keys, which would leave.
    changing.press("\x1b[200~\x1b[31m q q\x1b[201~")
    changing.press("d")
    changing.read_until(lambda text: "Delete ␛[2Jclear?" in text)
    changing.press("n")
    changing.read_until(lambda text: "stands out" not in text)
    # Its specification cannot be read; that is said in words that come from the file.
    changing.press("e")
    changing.count_for(0.5)
    changing.press("n")
    changing.read_until(lambda text: "would start at once" in text or "would wait" in text)
    changing.press("jjj\r")
    changing.count_for(0.5)
    changing.press(f"\x1b[200~{PASTED}\x1b[201~")
    changing.read_until(lambda text: "a␛]52;c" in text)
    changing.press("\r")
    changing.press("/")
    changing.count_for(0.5)
    changing.press(f"\x1b[200~{PASTED}\x1b[201~")
    changing.count_for(1.0)
    for forbidden in FORBIDDEN:
        assert forbidden not in changing.raw
