"""``crtui runs show`` and ``logs``: what one run has written."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cr_tui.cli.invocation import JsonOption, RunArgument, invocation_of
from cr_tui.cli.output import put, put_json, warn
from cr_tui.text import clean
from engine.errors import InputError, StoreError
from engine.runs.specification.trees import leaves
from engine.storage.descriptors import open_regular

if TYPE_CHECKING:
    from engine.runs.catalogue import RunRecord

_TAIL_BYTES = 2**20
_CHUNK_BYTES = 2**16
_LONGEST_LINE = 4000
_POLL_SECONDS = 0.3


def show(context: typer.Context, run: RunArgument, as_json: JsonOption = False) -> None:
    """Show all that is known of a run."""
    from engine.launch import queueing
    from engine.runs.catalogue import find_run, with_newest_scores

    invocation = invocation_of(context)
    record = with_newest_scores(find_run(invocation.open_store(writing=False), run))
    facts = _facts(record)
    if as_json:
        put_json(facts)
        return
    traceback = facts.pop("traceback")
    for key, value in leaves(facts):
        put(f"{key} = {json.dumps(value, ensure_ascii=False)}")
    if traceback:
        put()
        for line in str(traceback).splitlines():
            put(line)
    for wait in queueing.waits_of([record]).values():
        invocation.note(f"{record.name or record.id} is {wait.sentence(record.folder.store)}")


def logs(
    context: typer.Context,
    run: RunArgument,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as the log grows, until the run ends.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, metavar="N", help="How many of the last lines.")] = 200,
    as_json: JsonOption = False,
) -> None:
    """Print the log of a run."""
    from engine.runs.catalogue import find_run

    if follow and as_json:
        raise InputError("--follow and --json exclude each other: a growing log is not one document")
    record = find_run(invocation_of(context).open_store(writing=False), run)
    last, offset = _last_lines(record.folder.log_path, lines)
    if as_json:
        put_json({"run": record.id, "lines": last})
        return
    for line in last:
        put(clean(line, _LONGEST_LINE))
    if follow:
        for line in _new_lines(record, offset):
            put(clean(line, _LONGEST_LINE))
            sys.stdout.flush()


def _facts(record: RunRecord) -> dict[str, Any]:
    from engine.launch.queueing import listing
    from engine.runs.computed_by import computed_by
    from engine.runs.data_record import recorded
    from engine.runs.labels import read_labels
    from engine.training.step_folders import steps

    [facts] = listing([record])
    facts |= {"folder": str(record.folder.path), "checkpoints": [], "computed_by": computed_by(record.folder)}
    # A folder that another user has closed, or that has just gone, shows none.
    with contextlib.suppress(InputError, StoreError):
        facts["checkpoints"] = steps(record.folder.checkpoints)
    facts |= {"attempt": None, "usage": None, "history": [], "traceback": None, "spec": None}
    facts["data_fingerprint"] = None
    facts |= _speed(record)
    facts |= read_labels(record.folder).model_dump(mode="json")
    try:
        fingerprint = recorded(record.folder)
        facts["data_fingerprint"] = None if fingerprint is None else fingerprint.to_json()
        state = record.folder.state()
        facts |= state.model_dump(mode="json", include={"attempt", "usage", "history", "traceback"})
        facts["spec"] = record.folder.spec().model_dump(mode="json")
    except (InputError, StoreError) as error:
        warn(str(error))
    return facts


def _speed(record: RunRecord) -> dict[str, float | None]:
    """How fast a running run was when it wrote last, and how long the rest takes at that speed."""
    from engine.runs.events import SPEED, last_row, speed_of

    speed = speed_of(last_row(record.folder.events_path, SPEED)) if record.status == "running" else None
    return {SPEED: speed, "seconds_left": (record.total_steps - record.step) / speed if speed else None}


def _last_lines(path: Path, count: int) -> tuple[list[str], int]:
    """The last whole or partial lines of a log, and where it ended."""
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            end = file.seek(0, 2)
            start = max(0, end - _TAIL_BYTES)
            file.seek(start)
            lines = file.read(end - start).decode(errors="replace").splitlines()
    except OSError:
        return [], 0
    whole = lines[1:] if start > 0 and len(lines) > 1 else lines
    return (whole[-count:] if count else []), end


def _new_lines(record: RunRecord, offset: int) -> Iterator[str]:
    """What the run writes after ``offset``, until it ends. A log that was shortened is read from its beginning."""
    from engine.runs.catalogue import look_again

    partial = b""
    path = record.folder.log_path
    while True:
        ended = look_again(record).status.terminal
        chunk = b""
        try:
            with os.fdopen(open_regular(path), "rb") as file:
                if file.seek(0, 2) < offset:
                    offset = 0
                file.seek(offset)
                chunk = file.read(_CHUNK_BYTES)
        except OSError:
            pass
        offset += len(chunk)
        *whole, partial = (partial + chunk).split(b"\n")
        partial = partial[:_TAIL_BYTES]
        yield from (line.decode(errors="replace") for line in whole)
        if not chunk and ended:
            if partial:
                yield partial.decode(errors="replace")
            return
        if not chunk:
            time.sleep(_POLL_SECONDS)
