"""The table of ``runs list``: the most telling columns that fit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from cr_tui.text import clean, short_duration
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
_WIDEST_TEXT = 24


@dataclass(frozen=True)
class _Column:
    title: str
    cell: Callable[[RunRecord], Text]
    right: bool = False
    narrowest: int = 0
    """Cells to which it may be cut; 0 where it may not."""

    def width(self, records: Sequence[RunRecord]) -> int:
        return max([cell_len(self.title), *(self.cell(record).cell_len for record in records)])


def run_table(records: Sequence[RunRecord], width: int, positions: Mapping[str, int] | None = None) -> Table:
    """A row a run.

    Args:
        records: in the order of the rows.
        width: cells the table may take across; what matters least is left out, and names are cut.
        positions: place in line of runs that wait, by id.
    """
    chosen = _choose(_columns(records, positions or {}), records, width)
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False)
    for column, cells in chosen:
        justify = "right" if column.right else "left"
        table.add_column(column.title, justify=justify, width=cells, no_wrap=True, overflow="ellipsis")  # type: ignore[arg-type]
    for record in records:
        table.add_row(*(column.cell(record) for column, _ in chosen))
    return table


def status_text(record: RunRecord) -> Text:
    """The status as a coloured word; a run whose promised heartbeat is overdue is shown as stalled."""
    word = "stalled" if record.stalled and not record.status.terminal else str(record.status)
    return Text(word, style=STATUS_STYLES[word])


def score_title(name: str) -> str:
    """The header of a score."""
    return SCORE_TITLES.get(name, clean(name, 16))


def score_text(value: float | None) -> Text:
    """A score as it stands in tables."""
    return Text(_MISSING, style="dim") if value is None else Text(f"{value:.3f}")


def score_names(present: Iterable[str]) -> list[str]:
    """Score names without repetition, the most telling first."""
    names = set(present)
    return [*(name for name in SCORE_TITLES if name in names), *sorted(names - SCORE_TITLES.keys())]


def _columns(records: Sequence[RunRecord], positions: Mapping[str, int]) -> dict[str, _Column]:
    """All columns from left to right."""
    now = time.time()

    def word(title: str, read: Callable[[RunRecord], str | None], narrowest: int = 0) -> _Column:
        return _Column(title, lambda record: Text(clean(read(record) or _MISSING, _WIDEST_TEXT)), narrowest=narrowest)

    def age(record: RunRecord) -> Text:
        return Text(short_duration(now - record.created.timestamp()) if record.created else _MISSING)

    def place(record: RunRecord) -> Text:
        if record.status != "queued":
            return Text(_MISSING)
        return Text("paused" if record.paused else str(positions.get(record.id, _MISSING)))

    def score(name: str) -> _Column:
        return _Column(score_title(name), lambda record: score_text(record.scores.get(name)), right=True)

    scores = score_names(name for record in records for name in record.scores)
    return {
        "id": _Column("ID", lambda record: Text(clean(record.id))),
        "name": word("Name", lambda record: record.name, _NARROWEST_NAME),
        "status": _Column("Status", status_text),
        "queue": _Column("Queue", place, right=True),
        "step": _Column("Step", lambda record: Text(f"{record.step}/{record.total_steps}"), right=True),
        **{f"score.{name}": score(name) for name in scores},
        "method": word("Method", lambda record: record.method),
        "data": word("Data", lambda record: record.data),
        "seed": _Column("Seed", lambda record: Text(_MISSING if record.seed is None else str(record.seed)), right=True),
        "group": word("Group", lambda record: record.group),
        "device": word("Device", lambda record: record.device),
        "age": _Column("Age", age, right=True),
    }


def _choose(columns: dict[str, _Column], records: Sequence[RunRecord], width: int) -> list[tuple[_Column, int]]:
    scores = [key for key in columns if key.startswith("score.")]
    natural = {key: column.width(records) for key, column in columns.items()}
    widths: dict[str, int] = {}
    left = width + _GAP
    for key in ("id", "status", "name", "queue", "step", *scores[:1]):
        least = columns[key].narrowest or natural[key]
        is_empty = key == "queue" and all(columns[key].cell(record).plain == _MISSING for record in records)
        if (least + _GAP <= left or not widths) and not is_empty:
            widths[key] = least
            left -= least + _GAP
    if "name" in widths:
        # The name takes what the essential columns leave before any other column gets a place.
        spare = min(natural["name"] - widths["name"], left)
        widths["name"] += spare
        left -= spare
    for key in ("method", "age", "group", "seed", "data", "device", *scores[1:]):
        is_empty = all(columns[key].cell(record).plain == _MISSING for record in records)
        if not is_empty and natural[key] + _GAP <= left:
            widths[key] = natural[key]
            left -= natural[key] + _GAP
    return [(columns[key], widths[key]) for key in columns if key in widths]
