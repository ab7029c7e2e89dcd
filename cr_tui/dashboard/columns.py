"""The columns of the run table: what each shows, how it sorts, and which ones a given width can hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rich.text import Text

from cr_tui.dashboard.data import LIVE_STATUSES, Run
from cr_tui.dashboard.theme import FAINT, STATUS_LOOKS
from cr_tui.text import clean, short_duration
from cr_tui.titles import SCORE_TITLES

SortKey = tuple[int, float | str]
PADDING = 2
"""Cells that the table puts around each column."""
_NAME_WIDEST = 40
_FEWEST = 3


@dataclass(frozen=True)
class Column:
    """One column.

    Args:
        key: its name in code and in what the user saved.
        title: its header.
        width: cells of its content.
        cell: what it shows of a run at a time (seconds since 1970).
        sort: what it sorts by; the first number puts runs without a value last.
        right: whether it is set flush right.
        descending: whether its first sort is from the largest.
    """

    key: str
    title: str
    width: int
    cell: Callable[[Run, float], Text]
    sort: Callable[[Run], SortKey]
    right: bool = False
    descending: bool = False

    def draw(self, run: Run, now: float) -> Text:
        """The cell of a run, cut and set to the column's width."""
        text = self.cell(run, now)
        text.truncate(self.width, overflow="ellipsis")
        text.align("right" if self.right else "left", self.width)
        return text


def status_text(run: Run) -> Text:
    """Glyph and word of a run's status."""
    word = "stalled" if run.stalled and run.status in LIVE_STATUSES else run.status
    glyph, colour = STATUS_LOOKS.get(word, ("?", FAINT))
    return Text(f"{glyph} {clean(word, 12)}", style=colour)


def score_text(value: float | None) -> Text:
    """A score as it stands in tables."""
    return Text("–", style=FAINT) if value is None or math.isnan(value) else Text(f"{value:.3f}")


def _word(key: str, title: str, width: int, read: Callable[[Run], str]) -> Column:
    return Column(key, title, width, lambda run, now: Text(clean(read(run), width)), lambda run: (0, read(run).lower()))


def _score(name: str) -> Column:
    title = SCORE_TITLES.get(name, clean(name, 12))

    def sort(run: Run) -> SortKey:
        value = run.scores.get(name)
        return (1, 0.0) if value is None else (0, value)

    width = max(len(title), 5)
    return Column(f"score.{name}", title, width, lambda run, now: score_text(run.scores.get(name)), sort, True, True)


def _step_cell(run: Run, now: float) -> Text:
    return Text(str(run.step)).append(f"/{run.total_steps}", style=FAINT)


def _eta_cell(run: Run, now: float) -> Text:
    return Text("" if run.eta is None else short_duration(run.eta))


def _age_cell(run: Run, now: float) -> Text:
    return Text(_age(now - run.created), style=FAINT)


def _age(seconds: float) -> str:
    """Coarse, so that the table is not drawn anew every second."""
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f}{unit}"
    return "now"


_STATUS = Column("status", "Status", 10, lambda run, now: status_text(run), lambda run: (0, run.status))
_NAME = _word("name", "Name", 16, lambda run: run.name)
_STEP = Column("step", "Step", 13, _step_cell, lambda run: (0, run.step / max(run.total_steps, 1)), True, True)
_ETA = Column("eta", "ETA", 5, _eta_cell, lambda run: (run.eta is None, run.eta or 0.0), True)
_AGE = Column("age", "Age", 5, _age_cell, lambda run: (0, -run.created), True)
_METHOD = _word("method", "Method", 12, lambda run: run.method)
_DATA = _word("data", "Data", 12, lambda run: run.data)
_GROUP = _word("group", "Group", 12, lambda run: run.group)
_DEVICE = _word("device", "Device", 7, lambda run: run.device)
_SEED = Column("seed", "Seed", 4, lambda run, now: Text(str(run.seed)), lambda run: (0, run.seed), True)
_ORDER = ("status", "name", "method", "data", "group", "seed", "step", "eta", "device", "age")
"""From left to right; scores stand between ``eta`` and ``device``."""


def choose_columns(runs: Iterable[Run], width: int) -> list[Column]:
    """The most telling columns that fit.

    Args:
        runs: what will be listed; decides which scores exist.
        width: cells the table may take.

    Returns:
        Columns from left to right; the name takes what is left over.
    """
    present = {name for run in runs for name in run.scores}
    scores = [_score(name) for name in (*SCORE_TITLES, *sorted(present - SCORE_TITLES.keys())) if name in present]
    first = scores[:1] or [_score("factor_vae")]
    wanted = [_STATUS, _NAME, _STEP, *first, _ETA, _AGE, _METHOD, _SEED, _DATA, _DEVICE, _GROUP, *scores[1:]]
    chosen: list[Column] = []
    left = width
    for column in wanted:
        if column.width + PADDING <= left or len(chosen) < _FEWEST:
            chosen.append(column)
            left -= column.width + PADDING
    spare = max(left, 0)
    ordered = sorted(chosen, key=_place)
    return [_widened(column, spare) if column.key == "name" else column for column in ordered]


def sort_runs(runs: Iterable[Run], column: Column, descending: bool) -> list[Run]:
    """Order runs by a column; those without a value stay last either way. Equal ones stand newest first."""
    newest_first = sorted(runs, key=lambda run: (-run.created, run.id))
    there = [run for run in newest_first if column.sort(run)[0] == 0]
    missing = [run for run in newest_first if column.sort(run)[0] != 0]
    return sorted(there, key=lambda run: column.sort(run)[1], reverse=descending) + missing


def _place(column: Column) -> float:
    return _ORDER.index(column.key) if column.key in _ORDER else _ORDER.index("eta") + 0.5


def _widened(column: Column, spare: int) -> Column:
    width = min(column.width + spare, _NAME_WIDEST)
    return _word(column.key, column.title, width, lambda run: run.name)
