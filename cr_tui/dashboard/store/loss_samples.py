"""A few losses from all parts of a long event log, without reading the whole."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import orjson

from engine.storage.descriptors import open_regular

_SAMPLES = 16
_PIECE_BYTES = 2048
_LOSS = "loss"
_NON_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def sample_losses(path: Path) -> tuple[float, ...]:
    """At most 16 values of the first loss that a log names, from its beginning to its end.

    A short log is read whole. A long log is read in short pieces at 16 places, evenly spread over the file, and each
    piece gives one row: a spike between two places is missed. Of a step that was repeated by a later attempt, the later
    value counts. A log that is missing or has no losses gives an empty result.
    """
    found: dict[int, float] = {}
    name: str | None = None
    for rows in _samples(path):
        for step, row in rows:
            name = name or next((key for key in row if key.startswith(_LOSS)), None)
            value = _number(row.get(name)) if name else None
            if value is not None:
                found = {earlier: loss for earlier, loss in found.items() if earlier < step} | {step: value}
    values = list(found.values())
    count = min(len(values), _SAMPLES)
    return tuple(values[len(values) * number // count] for number in range(count))


def _samples(path: Path) -> Iterator[list[tuple[int, dict[str, object]]]]:
    """Steps and rows: all of a short log, or one from each of 16 places."""
    try:
        descriptor = open_regular(path)
    except OSError:
        return
    try:
        size = os.fstat(descriptor).st_size
        if size <= _SAMPLES * _PIECE_BYTES:
            yield _rows(os.pread(descriptor, size, 0).split(b"\n"))
            return
        for number in range(_SAMPLES):
            offset = (size - _PIECE_BYTES) * number // (_SAMPLES - 1)
            yield _rows(os.pread(descriptor, _PIECE_BYTES, offset).split(b"\n")[offset > 0 : -1])[:1]
    except OSError:
        return
    finally:
        os.close(descriptor)


def _rows(lines: list[bytes]) -> list[tuple[int, dict[str, object]]]:
    rows = []
    for line in lines:
        with contextlib.suppress(orjson.JSONDecodeError):
            row = orjson.loads(line)
            if isinstance(row, dict) and row.get("kind") == "train" and type(row.get("step")) is int:
                rows.append((row["step"], row))
    return rows


def _number(value: object) -> float | None:
    if isinstance(value, str):
        return _NON_FINITE.get(value)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
