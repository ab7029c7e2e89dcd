"""Damage as it happens to files, and worse; and a watch over what reading them costs."""

from __future__ import annotations

import json
import os
import resource
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings

CASES = int(os.environ.get("CRTUI_FUZZ_CASES", "12"))
"""Damaged files of each kind. A few show that the tests work; a fuzz run asks for hundreds."""
SPARE_BYTES = 2 << 30
PATIENCE_SECONDS = 60

settings.register_profile(
    "fuzz",
    max_examples=CASES,
    deadline=None,
    database=None,
    derandomize="CRTUI_FUZZ_CASES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("fuzz")

_TOKENS = (
    *(b"", b"\0" * 16, b"\xff" * 8, b"\x7f\xff\xff\xff\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x80\0\0\0"),
    *(b"NaN", b"-1", b"1e999", b"99999999999999999999999", b"null", b"{}", b"[", b'"', b"\\ud800", b"\n", b"\r\n"),
    *(b"../../x", b"/etc/passwd", b"\x1b]52;c;eA==\x07", "\u202e".encode(), b"cos\nsystem\n(S'false'\ntR."),
)
_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from([[], {}, [[]], {"": {}}, "../../x", "/etc/passwd", "\x1b[2J", 10**400, "9" * 400, [0] * 1000]),
)


def _place(draw: Callable[[Any], Any], length: int) -> int:
    """Anywhere, and more often near the beginning, where formats keep what describes the rest."""
    share: float = draw(st.floats(0, 1))
    return min(length, int(share * share * (length + 1)))


def _bytes_damaged(draw: Callable[[Any], Any], content: bytes) -> bytes:
    place = _place(draw, len(content))
    length = draw(st.integers(0, 64))
    kind = draw(st.sampled_from(["flip", "write", "insert", "cut", "truncate", "repeat", "replace"]))
    token = draw(st.one_of(st.sampled_from(_TOKENS), st.binary(max_size=32)))
    if kind == "flip" and place < len(content):
        return content[:place] + bytes([content[place] ^ 1 << draw(st.integers(0, 7))]) + content[place + 1 :]
    return {
        "write": content[:place] + token + content[place + len(token) :],
        "insert": content[:place] + token + content[place:],
        "cut": content[:place] + content[place + length :],
        "truncate": content[:place],
        "repeat": content[: place + length] + content[place:],
        "replace": token,
    }.get(kind, content)


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _json_damaged(draw: Callable[[Any], Any], content: bytes) -> bytes | None:
    """One value of a JSON document, or of one line of several, by another; ``None`` where it is no JSON."""
    chosen, before, after = content, b"", b""
    document = _parsed(content)
    lines = content.splitlines(keepends=True)
    if document is None and lines:
        place = draw(st.integers(0, len(lines) - 1))
        chosen, before, after = lines[place], b"".join(lines[:place]), b"".join(lines[place + 1 :])
        document = _parsed(chosen)
    if document is None:
        return None
    if draw(st.integers(0, 40)) == 0:
        return before + b"[" * 100_000 + after
    holders: list[tuple[Any, Any]] = []
    waiting: list[Any] = [document]
    while waiting:
        node = waiting.pop()
        keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        for key in keys:
            holders.append((node, key))
            waiting.append(node[key])
    if not holders:
        return before + json.dumps(draw(_VALUES)).encode() + after
    node, key = draw(st.sampled_from(range(len(holders))).map(holders.__getitem__))
    if isinstance(node, dict) and draw(st.integers(0, 4)) == 0:
        del node[key]
    else:
        node[key] = draw(_VALUES)
    return before + json.dumps(document).encode() + (b"\n" if before or after else b"") + after


@pytest.fixture(scope="session")
def damaged() -> Callable[[Any, bytes], bytes]:
    """Makes of a file's content what a fault or an enemy might have left of it."""

    def damage(data: Any, content: bytes) -> bytes:
        for _ in range(data.draw(st.integers(1, 3))):
            found = _json_damaged(data.draw, content) if data.draw(st.booleans()) else None
            content = _bytes_damaged(data.draw, content) if found is None else found
        return content

    return damage


@pytest.fixture(scope="session")
def watched() -> Callable[[], AbstractContextManager[None]]:
    """Lets nothing take more than two GiB of memory or a minute, and keeps warnings quiet."""

    def late(_signal: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"reading took over {PATIENCE_SECONDS} s")

    @contextmanager
    def watch() -> Iterator[None]:
        with open("/proc/self/statm") as file:  # noqa: PTH123
            used = int(file.read().split()[0]) * resource.getpagesize()
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        before = signal.signal(signal.SIGALRM, late)
        signal.alarm(PATIENCE_SECONDS)
        resource.setrlimit(resource.RLIMIT_AS, (used + SPARE_BYTES, hard))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)

    return watch
