"""``crtui runs show``, ``logs`` and ``metrics``: what one run has written."""

from __future__ import annotations

import contextlib
import csv
import json
import math
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cr_tui.cli.invocation import JsonOption, RunArgument, invocation_of
from cr_tui.cli.output import put, put_json, stdout_console, warn
from cr_tui.cli.specification import leaves
from cr_tui.text import clean
from engine.errors import InputError

if TYPE_CHECKING:
    from engine.runs.catalogue import RunRecord
    from engine.runs.events import Row

_TAIL_BYTES = 2**20
_CHUNK_BYTES = 2**16
_LONGEST_LINE = 4000
_POLL_SECONDS = 0.3
_SPARK_CELLS = 20
_ROW_KEYS = ("step", "time", "kind", "attempt")
_KINDS = ("train", "score", "system")
_BOOKKEEPING = frozenset(_ROW_KEYS)


def show(context: typer.Context, run: RunArgument, as_json: JsonOption = False) -> None:
    """Show all that is known of a run."""
    from engine.runs.catalogue import find_run

    record = find_run(invocation_of(context).open_store(), run)
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
    record = find_run(invocation_of(context).open_store(), run)
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


def metrics(
    context: typer.Context,
    run: RunArgument,
    name: Annotated[
        list[str] | None, typer.Option(metavar="N", help="Only this number, such as loss_generator; repeatable.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print every row as CSV.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print the losses and scores that a run wrote.

    In short, or every row with --json or --csv. In rows, numbers that are not finite are the strings NaN, Infinity and
    -Infinity.
    """
    from engine.runs.catalogue import find_run
    from engine.runs.events import read_events

    if as_csv and as_json:
        raise InputError("--csv and --json exclude each other; give one of them")
    record = find_run(invocation_of(context).open_store(), run)
    events = read_events(record.folder.events_path, kinds=_KINDS)
    names = list(dict.fromkeys(key for row in events.rows for key in row if key not in _BOOKKEEPING))
    unknown = [word for word in name or () if word not in names]
    if unknown:
        raise InputError(
            f"run {record.id} has no number '{unknown[0][:80]}' (it has: {', '.join(names) or 'none yet'})"
        )
    if events.bad_lines:
        warn(f"{events.bad_lines} lines of {record.folder.events_path} are damaged and left out")
    chosen = name or names
    rows = [row for row in events.rows if any(key in row for key in chosen)]
    if as_json:
        put_json([_written(row, chosen) for row in rows])
    elif as_csv:
        writer = csv.DictWriter(sys.stdout, [*_ROW_KEYS, *chosen], lineterminator="\n")
        writer.writeheader()
        writer.writerows(_written(row, chosen) for row in rows)
    else:
        _put_summary(rows, chosen)


def _facts(record: RunRecord) -> dict[str, Any]:
    from engine.runs.data_record import recorded
    from engine.training.step_folders import steps

    facts = record.to_json()
    facts |= {"folder": str(record.folder.path), "checkpoints": []}
    # A folder that another user has closed, or that has just gone, shows none.
    with contextlib.suppress(OSError):
        facts["checkpoints"] = steps(record.folder.checkpoints)
    facts |= {"attempt": None, "usage": None, "history": [], "traceback": None, "spec": None}
    fingerprint = recorded(record.folder)
    facts["data_fingerprint"] = None if fingerprint is None else fingerprint.to_json()
    try:
        state = record.folder.state()
        facts |= state.model_dump(mode="json", include={"attempt", "usage", "history", "traceback"})
        facts["spec"] = record.folder.spec().model_dump(mode="json")
    except InputError as error:
        warn(str(error))
    return facts


def _last_lines(path: Path, count: int) -> tuple[list[str], int]:
    """The last whole or partial lines of a log, and where it ended."""
    try:
        with path.open("rb") as file:
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
    from engine.runs.catalogue import look_at

    partial = b""
    path = record.folder.log_path
    while True:
        ended = look_at(record.folder).status.terminal
        chunk = b""
        try:
            with path.open("rb") as file:
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


def _written(row: Row, names: Sequence[str]) -> dict[str, Any]:
    """A row of the named numbers. Numbers that JSON lacks are written as in the log."""
    kept = {key: row[key] for key in (*_ROW_KEYS, *names) if key in row}
    return {key: _spelled(value) if isinstance(value, float) else value for key, value in kept.items()}


def _spelled(number: float) -> float | str:
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _put_summary(rows: Sequence[Row], names: Sequence[str]) -> None:
    import numpy as np
    from rich.table import Table
    from rich.text import Text

    from cr_tui.cli.output import cell_mode
    from cr_tui.render.curves.axis import short_number
    from cr_tui.render.curves.sparkline import sparkline

    console = stdout_console()
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for title in ("Number", "Last", "Least", "Most"):
        table.add_column(title, justify="left" if title == "Number" else "right", no_wrap=True)
    table.add_column("Over time", no_wrap=True)
    for name in names:
        values = [float(row[name]) for row in rows if isinstance(row.get(name), int | float)]
        if not values:
            continue
        finite = [value for value in values if math.isfinite(value)] or [math.nan]
        table.add_row(
            Text(clean(name, 32)),
            *(short_number(number) for number in (values[-1], min(finite), max(finite))),
            sparkline(np.array(values), _SPARK_CELLS, cell_mode(console)),
        )
    console.print(table)
