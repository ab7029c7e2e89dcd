"""``crtui runs metrics``: the losses and scores that runs wrote."""

from __future__ import annotations

import io
import itertools
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from cr_tui.cli.chosen_runs import chosen_runs
from cr_tui.cli.invocation import GroupsOption, JsonOption, OptionalRunsArgument
from cr_tui.cli.output import put, put_json_list, stdout_console, warn, write_json_list
from cr_tui.text import clean, csv_rows
from engine.errors import InputError

if TYPE_CHECKING:
    from engine.runs.catalogue import RunRecord
    from engine.runs.event_stream import Survey

SAVED_AS = (".csv", ".parquet", ".json")
_SPARK_CELLS = 20

_ROWS_AT_ONCE = 50_000
_MOST_KEPT = 4096

Row = dict[str, Any]
_Logs = Sequence["tuple[RunRecord, Survey]"]


def metrics(
    context: typer.Context,
    run: OptionalRunsArgument = None,
    group: GroupsOption = None,
    name: Annotated[
        list[str] | None, typer.Option(metavar="N", help="Only this number, such as loss_generator; repeatable.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print every row as CSV.")] = False,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE.{csv,parquet,json}", help="Write every row to a file.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the losses and scores that runs wrote.

    In short, or every row with --json, --csv or --save. In rows of JSON and CSV, numbers that are not finite are the
    strings NaN, Infinity and -Infinity.
    """
    from cr_tui.cli.saving import require_writable
    from engine.runs.event_stream import survey
    from engine.runs.scalars import NUMBERS, rows_of

    if as_csv and as_json:
        raise InputError("--csv and --json exclude each other; give one of them")
    if not run and not group:
        raise InputError("name the runs whose numbers to print, or give --group")
    if save is not None:
        require_writable(save, SAVED_AS)
        _require_pandas(save)
    records = chosen_runs(context, run or (), group or ())
    logs = [(record, survey(record.folder.events_path, NUMBERS)) for record in records]
    names = list(dict.fromkeys(number for _, log in logs for number in log.names))
    unknown = [word for word in name or () if word not in names]
    if unknown:
        whose = f"run {records[0].id} has" if len(records) == 1 else "none of the runs has a"
        raise InputError(
            f"{whose} {'no ' if len(records) == 1 else ''}number '{unknown[0][:80]}' "
            f"({'it has' if len(records) == 1 else 'they have'}: {', '.join(names) or 'none yet'})"
        )
    _warn_of_damage(logs)
    chosen = name or names
    rows = (_written(row, chosen) for record, log in logs for row in rows_of(record, log, chosen))
    if save is not None:
        count = _save(save, logs, chosen) if save.suffix.lower() == ".parquet" else _save_text(save, rows, chosen)
        put(f"{count} rows of {len(records)} run{'s' if len(records) > 1 else ''}: {save}")
    elif as_json:
        put_json_list(rows)
    elif as_csv:
        _write_csv(sys.stdout, rows, chosen)
    else:
        for record, log in logs:
            if len(records) > 1:
                put(f"{record.id}  {record.name or ''}")
            _put_summary(log, chosen)


def _require_pandas(path: Path) -> None:
    """Refuse a Parquet file that could not be written, before anything is read for it."""
    if path.suffix.lower() == ".parquet":
        from importlib.util import find_spec

        missing = [package for package in ("pandas", "pyarrow") if find_spec(package) is None]
        if missing:
            raise InputError(f"--save {path.name} needs {' and '.join(missing)}; 'pip install pandas pyarrow'")


def _warn_of_damage(logs: _Logs) -> None:
    for _, log in logs:
        if log.bad_lines:
            warn(f"{log.bad_lines} lines of {log.path} are damaged and left out")


def _save_text(path: Path, rows: Iterator[Row], names: Sequence[str]) -> int:
    """Write rows to a file of JSON or CSV, whole or not at all; return how many.

    Raises:
        InputError: the file cannot be written there.
        WorkError: the disk refused.
    """
    from engine.storage.files import saving

    with saving(path) as file:
        text = io.TextIOWrapper(file, "utf-8", errors="backslashreplace", newline="", write_through=True)
        count = _write_csv(text, rows, names) if path.suffix.lower() == ".csv" else write_json_list(text, rows)
        text.detach()
    return count


def _save(path: Path, logs: _Logs, names: Sequence[str]) -> int:
    """Write rows to a Parquet file, whole or not at all; return how many.

    Raises:
        InputError: the file cannot be written there.
        WorkError: the disk refused.
    """
    import pyarrow as pa
    from pyarrow import parquet

    from engine.runs.scalars import frame_of, rows_of
    from engine.storage.files import saving

    rows = (row for record, log in logs for row in rows_of(record, log, names))
    count = 0
    with saving(path) as file:
        part = list(itertools.islice(rows, _ROWS_AT_ONCE))
        table = pa.Table.from_pandas(frame_of(part, names), preserve_index=False)
        with parquet.ParquetWriter(file, table.schema) as writer:
            writer.write_table(table)
            count += len(part)
            while part := list(itertools.islice(rows, _ROWS_AT_ONCE)):
                writer.write_table(
                    pa.Table.from_pandas(frame_of(part, names), schema=table.schema, preserve_index=False)
                )
                count += len(part)
    return count


def _write_csv(file: TextIO, rows: Iterator[Row], names: Sequence[str]) -> int:
    from engine.runs.scalars import COLUMNS

    columns = [*COLUMNS, *names]
    write = csv_rows(file)
    write(columns)
    count = 0
    for row in rows:
        write(row.get(column) for column in columns)
        count += 1
    return count


def _written(row: Mapping[str, Any], names: Sequence[str]) -> Row:
    """A row of the named numbers. Numbers that JSON lacks are written as in the log."""
    from engine.runs.scalars import COLUMNS

    kept = {key: row[key] for key in (*COLUMNS, *names) if key in row}
    return {key: _spelled(value) if isinstance(value, float) else value for key, value in kept.items()}


def _spelled(number: float) -> float | str:
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


class _Course:
    """What a summary shows of one number, in memory that does not grow with the run.

    Of more than a few thousand values, each two neighbours become one: that which is farther from the first value, as a
    sparkline would choose, or one that is not finite.
    """

    def __init__(self, first: float) -> None:
        self.last = first
        self.least, self.most = math.inf, -math.inf
        self._first = first if math.isfinite(first) else 0.0
        self._kept: list[float] = []
        self._stretch = 1
        self._open: list[float] = []

    def add(self, value: float) -> None:
        """Take the next value."""
        self.last = value
        if math.isfinite(value):
            self.least, self.most = min(self.least, value), max(self.most, value)
        self._open.append(value)
        if len(self._open) == self._stretch:
            self._kept.append(max(self._open, key=self._telling))
            self._open.clear()
        if len(self._kept) == _MOST_KEPT:
            self._kept = [max(pair, key=self._telling) for pair in zip(self._kept[::2], self._kept[1::2], strict=True)]
            self._stretch *= 2

    def values(self) -> list[float]:
        """What is kept, oldest first."""
        return [*self._kept, max(self._open, key=self._telling)] if self._open else self._kept

    def _telling(self, value: float) -> float:
        return abs(value - self._first) if math.isfinite(value) else math.inf


def _put_summary(log: Survey, names: Sequence[str]) -> None:
    import numpy as np
    from rich.table import Table
    from rich.text import Text

    from cr_tui.cli.output import cell_mode
    from cr_tui.render.curves.axis import short_number
    from cr_tui.render.curves.sparkline import sparkline

    courses: dict[str, _Course] = {}
    for row in log.rows(names):
        for name in names:
            value = row.get(name)
            if isinstance(value, int | float):
                course = courses.setdefault(name, _Course(float(value)))
                course.add(float(value))
    console = stdout_console()
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for title in ("Number", "Last", "Least", "Most"):
        table.add_column(title, justify="left" if title == "Number" else "right", no_wrap=True)
    table.add_column("Over time", no_wrap=True)
    for name in names:
        if (found := courses.get(name)) is None:
            continue
        extremes = (found.least, found.most) if found.least <= found.most else (math.nan, math.nan)
        table.add_row(
            Text(clean(name, 32)),
            *(short_number(number) for number in (found.last, *extremes)),
            sparkline(np.array(found.values()), _SPARK_CELLS, cell_mode(console)),
        )
    console.print(table)
