"""Asks the far side of a store, and connects again when the connection is cut."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from engine.errors import CrtuiError, InputError, StoreError, WorkError
from engine.remote.address import FarStore
from engine.remote.line import SIGN_OF_LIFE, Line

DEFAULT_RATE = 4 * 2**20
"""Bytes a second that the far side may send, before SSH compresses them."""
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0
_LONGEST_ERROR = 2000
_SILENT_SECONDS = 10.0
"""An answer that is held back comes after half of this; with nothing for so long, nobody is there."""
_SIGN_SECONDS = 20.0

Answer = tuple[Any, bytes]
"""What the other side says, as JSON has it, and the bytes that come with it."""


class CutError(StoreError):
    """There is no connection at present."""


class Connection:
    """One store's far side. Any thread may ask; answers come in whatever order the far side has them.

    Args:
        store: where to.
        rate: bytes a second that the far side may send.
    """

    def __init__(self, store: FarStore, rate: float = DEFAULT_RATE) -> None:
        self.store = store
        self._rate = rate
        self._lock = threading.Lock()
        self._waiting: dict[int, Future[Answer]] = {}
        self._numbers = 0
        self._line: Line | None = None
        self._closed = threading.Event()
        self._heard = time.monotonic()
        self._reason = ""

    def open(self) -> None:
        """Connect for the first time. SSH may ask for a password. From then on a thread keeps the connection.

        Raises:
            InputError: the other side has no crtui, or one that does not fit, or not this store.
            WorkError: there is no connection.
        """
        self._begin(Line(self.store, attended=True))
        for work in (self._keep, self._show_signs_of_life):
            threading.Thread(target=work, name="far", daemon=True).start()

    @property
    def trouble(self) -> str:
        """Why nothing can be seen at present; empty while all is well."""
        blind = time.monotonic() - self._heard
        if self._line is None:
            return f"blind for {blind:.0f} s: connection to {self.store.host} is cut; trying again{self._reason}"
        if self._waiting and blind > _SILENT_SECONDS:
            return f"blind for {blind:.0f} s: {self.store.host} does not answer; waiting"
        return ""

    def begin(self, question: str, arguments: Sequence[Any] = (), body: bytes = b"") -> Future[Answer]:
        """Ask without waiting.

        Raises:
            CutError: there is no connection.
        """
        future: Future[Answer] = Future()
        with self._lock:
            line = self._line
            if line is None:
                raise CutError(f"there is no connection to {self.store.host} at present")
            self._numbers += 1
            number = self._numbers
            if not self._waiting:
                self._heard = max(self._heard, time.monotonic())
            self._waiting[number] = future
        try:
            line.send({"n": number, "ask": question, "with": list(arguments)}, body)
        except (OSError, ValueError) as error:
            with self._lock:
                self._waiting.pop(number, None)
            line.cut()
            raise CutError(f"the connection to {self.store.host} was cut") from error
        return future

    def ask(self, question: str, arguments: Sequence[Any] = (), body: bytes = b"") -> Answer:
        """Ask and wait for the answer.

        Raises:
            CutError: there is no connection, or it was cut before the answer came.
            InputError: the far side says so.
            WorkError: the far side says so.
        """
        return self.begin(question, arguments, body).result()

    def close(self) -> None:
        """Let go of the far side, which ends itself."""
        self._closed.set()
        line = self._line
        if line is not None:
            line.cut()

    # -- the thread that keeps the connection ------------------------------------------------------------------------

    def _begin(self, line: Line) -> None:
        try:
            line.send({"n": 0, "ask": "pace", "with": [self._rate]})
        except (OSError, ValueError) as error:
            line.close()
            raise WorkError("the connection was cut at once") from error
        with self._lock:
            self._line, self._heard, self._reason = line, time.monotonic(), ""

    def _keep(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while not self._closed.is_set():
            line = self._line
            if line is not None:
                self._hear(line)
                self._end(line)
                pause = _FIRST_PAUSE_SECONDS
            if self._closed.wait(pause):
                return
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            try:
                self._begin(Line(self.store, attended=False))
            except CrtuiError as error:
                said = str(error).removeprefix(f"there is no connection to {self.store.host}: ")
                self._reason = f" ({said})"

    def _show_signs_of_life(self) -> None:
        """The far side ends itself when it hears nothing for long."""
        while not self._closed.wait(_SIGN_SECONDS):
            with contextlib.suppress(CutError):
                self.begin(SIGN_OF_LIFE)

    def _hear(self, line: Line) -> None:
        """Hand out answers until the connection is cut, or something comes that is no answer."""
        with contextlib.suppress(EOFError, OSError, ValueError):
            while True:
                head, body = line.receive()
                self._heard = time.monotonic()
                number = head.get("n")
                with self._lock:
                    future = self._waiting.pop(number, None) if isinstance(number, int) else None
                if future is not None:
                    self._settle(future, head, body)

    def _settle(self, future: Future[Answer], head: dict[str, Any], body: bytes) -> None:
        if "error" not in head:
            future.set_result((head.get("is"), body))
            return
        kind = InputError if head.get("kind") == "input" else WorkError
        future.set_exception(kind(str(head["error"])[:_LONGEST_ERROR]))

    def _end(self, line: Line) -> None:
        with self._lock:
            self._line = None
            waiting, self._waiting = list(self._waiting.values()), {}
        line.close()
        for future in waiting:
            future.set_exception(CutError(f"the connection to {self.store.host} was cut before the answer came"))
