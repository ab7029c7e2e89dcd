"""The messages between two machines: a line of JSON and bytes, each of a bounded size."""

from __future__ import annotations

import json
import struct
import threading
import time
from collections.abc import Mapping
from typing import Any, BinaryIO

MAX_HEAD_BYTES = 16 * 2**20
MAX_BODY_BYTES = 8 * 2**20
PIECE_BYTES = 2**20
"""About how much one answer carries of files, so that others need not wait long behind it."""
_SIZES = struct.Struct(">II")
_LEAST_PIECE = 16 * 1024


class BadFrameError(ValueError):
    """What came is not a message of the other side's program."""


def write_frame(stream: BinaryIO, head: Mapping[str, Any], body: bytes = b"") -> int:
    """Write one message; return its length in bytes.

    Raises:
        OSError: the other side is gone.
        ValueError: the stream is closed, or the message is larger than the other side takes.
    """
    content = json.dumps(head, separators=(",", ":")).encode()
    if len(content) > MAX_HEAD_BYTES or len(body) > MAX_BODY_BYTES:
        raise ValueError(f"a message of {len(content)} and {len(body)} bytes is too large")
    stream.write(_SIZES.pack(len(content), len(body)) + content + body)
    stream.flush()
    return _SIZES.size + len(content) + len(body)


def read_frame(stream: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """Read one message.

    Raises:
        EOFError: the stream ended.
        BadFrameError: this is no message.
        OSError: the stream cannot be read.
    """
    head_bytes, body_bytes = _SIZES.unpack(_exactly(stream, _SIZES.size))
    if head_bytes > MAX_HEAD_BYTES or body_bytes > MAX_BODY_BYTES:
        raise BadFrameError(f"a message claims {head_bytes} and {body_bytes} bytes")
    content, body = _exactly(stream, head_bytes), _exactly(stream, body_bytes)
    try:
        head = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadFrameError("a message is not valid JSON") from error
    if not isinstance(head, dict):
        raise BadFrameError("a message is no object")
    return head, body


def _exactly(stream: BinaryIO, count: int) -> bytes:
    content = stream.read(count)
    if len(content) < count:
        raise EOFError
    return content


class Pace:
    """Keeps what is sent below a rate, on average. Several threads may use it.

    Args:
        rate: bytes a second.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._free_at = 0.0
        self._lock = threading.Lock()

    @property
    def piece(self) -> int:
        """Bytes of files in one answer: half a second's worth, so that others need not wait long behind it."""
        return int(min(max(self.rate / 2, _LEAST_PIECE), PIECE_BYTES))

    def spend(self, count: int) -> None:
        """Wait until what was sent before is paid for, then account for ``count`` bytes."""
        with self._lock:
            now = time.monotonic()
            wait = max(self._free_at - now, 0.0)
            self._free_at = max(self._free_at, now) + count / self.rate
        time.sleep(wait)
