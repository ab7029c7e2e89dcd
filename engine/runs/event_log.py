"""Writing the event log of a run; :mod:`engine.runs.events` says what it holds, and reads it."""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson

from engine.errors import StoreError
from engine.runs.events import KINDS, RESUMED_STEP, Kind, Row
from engine.runs.state import MAX_INTEGER
from engine.storage.descriptors import cause, open_file, release

_RESERVED = frozenset({"time", "attempt"})
_FLUSH_SECONDS = 1.0
_FLUSH_ROWS = 100
_SYNC_SECONDS = 10.0


def _once(act: Callable[[], None]) -> None:
    act()


class EventLog:
    """Appends events: whole lines in one write, training rows buffered for at most a second or 100 rows.

    What the disk refuses is kept, and written with what comes next. Rows stay in memory until they were synced: what
    the system still held of them when a disk failed may be lost, and then is written again in its place.

    Args:
        path: ``events.jsonl`` of the run; created if it is not there. A torn last line is closed first, or it would
            swallow the next one.
        attempt: number of the attempt, 1 for the first.
        patiently: does what it is given, which raises :class:`StoreError` where the disk refuses; default: once.

    Raises:
        WorkError: the file cannot be opened or written.
    """

    def __init__(self, path: Path, attempt: int = 1, patiently: Callable[[Callable[[], None]], None] = _once) -> None:
        self._path = path
        self._attempt = attempt
        self._patiently = patiently
        self._buffer: list[bytes] = []
        self._unsynced = bytearray()
        self._safe_size = 0
        # What follows the safe part of the file: whether all of it is there is in doubt after an error.
        self._in_doubt = False
        self._descriptor = -1
        self._closed = False
        self._flushed = self._synced = time.monotonic()
        patiently(self._open)

    def write(self, step: int, kind: Kind, **numbers: object) -> None:
        """Add one row.

        Args:
            step: finished updates.
            kind: ``train`` rows are buffered; the others, being rare, are written at once.
            numbers: anything that is a number, NumPy's and 0-d tensors included; strings (``text`` of a note) as is.

        Raises:
            WorkError: the disk refused. The rows are kept for the next call.
        """
        if kind not in KINDS or not _RESERVED.isdisjoint(numbers):
            raise ValueError(f"an event is one of {', '.join(KINDS)} and its 'time' and 'attempt' are not the caller's")
        row: Row = {"step": int(step), "time": time.time(), "kind": kind, "attempt": self._attempt}
        row.update((name, _encoded(value)) for name, value in numbers.items())
        self._buffer.append(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
        now = time.monotonic()
        if kind != "train" or len(self._buffer) >= _FLUSH_ROWS or now - self._flushed >= _FLUSH_SECONDS:
            self.flush()
        if now - self._synced >= _SYNC_SECONDS:
            self.sync()

    def note(self, step: int, text: str) -> None:
        """Add a remark: a change of schedule, a checkpoint.

        Raises:
            WorkError: the disk refused.
        """
        self.write(step, "note", text=text)

    def resumed(self, step: int) -> None:
        """Say that this attempt continues from ``step`` (0: the beginning), which supersedes all later steps so far.

        Raises:
            WorkError: the disk refused.
        """
        self.write(step, "note", text=f"attempt {self._attempt} continues from step {step}", **{RESUMED_STEP: step})

    def flush(self) -> None:
        """Let readers see every row so far.

        Raises:
            WorkError: the disk refused.
        """
        self._flushed = time.monotonic()
        if self._buffer or self._in_doubt:
            self._patiently(self._write_rows)

    def sync(self) -> None:
        """Flush, and wait until the rows would survive a power cut. Called with every checkpoint.

        Raises:
            WorkError: the disk refused.
        """
        self._flushed = self._synced = time.monotonic()
        self._patiently(self._sync_rows)

    def close(self) -> None:
        """Sync and close. Closing twice is harmless.

        Raises:
            WorkError: the disk refused; the file is closed all the same.
        """
        if self._closed:
            return
        self._closed = True
        try:
            self.sync()
        finally:
            self._take_descriptor(-1)

    def __enter__(self) -> EventLog:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _open(self) -> None:
        with self._refusal_told():
            self._take_descriptor(open_file(self._path, os.O_RDWR | os.O_APPEND))
            self._safe_size = size = os.fstat(self._descriptor).st_size
            torn = size > 0 and os.pread(self._descriptor, 1, size - 1) != b"\n"
            self._buffer = [b"\n"] if torn else []

    def _write_rows(self) -> None:
        with self._refusal_told():
            if self._in_doubt:
                self._write_again()
            lines = b"".join(self._buffer)
            self._buffer.clear()
            self._unsynced += lines
            written = 0
            while written < len(lines):
                written += os.write(self._descriptor, lines[written:])

    def _sync_rows(self) -> None:
        self._write_rows()
        with self._refusal_told():
            size = os.fstat(self._descriptor).st_size
            os.fsync(self._descriptor)
            self._safe_size = size
            self._unsynced.clear()

    def _write_again(self) -> None:
        """Open the file anew, and write all that is not known to be on disk in the place where it belongs."""
        # Not for appending: most of it is there already, as far as a reader can see.
        descriptor = open_file(self._path, os.O_RDWR)
        try:
            # Somebody may have cut it meanwhile.
            place = min(self._safe_size, os.fstat(descriptor).st_size)
            written = 0
            while written < len(self._unsynced):
                written += os.pwrite(descriptor, self._unsynced[written:], place + written)
        finally:
            release(descriptor)
        self._take_descriptor(open_file(self._path, os.O_RDWR | os.O_APPEND))
        self._in_doubt = False

    def _take_descriptor(self, descriptor: int) -> None:
        if self._descriptor >= 0:
            release(self._descriptor)
        self._descriptor = descriptor

    @contextlib.contextmanager
    def _refusal_told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._in_doubt = True
            raise StoreError(f"{self._path} cannot be written: {cause(error)}") from error


def _encoded(value: object) -> object:
    if isinstance(value, str):
        # JSON is UTF-8, which has no lone surrogates.
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, int) and abs(value) <= MAX_INTEGER:
        return int(value)
    try:
        number = float(value)  # type: ignore[arg-type]  # whatever cannot be a float is refused by float itself
    except OverflowError:
        number = math.inf if value > 0 else -math.inf  # type: ignore[operator]  # an integer of more than 308 digits
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
