"""Printing: results go to stdout, all else to stderr, and nothing printed can control the terminal."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TextIO

from cr_tui.text import clean

if TYPE_CHECKING:
    from rich.console import Console

    from cr_tui.render.cells import CellMode
    from engine.errors import CrtuiError


def put(text: str = "") -> None:
    """Print a line of a result. Long lines are not broken: a terminal wraps them, a program wants them whole."""
    print(clean(text))


def raise_last(errors: Sequence[CrtuiError]) -> None:
    """Say all errors of work on many things but the last, and raise that one; nothing if there is none."""
    for error in errors[:-1]:
        say(f"error: {error}")
    if errors:
        raise errors[-1]


def say(text: str) -> None:
    """Print a line about what is going on."""
    # Flushed, so that results so far come first even if both streams go to one file.
    sys.stdout.flush()
    print(clean(text), file=sys.stderr, flush=True)


def warn(text: str) -> None:
    """Print a warning."""
    say(f"warning: {text}")


def put_json(document: object) -> None:
    """Print the one document of ``--json``. JSON has no NaN and no infinity: such numbers become null."""
    try:
        text = json.dumps(document, indent=2, allow_nan=False)
    except (TypeError, ValueError):
        # Searched only if that fails, because a list of thousands of runs seldom has such a number.
        text = json.dumps(_finite(document), indent=2, allow_nan=False)
    sys.stdout.write(f"{text}\n")


def put_table(titles: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> None:
    """Print a table without borders.

    Args:
        titles: of the columns; only the last column is broken where the terminal is too narrow.
        rows: strings, shown literally.
        right: titles of the columns that are aligned to the right.
    """
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for title in titles:
        table.add_column(title, justify="right" if title in right else "left", no_wrap=title != titles[-1])
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    stdout_console().print(table)


def put_json_list(items: Iterable[object]) -> None:
    """Print the one list of ``--json`` item by item, so that a long one is never in memory."""
    write_json_list(sys.stdout, items)


def write_json_list(file: TextIO, items: Iterable[object]) -> int:
    """Write a list as :func:`put_json` does; return how many items it has."""
    count = 0
    for item in items:
        text = json.dumps(item, indent=2, allow_nan=False).replace("\n", "\n  ")
        file.write(f"{',' if count else '['}\n  {text}")
        count += 1
    file.write("\n]\n" if count else "[]\n")
    return count


def stdout_console(*, all_colours: bool = False) -> Console:
    """Where tables and pictures go. Strings are shown literally.

    Args:
        all_colours: whether the terminal is known to have them, whatever the environment says.
    """
    from rich.console import Console

    depth: Literal["auto", "truecolor"] = "truecolor" if all_colours else "auto"
    return Console(markup=False, highlight=False, emoji=False, color_system=depth)


def stderr_console() -> Console:
    """Where progress goes. Strings are shown literally."""
    from rich.console import Console

    return Console(stderr=True, markup=False, highlight=False, emoji=False)


def cell_mode(console: Console) -> CellMode:
    """How to draw on a console: half-blocks need colours and the right characters."""
    return "blocks" if console.color_system and console.encoding.startswith("utf") else "ascii"


def _finite(value: object) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_finite(item) for item in value]
    return value
