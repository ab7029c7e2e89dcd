"""The table of ``runs list``: the most telling columns that fit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from cr_tui.cli.run_query import value_text
from cr_tui.short_names import short_names
from cr_tui.text import ELLIPSIS, clean, short_duration
from cr_tui.titles import SCORE_TITLES
from engine.runs.catalogue import RunRecord

STATUS_STYLES = {
    "queued": "dim",
    "running": "cyan",
    "finished": "green",
    "stopped": "yellow",
    "stalled": "yellow",
    "failed": "red",
    "crashed": "red",
}
_GAP = 2
_MISSING = "–"
_NARROWEST_NAME = 8
_WIDEST_NAME = 36
_WIDEST_TEXT = 24
_WIDEST_VALUE = 60


_Cell = tuple[str, str]
"""The text of a cell, on one line, and its style."""


@dataclass(frozen=True)
class _Column:
    title: str
    cells: Sequence[_Cell]
    right: bool = False
    narrowest: int = 0
    """Cells to which it may be cut; 0 if it may not."""

    @property
    def width(self) -> int:
        return max([_cells(self.title), *(_cells(word) for word, _ in self.cells)])

    @property
    def is_empty(self) -> bool:
        return all(word == _MISSING for word, _ in self.cells)


@dataclass(frozen=True)
class _Lines:
    """A table without borders, drawn a line at a time.

    Rich's own table makes a paragraph of every cell and wraps it, which takes ten times as long: seconds for thousands
    of runs.

    Args:
        columns: each with its width.
    """

    columns: Sequence[tuple[_Column, int]]

    @property
    def width(self) -> int:
        """Cells it takes across."""
        return sum(width for _, width in self.columns) + _GAP * (len(self.columns) - 1)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        yield from self._line([(column.title, "bold") for column, _ in self.columns], options.max_width)
        for cells in zip(*(column.cells for column, _ in self.columns), strict=True):
            yield from self._line(cells, options.max_width)

    def _line(self, cells: Sequence[_Cell], widest: int) -> Iterator[Segment]:
        plain = ""
        for place, ((column, width), (word, style)) in enumerate(zip(self.columns, cells, strict=True)):
            shown = _fitted(word, min(width, widest))
            blank = " " * (width - _cells(shown))
            plain += (" " * _GAP if place else "") + (blank if column.right else "")
            if style:
                yield Segment(plain)
                yield Segment(shown, Style.parse(style))
                plain = ""
            else:
                plain += shown
            plain += "" if column.right else blank
        yield Segment(f"{plain}\n")


def _cells(word: str) -> int:
    """Terminal cells of a word. Most words are ASCII, and a table of thousands of runs has very many."""
    return len(word) if word.isascii() else cell_len(word)


def _shortened(column: _Column, width: int) -> _Column:
    """The column with names that can still be told apart in so many cells."""
    names = short_names([word for word, _ in column.cells], width)
    return replace(column, cells=[(name, style) for name, (_, style) in zip(names, column.cells, strict=True)])


def _fitted(word: str, width: int) -> str:
    return word if _cells(word) <= width else set_cell_size(word, width - 1) + ELLIPSIS


def run_table(records: Sequence[RunRecord], width: int, positions: Mapping[str, int] | None = None) -> _Lines:
    """The table: one row for each run.

    Args:
        records: in the order of the rows.
        width: cells the table may take across. The least important columns are left out, and names are cut.
        positions: place in the queue of waiting runs, by id.
    """
    return _Lines(_choose(_columns(records, positions or {}), width))


def chosen_table(
    records: Sequence[RunRecord],
    keys: Sequence[str],
    value: Callable[[RunRecord, str], object],
    positions: Mapping[str, int] | None = None,
) -> _Lines:
    """A table of exactly these columns, however wide.

    Args:
        records: in the order of the rows.
        keys: fields of the list, ``score.<name>``, or keys of the specification in full.
        value: what a run has under a key.
        positions: place in the queue of waiting runs, by id.
    """
    known = _columns(records, positions or {})
    columns = [known.get(key) or _plain(key, [value(record, key) for record in records]) for key in keys]
    return _Lines([(column, column.width) for column in columns])


def _plain(key: str, values: Sequence[object]) -> _Column:
    if key.startswith("score."):
        return _Column(score_title(key.removeprefix("score.")), [(_MISSING, "dim") for _ in values], right=True)
    cells = [(_MISSING, "dim") if value is None else (clean(value_text(value), _WIDEST_VALUE), "") for value in values]
    numbers = all(isinstance(value, int | float | None) for value in values)
    return _Column(key.removeprefix("method."), cells, right=numbers)


def score_title(name: str) -> str:
    """The header of a score."""
    return SCORE_TITLES.get(name, clean(name, 16))


def score_text(value: float | None) -> Text:
    """A score as it stands in tables."""
    return Text(*_score(value))


def score_names(present: Iterable[str]) -> list[str]:
    """Score names without repetition, the most telling first."""
    names = set(present)
    return [*(name for name in SCORE_TITLES if name in names), *sorted(names - SCORE_TITLES.keys())]


def _columns(records: Sequence[RunRecord], positions: Mapping[str, int]) -> dict[str, _Column]:
    """All columns from left to right."""
    now = time.time()

    def column(title: str, read: Callable[[RunRecord], str], right: bool = False, narrowest: int = 0) -> _Column:
        return _Column(title, [(read(record), "") for record in records], right, narrowest)

    def word(title: str, read: Callable[[RunRecord], str | None]) -> _Column:
        return column(title, lambda record: clean(read(record) or _MISSING, _WIDEST_TEXT))

    def age(record: RunRecord) -> str:
        return short_duration(now - record.created.timestamp()) if record.created else _MISSING

    def place(record: RunRecord) -> str:
        if record.status != "queued":
            return _MISSING
        return "paused" if record.paused else str(positions.get(record.id, _MISSING))

    def score(name: str) -> _Column:
        return _Column(score_title(name), [_score(record.scores.get(name)) for record in records], right=True)

    scores = score_names(name for record in records for name in record.scores)
    return {
        "id": column("ID", lambda record: clean(record.id)),
        "name": column("Name", lambda record: clean(record.name or _MISSING, _WIDEST_VALUE), narrowest=_NARROWEST_NAME),
        "status": _Column("Status", [_status(record) for record in records]),
        "queue": column("Queue", place, right=True),
        "step": column("Step", lambda record: f"{record.step}/{record.total_steps}", right=True),
        **{f"score.{name}": score(name) for name in scores},
        "method": word("Method", lambda record: record.method),
        "data": word("Data", lambda record: record.data),
        "seed": column("Seed", lambda record: _MISSING if record.seed is None else str(record.seed), right=True),
        "group": word("Group", lambda record: record.group),
        "device": word("Device", lambda record: record.device),
        "precision": word("Precision", lambda record: record.precision),
        "age": column("Age", age, right=True),
    }


def _status(record: RunRecord) -> _Cell:
    """The status as a coloured word; a run whose promised heartbeat is overdue is shown as stalled."""
    word = "stalled" if record.stalled and not record.status.terminal else str(record.status)
    return word, STATUS_STYLES[word]


def _score(value: float | None) -> _Cell:
    return (_MISSING, "dim") if value is None else (f"{value:.3f}", "")


def _choose(columns: dict[str, _Column], width: int) -> list[tuple[_Column, int]]:
    scores = [key for key in columns if key.startswith("score.")]
    natural = {key: column.width for key, column in columns.items()}
    widths: dict[str, int] = {}
    left = width + _GAP
    for key in ("id", "status", "name", "queue", "step", *scores[:1]):
        least = columns[key].narrowest or natural[key]
        is_unused = key == "queue" and columns[key].is_empty
        if (least + _GAP <= left or not widths) and not is_unused:
            widths[key] = least
            left -= least + _GAP
    if "name" in widths:
        # The name gets what the essential columns leave, before any other column gets a place.
        spare = min(min(natural["name"], _WIDEST_NAME) - widths["name"], left)
        widths["name"] += spare
        left -= spare
        columns = columns | {"name": _shortened(columns["name"], widths["name"])}
    for key in ("method", "age", "group", "seed", "data", "device", *scores[1:], "precision"):
        if not columns[key].is_empty and natural[key] + _GAP <= left:
            widths[key] = natural[key]
            left -= natural[key] + _GAP
    return [(columns[key], widths[key]) for key in columns if key in widths]
