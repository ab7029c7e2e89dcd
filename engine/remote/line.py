"""One connection to another machine, from its beginning to its end: an SSH client and what it says."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import IO, Any, BinaryIO, cast

from engine.errors import InputError, WorkError
from engine.remote.address import COMMAND_VARIABLE, FarStore
from engine.remote.frames import read_frame, write_frame
from engine.version import VERSION

PROTOCOL = 1
"""Version of the messages. Programs of different versions understand each other where this is the same."""
FAR_SIDE = "far-side"
"""The command that answers on the other machine."""
SIGN_OF_LIFE = "alive"
"""A question whose answer nobody needs."""
GREETING = b"crtui-far-side"
"""Begins the first line that the other side writes. What a login script prints may come before it."""
_OPTIONS = ("-T", "-C", "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=2", "-o", "ConnectTimeout=15")
_UNATTENDED = ("-o", "BatchMode=yes")
_HANDSHAKE_SECONDS = 30.0
_MOST_NOISE_BYTES = 256 * 1024
_NOT_FOUND, _BAD_USAGE = 127, 2


class Line:
    """A started SSH client that the other side has greeted through.

    Args:
        store: where to.
        attended: whether a person may be asked for a password, by SSH itself. Only then may that take its time.

    Raises:
        InputError: the other side has no crtui, or one that does not fit, or not this store.
        WorkError: there is no connection.
    """

    def __init__(self, store: FarStore, *, attended: bool) -> None:
        self._store = store
        self._said: deque[str] = deque(maxlen=5)
        self._lock = threading.Lock()
        command = store.call([FAR_SIDE], *_OPTIONS, *(() if attended else _UNATTENDED))
        try:
            # An attended client must keep the terminal, from which it reads a password.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=not attended,
            )
        except OSError as error:
            raise InputError(f"'{command[0]}' cannot be started: {error.strerror}; install an SSH client") from error
        self._listener = threading.Thread(target=self._listen, name="far-errors", daemon=True)
        self._listener.start()
        try:
            self._greet(None if attended else time.monotonic() + _HANDSHAKE_SECONDS)
        except BaseException:
            self.close()
            raise

    def send(self, head: Mapping[str, Any], body: bytes = b"") -> None:
        """Send one message. Several threads may.

        Raises:
            OSError: the connection is cut.
            ValueError: it is closed, or the message is too large.
        """
        with self._lock:
            write_frame(_piped(self._process.stdin), head, body)

    def receive(self) -> tuple[dict[str, Any], bytes]:
        """Wait for one message.

        Raises:
            EOFError: the connection is cut.
            OSError: it cannot be read.
            ValueError: what came is no message.
        """
        return read_frame(_piped(self._process.stdout))

    def cut(self) -> None:
        """End the client, whatever it does. Who waits for a message learns that the connection is cut."""
        with contextlib.suppress(OSError):
            self._process.kill()

    def close(self) -> None:
        """End the client and let go of everything. No other thread may wait for a message any more."""
        self.cut()
        self._process.wait()
        self._listener.join(timeout=1.0)
        for stream in (self._process.stdin, self._process.stdout):
            # Closing flushes what was not delivered, which fails when the client is gone.
            with contextlib.suppress(OSError):
                _piped(stream).close()

    def _greet(self, deadline: float | None) -> None:
        """Wait for the other side's greeting, past whatever its login scripts print."""
        stream, read, line = _piped(self._process.stdout), 0, b""
        while read < _MOST_NOISE_BYTES:
            # Byte by byte, because what follows the greeting is not lines; and unbuffered, so that select sees it.
            wait = None if deadline is None else max(deadline - time.monotonic(), 0.0)
            if not select.select([stream], [], [], wait)[0]:
                raise WorkError(f"{self._store.host} did not answer within {_HANDSHAKE_SECONDS:.0f} seconds")
            piece = os.read(stream.fileno(), 1)
            if not piece:
                raise self._why_not()
            read, line = read + 1, line + piece
            if piece == b"\n":
                _, greeted, rest = line.partition(GREETING)
                if greeted:
                    self._check(rest.split())
                    return
                line = b""
        raise InputError(f"{self._store.host} prints something else than crtui's greeting; look at its login scripts")

    def _check(self, words: list[bytes]) -> None:
        protocol, version = (word.decode(errors="replace")[:40] for word in (*words, b"?", b"?")[:2])
        if protocol != str(PROTOCOL):
            raise InputError(
                f"crtui {version} on {self._store.host} and crtui {VERSION} here do not understand each other; "
                "install the same version on both"
            )

    def _why_not(self) -> InputError | WorkError:
        """Why the client ended before the other side greeted."""
        code = self._process.wait()
        self._listener.join(timeout=1.0)
        said, host = (self._said[-1] if self._said else ""), self._store.host
        if code == _NOT_FOUND:
            return InputError(
                f"{host} has no crtui on its PATH; install it there, or name it with ${COMMAND_VARIABLE}: {said}"
            )
        if code == _BAD_USAGE and f"no such command '{FAR_SIDE}'" in said.lower():
            return InputError(f"crtui on {host} is too old for this; install crtui {VERSION} there")
        if said.startswith("error: "):
            return InputError(f"{host}: {said.removeprefix('error: ')}")
        return WorkError(f"there is no connection to {host}: {said or f'the SSH client ended with code {code}'}")

    def _listen(self) -> None:
        stream = _piped(self._process.stderr)
        with contextlib.suppress(OSError, ValueError), stream:
            while piece := stream.readline(2000):
                text = piece.decode(errors="replace").strip()
                if text and text.isprintable():
                    self._said.append(text[:300])


def _piped(stream: IO[bytes] | None) -> BinaryIO:
    assert stream is not None
    return cast("BinaryIO", stream)
