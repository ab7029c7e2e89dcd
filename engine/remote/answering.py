"""The far side of a store: answers what comes through standard input, until that ends."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO

from engine.errors import CrtuiError, InputError
from engine.remote.frames import BadFrameError, Pace, read_frame, write_frame
from engine.remote.line import GREETING, PROTOCOL, SIGN_OF_LIFE
from engine.version import VERSION

Question = Callable[[list[Any], bytes], tuple[Any, bytes]]
"""Takes arguments and bytes; gives what JSON can hold, and bytes."""

_THREADS = 16
"""Questions that are answered at the same time: some are held back until there is something to say."""
_ABANDONED_SECONDS = 90.0
"""The near side asks every few seconds. If it does not for so long, the machine between may have vanished."""
_DEFAULT_RATE = 2**20


class FarSide:
    """Answers on one connection.

    Args:
        requests: where questions come from.
        answers: where answers go to.
    """

    def __init__(self, requests: BinaryIO, answers: BinaryIO) -> None:
        self._requests, self._answers = requests, answers
        self._lock = threading.Lock()
        self._heard = time.monotonic()
        self.pace = Pace(_DEFAULT_RATE)
        self.ended = threading.Event()

    def greet(self) -> None:
        """Say who is here.

        Raises:
            OSError: nobody listens.
        """
        self._answers.write(b"%b %d %b\n" % (GREETING, PROTOCOL, VERSION.encode()))
        self._answers.flush()

    def serve(self, questions: Mapping[str, Question]) -> None:
        """Answer until the near side is gone.

        Args:
            questions: what can be asked, by name.
        """
        threading.Thread(target=self._watch, daemon=True).start()
        pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="far")
        try:
            while True:
                head, body = read_frame(self._requests)
                self._heard = time.monotonic()
                if head.get("ask") == "pace":
                    self.pace.rate = max(float(head["with"][0]), 1.0)
                elif head.get("ask") == SIGN_OF_LIFE:
                    self._send({"n": head.get("n"), "is": None})
                else:
                    pool.submit(self._answer, questions, head, body)
        except (EOFError, OSError, BadFrameError, LookupError, TypeError, ValueError):
            pass
        finally:
            self.ended.set()
            pool.shutdown(wait=False, cancel_futures=True)

    def _answer(self, questions: Mapping[str, Question], head: Mapping[str, Any], body: bytes) -> None:
        number, name, arguments = head.get("n"), head.get("ask"), head.get("with")
        try:
            question = questions.get(str(name))
            if question is None or not isinstance(arguments, list):
                raise InputError(f"crtui {VERSION} on this machine cannot be asked for {str(name)[:40]!r}")
            answer, content = question(arguments, body)
            self._send({"n": number, "is": answer}, content)
        except CrtuiError as error:
            kind = "input" if isinstance(error, InputError) else "work"
            self._send({"n": number, "error": str(error), "kind": kind})
        except Exception as error:  # Whatever it is, the near side waits for an answer.
            print(f"error: {name}: {error!r}", file=sys.stderr, flush=True)
            self._send({"n": number, "error": f"the far side failed at '{name}': {error!r}", "kind": "work"})

    def _send(self, head: Mapping[str, Any], body: bytes = b"") -> None:
        with self._lock:
            try:
                self.pace.spend(write_frame(self._answers, head, body))
            except OSError:
                self.ended.set()

    def _watch(self) -> None:
        while not self.ended.wait(1.0):
            if time.monotonic() - self._heard > _ABANDONED_SECONDS:
                os._exit(1)


def own_streams() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output for messages alone: what libraries print goes to standard error from now on."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return sys.stdin.buffer, answers
