from __future__ import annotations

import io
import time

import pytest

from engine.remote import frames
from engine.remote.frames import BadFrameError, Pace, read_frame, write_frame


def test_a_message_comes_as_it_went() -> None:
    stream = io.BytesIO()
    write_frame(stream, {"n": 1, "is": ["ü", float("inf")]}, b"\0\n" * 1000)
    stream.seek(0)
    assert read_frame(stream) == ({"n": 1, "is": ["ü", float("inf")]}, b"\0\n" * 1000)


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\0\0\0\2\0\0\0\0{]",
        b"\0\0\0\2\0\0\0\0[]",
        b"\0\1\x86\xa0\0\0\0\0" + b"[" * 100_000,
        b"\0\0\0\1\0\0\0\0\xff",
    ],
)
def test_what_is_no_message_is_refused(content: bytes) -> None:
    with pytest.raises(BadFrameError):
        read_frame(io.BytesIO(content))


@pytest.mark.parametrize("content", [b"", b"\0\0", b"\0\0\0\2\0\0\0\0{", b"\0\0\0\2\0\0\0\5{}abc"])
def test_a_message_that_breaks_off_is_an_end(content: bytes) -> None:
    with pytest.raises(EOFError):
        read_frame(io.BytesIO(content))


def test_what_is_too_large_is_not_sent() -> None:
    stream = io.BytesIO()
    with pytest.raises(ValueError, match="too large"):
        write_frame(stream, {}, bytes(frames.MAX_BODY_BYTES + 1))
    assert stream.getvalue() == b""


def test_a_pace_spreads_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    pace = Pace(1000)
    for _ in range(3):
        pace.spend(500)
    assert waited == [0.0, 0.5, 1.0]
