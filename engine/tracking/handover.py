"""Handing the numbers of one run over to one tool: each once, in order, whenever one gets to it.

How far that is stands in ``tracking/<tool>.json`` in the run's folder: the highest step of each kind of event that the
tool has, and the attempt that wrote it. Steps that a resumed run computes again are taken back where the tool can
forget them, and otherwise not handed over twice.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ValidationError

from engine.errors import InputError, StoreError
from engine.runs.events import EventTail, Row
from engine.runs.folder import RunFolder
from engine.storage.descriptors import cause, is_folder, make_folder, remove_tree
from engine.storage.files import read_file, replace_file
from engine.storage.locks import is_locked, try_lock_file
from engine.tracking.tracker import OpenRun, TrackedRun, tracker

KINDS = ("train", "score", "system")
_MAX_BYTES = 2**16
_READ_BYTES = 4 * 2**20
_POLL_SECONDS = 0.1
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


class _Position(BaseModel):
    """How far a run was handed over.

    Attributes:
        place: where to; empty where that is the tool's affair.
        highest: the highest step of each kind.
        attempt: the latest attempt of which something was handed over.
    """

    place: str = ""
    highest: dict[str, int] = {}
    attempt: int = 0


class Handover:
    """Hands over what is new. The caller holds :func:`handover_lock`.

    Args:
        folder: the run.
        tool: name of the tool.

    Raises:
        InputError: there is no such tool, it is not installed, or the run is gone.
    """

    def __init__(self, folder: RunFolder, tool: str) -> None:
        self._path = lock_path(folder).with_name(f"{tool}.json")
        self._run = _tracked(folder)
        self._tracker = tracker(tool)
        self._place = self._tracker.place(self._run)
        self._tail = EventTail(folder.events_path, limit=_READ_BYTES)
        self._open: OpenRun | None = None
        self._position = self._read_position()
        self._first = True

    @property
    def place(self) -> Path | None:
        """Where the tool keeps the run's numbers, if that is known."""
        return self._place

    def catch_up(self) -> int:
        """Hand over what was written since the last call, or, at first, since the last handover.

        Returns:
            How many rows that were.

        Raises:
            WorkError: how far it got could not be written down.
            Exception: whatever the tool raises.
        """
        count = 0
        if self._first:
            rows = self._everything()
            self._go_back_to(self._kept(rows))
            new = self._new(rows)
            if new and self._tracker.REWINDS:
                # What was written after the position was, is there already: from the first missing step on, anew.
                first = min(row["step"] for row in new)
                self._go_back_to(first - 1)
                self._sink().rewind(first)
                new = self._new(rows)
            count += self._write(new)
            self._first = False
        more = True
        while more:
            batch = self._tail.read()
            if batch.resumed_step is not None and self._tracker.REWINDS:
                self._go_back_to(batch.resumed_step)
                self._sink().rewind(batch.resumed_step + 1)
            count += self._write(self._new([row for row in batch.rows if row["kind"] in KINDS]))
            more = batch.more
        return count

    def close(self) -> None:
        """End the connection with the tool."""
        if self._open is not None:
            opened, self._open = self._open, None
            opened.close()

    def _everything(self) -> list[Row]:
        rows: list[Row] = []
        more = True
        while more:
            batch = self._tail.read()
            if batch.resumed_step is not None:
                rows = [row for row in rows if row["step"] <= batch.resumed_step]
            rows += [row for row in batch.rows if row["kind"] in KINDS]
            more = batch.more
        return rows

    def _kept(self, rows: Sequence[Row]) -> int | None:
        """The step after which a later attempt than the one handed over has computed again; ``None`` if none has."""
        if not self._tracker.REWINDS or all(row["attempt"] <= self._position.attempt for row in rows):
            return None
        return max((row["step"] for row in rows if row["attempt"] <= self._position.attempt), default=-1)

    def _go_back_to(self, step: int | None) -> None:
        if step is not None:
            highest = self._position.highest
            highest.update({kind: min(reached, step) for kind, reached in highest.items()})

    def _new(self, rows: Sequence[Row]) -> list[Row]:
        """Rows beyond the highest step of their kind; the highest steps are not changed."""
        reached = dict(self._position.highest)
        new = []
        for row in rows:
            if row["step"] > reached.get(row["kind"], -1):
                reached[row["kind"]] = row["step"]
                new.append(row)
        return new

    def _write(self, rows: Sequence[Row]) -> int:
        if not rows:
            return 0
        self._sink().write(rows)
        for row in rows:
            self._position.highest[row["kind"]] = row["step"]
        self._position.attempt = max(self._position.attempt, *(row["attempt"] for row in rows))
        replace_file(self._path, self._position.model_dump_json().encode())
        return len(rows)

    def _sink(self) -> OpenRun:
        if self._open is None:
            self._open = self._tracker.open_run(self._run, self._place)
        return self._open

    def _read_position(self) -> _Position:
        """How far an earlier handover got. If what it made is gone, or was somewhere else, it counts for nothing."""
        place = "" if self._place is None else str(self._place)
        with contextlib.suppress(FileNotFoundError, InputError, ValidationError):
            position = _Position.model_validate_json(read_file(self._path, _MAX_BYTES))
            if position.place == place and (self._place is None or is_folder(self._place)):
                return position
        return _Position(place=place)


def lock_path(folder: RunFolder) -> Path:
    """The lock of whoever hands a run over. Its folder is made.

    Raises:
        InputError: the run is gone.
    """
    folder.require()
    path = folder.path / "tracking"
    try:
        make_folder(path, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{path} cannot be made: {cause(error)}") from error
    return path / ".lock"


@contextlib.contextmanager
def handover_lock(folder: RunFolder) -> Iterator[bool]:
    """Hold the lock of a run's handover; yields whether it was free.

    Raises:
        InputError: the run is gone.
        WorkError: the disk refused.
    """
    descriptor = try_lock_file(lock_path(folder))
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def wait_until_handed_over(folder: RunFolder, seconds: float) -> bool:
    """Wait until nobody hands a run over any more; whether that came within these seconds."""
    path = folder.path / "tracking" / ".lock"
    deadline = time.monotonic() + seconds
    while is_locked(path):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def remove_copies(folder: RunFolder) -> None:
    """Delete what TensorBoard has of a run, which lies in the store. What other tools have is theirs."""
    from engine.tracking import tensorboard

    with contextlib.suppress(OSError):
        remove_tree(tensorboard.place(_tracked(folder)))


def _tracked(folder: RunFolder) -> TrackedRun:
    name, group, settings = None, None, {}
    # A specification that this installation cannot read still has numbers worth handing over.
    with contextlib.suppress(InputError):
        summary = folder.summary()
        name, group = summary.name, summary.group
        settings = summary.model_dump(mode="json")
        settings = folder.spec().model_dump(mode="json")
    title = f"{name}-{folder.id[-6:]}" if name and _PLAIN.fullmatch(name) else folder.id
    return TrackedRun(folder.id, title, group, settings, folder.store.root)
