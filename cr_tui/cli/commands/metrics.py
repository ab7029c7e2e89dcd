"""``crtui runs metrics``: the losses and scores that runs wrote."""

from __future__ import annotations

import csv
import io
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from cr_tui.cli.chosen_runs import chosen_runs
from cr_tui.cli.invocation import JsonOption, OptionalRunsArgument
from cr_tui.cli.output import put, put_json, stdout_console, warn
from cr_tui.text import clean
from engine.errors import InputError

SAVED_AS = (".csv", ".parquet", ".json")
_SPARK_CELLS = 20

Row = dict[str, Any]


def metrics(
    context: typer.Context,
    run: OptionalRunsArgument = None,
    group: Annotated[str | None, typer.Option(metavar="NAME", help="The runs of a group.")] = None,
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
    from engine.runs.scalars import scalar_names, scalar_rows

    if as_csv and as_json:
        raise InputError("--csv and --json exclude each other; give one of them")
    if not run and group is None:
        raise InputError("name the runs whose numbers to print, or give --group")
    if save is not None:
        require_writable(save, SAVED_AS)
        _require_pandas(save)
    records = chosen_runs(context, run or (), group)
    rows = list(scalar_rows(records))
    names = scalar_names(rows)
    unknown = [word for word in name or () if word not in names]
    if unknown:
        whose = f"run {records[0].id} has" if len(records) == 1 else "none of the runs has a"
        raise InputError(
            f"{whose} {'no ' if len(records) == 1 else ''}number '{unknown[0][:80]}' "
            f"({'it has' if len(records) == 1 else 'they have'}: {', '.join(names) or 'none yet'})"
        )
    _warn_of_damage(records)
    chosen = name or names
    rows = [row for row in rows if any(key in row for key in chosen)]
    if save is not None:
        _save(save, rows, chosen)
        put(f"{len(rows)} rows of {len(records)} run{'s' if len(records) > 1 else ''}: {save}")
    elif as_json:
        put_json([_written(row, chosen) for row in rows])
    elif as_csv:
        _write_csv(sys.stdout, rows, chosen)
    else:
        for record in records:
            if len(records) > 1:
                put(f"{record.id}  {record.name or ''}")
            _put_summary([row for row in rows if row["run"] == record.id], chosen)


def _require_pandas(path: Path) -> None:
    """Refuse a Parquet file that could not be written, before anything is read for it."""
    if path.suffix.lower() == ".parquet":
        from importlib.util import find_spec

        missing = [package for package in ("pandas", "pyarrow") if find_spec(package) is None]
        if missing:
            raise InputError(f"--save {path.name} needs {' and '.join(missing)}; 'pip install pandas pyarrow'")


def _warn_of_damage(records: Sequence[Any]) -> None:
    from engine.runs.events import read_events

    for record in records:
        bad_lines = read_events(record.folder.events_path, kinds=()).bad_lines
        if bad_lines:
            warn(f"{bad_lines} lines of {record.folder.events_path} are damaged and left out")


def _save(path: Path, rows: Sequence[Row], names: Sequence[str]) -> None:
    """Write rows to a file, whole or not at all.

    Raises:
        WorkError: the disk refused.
    """
    from engine.storage.files import replace_file

    kind = path.suffix.lower()
    if kind == ".json":
        import orjson

        replace_file(path, orjson.dumps([_written(row, names) for row in rows], option=orjson.OPT_INDENT_2) + b"\n")
    elif kind == ".csv":
        text = io.StringIO(newline="")
        _write_csv(text, rows, names)
        replace_file(path, text.getvalue().encode())
    else:
        from engine.runs.scalars import frame_of

        content = io.BytesIO()
        frame_of(rows, names).to_parquet(content, index=False)
        replace_file(path, content.getvalue())


def _write_csv(file: TextIO, rows: Sequence[Row], names: Sequence[str]) -> None:
    from engine.runs.scalars import COLUMNS

    writer = csv.DictWriter(file, [*COLUMNS, *names], lineterminator="\n")
    writer.writeheader()
    writer.writerows(_written(row, names) for row in rows)


def _written(row: Mapping[str, Any], names: Sequence[str]) -> Row:
    """A row of the named numbers. Numbers that JSON lacks are written as in the log."""
    from engine.runs.scalars import COLUMNS

    kept = {key: row[key] for key in (*COLUMNS, *names) if key in row}
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
