"""Runs beside each other: as CSV, and where they differ."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from cr_tui.cli.output import put, stdout_console
from cr_tui.text import clean, csv_rows

_MISSING = "–"
_MOST_CELLS = 48


def put_csv(listing: Sequence[Mapping[str, Any]], chosen: Sequence[Mapping[str, Any]] | None = None) -> None:
    """Print runs as CSV.

    Args:
        listing: the JSON objects of ``runs list``; each score becomes a column ``score.<name>``.
        chosen: rows of chosen columns, in place of everything.
    """
    rows = [_flat(row) for row in listing] if chosen is None else [dict(row) for row in chosen]
    names = list(dict.fromkeys(key for row in rows for key in row))
    write = csv_rows(sys.stdout)
    if names:
        write(names)
    for row in rows:
        write(_cell(row.get(name)) for name in names)


def put_differences(
    names: Sequence[str], settings: Mapping[str, Sequence[Any]], scores: Mapping[str, Sequence[Any]]
) -> None:
    """Print the settings in which runs differ and their scores, a column for each run."""
    from rich.table import Table
    from rich.text import Text

    from cr_tui.cli.run_table import score_text, score_title

    if not settings:
        put("their settings are the same")
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("", no_wrap=True)
    for name in names:
        table.add_column(Text(clean(name, _MOST_CELLS)), overflow="fold")
    for key, values in settings.items():
        table.add_row(Text(clean(key)), *(Text(_shown(value)) for value in values))
    for name, values in scores.items():
        table.add_row(score_title(name), *(score_text(value) for value in values))
    if settings or scores:
        stdout_console().print(table)


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    scores = row.get("scores") or {}
    return {key: value for key, value in row.items() if key != "scores"} | {
        f"score.{name}": value for name, value in scores.items()
    }


def _cell(value: Any) -> Any:
    from cr_tui.cli.run_query import value_text

    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    return value_text(value)


def _shown(value: Any) -> str:
    from cr_tui.cli.run_query import value_text

    return _MISSING if value is None else clean(value_text(value), 4 * _MOST_CELLS)
