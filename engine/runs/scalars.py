"""The numbers that runs wrote, of many runs in one table."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from engine.errors import InputError
from engine.runs.catalogue import RunRecord
from engine.runs.event_stream import Survey, survey
from engine.runs.events import Kind

if TYPE_CHECKING:
    import pandas as pd

NUMBERS: tuple[Kind, ...] = ("train", "score", "system")
"""The kinds of events that are numbers."""
COLUMNS = ("run", "name", "step", "time", "kind", "attempt")
"""What every row has, before its numbers."""


def scalar_rows(
    records: Sequence[RunRecord], names: Collection[str] | None = None, kinds: Sequence[Kind] = NUMBERS
) -> Iterator[dict[str, Any]]:
    """A row for each event, run by run, in the order of writing.

    Args:
        records: the runs.
        names: numbers such as ``"loss_generator"``; rows that have none of them are left out. Default: all.
        kinds: kinds of events.

    Yields:
        :data:`COLUMNS` and the numbers.
    """
    wanted = None if names is None else list(names)
    for record in records:
        yield from rows_of(record, survey(record.folder.events_path, kinds), wanted)


def rows_of(record: RunRecord, surveyed: Survey, names: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """The rows of one run whose log was surveyed; see :func:`scalar_rows`."""
    for row in surveyed.rows(names):
        yield {"run": record.id, "name": record.name, **row}


def scalar_names(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The numbers that rows have, in the order in which they first come."""
    return list(dict.fromkeys(key for row in rows for key in row if key not in COLUMNS))


def frame_of(rows: Sequence[dict[str, Any]], names: Sequence[str] | None = None) -> pd.DataFrame:
    """Rows of :func:`scalar_rows` as a table of pandas, with a column for each number and NaN where a row lacks it.

    ``run``, ``name`` and ``kind`` are categories, ``time`` is a date in UTC.

    Args:
        rows: the rows.
        names: the numbers; default: all that the rows have.

    Raises:
        InputError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise InputError("tables of pandas need pandas; install it with 'pip install pandas'") from error
    numbers = scalar_names(rows) if names is None else list(names)
    frame = pd.DataFrame(list(rows), columns=[*COLUMNS, *numbers])
    types = {"run": "category", "name": "category", "kind": "category", "step": "int64", "attempt": "int64"}
    frame = frame.astype({**types, **dict.fromkeys(numbers, "float64")})
    frame["time"] = pd.to_datetime(frame["time"].astype("float64"), unit="s", utc=True)
    return frame
