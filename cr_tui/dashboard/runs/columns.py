"""The columns of the run table: what each shows, how it sorts, and which ones a given width can hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter

import numpy as np
from rich.cells import cell_len
from rich.text import Text

from cr_tui.dashboard.model.data import Run
from cr_tui.dashboard.shared.status_text import status_text
from cr_tui.dashboard.theme import DARK, Look
from cr_tui.render.curves.trace import trace
from cr_tui.short_names import cut_in_the_middle
from cr_tui.text import clean, short_duration
from cr_tui.titles import SCORE_TITLES

SortKey = tuple[int, float | str]
PADDING = 2
"""Cells that the table puts around each column."""
NAME_WIDTHS = (12, 28)
"""Least and most cells for which columns make room for names; in much room, at most a quarter of it."""
_NAME_WIDEST = 40
_FEWEST = 3
_FROZEN = 2
"""How many columns stay when others are skipped: status and name."""
_SPARK_CELLS = 12


@dataclass(frozen=True)
class Column:
    """One column.

    Args:
        key: its name in code and in what the user saved.
        title: its header.
        width: cells of its content.
        cell: what it shows of a run at a time (seconds since 1970), drawn in a theme.
        sort: the sort key of a run; its first number puts runs without a value last.
        right: whether it is aligned to the right.
        descending: whether sorting by it begins with the largest.
    """

    key: str
    title: str
    width: int
    cell: Callable[[Run, float, Look], Text]
    sort: Callable[[Run], SortKey]
    right: bool = False
    descending: bool = False

    def draw(self, run: Run, now: float, look: Look = DARK) -> Text:
        """The cell of a run, cut and set to the column's width."""
        text = self.cell(run, now, look)
        if not text.spans and text.cell_len > self.width:
            text = Text(cut_in_the_middle(text.plain, self.width), style=text.style)
        text.truncate(self.width, overflow="ellipsis")
        text.align("right" if self.right else "left", self.width)
        return text


def score_text(value: float | None, look: Look = DARK) -> Text:
    """A score as it stands in tables."""
    return Text("–", style=look.faint) if value is None or math.isnan(value) else Text(f"{value:.3f}")


def age_text(seconds: float) -> str:
    """A coarse age, so that the table need not be drawn every second."""
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f}{unit}"
    return "now"


def _word(key: str, title: str, width: int, read: Callable[[Run], str]) -> Column:
    return Column(
        key,
        title,
        width,
        lambda run, now, look: Text(clean(read(run))),
        lambda run: (0, read(run).lower()),
    )


def _score(name: str) -> Column:
    title = SCORE_TITLES.get(name, clean(name, 12))

    def sort(run: Run) -> SortKey:
        value = run.scores.get(name)
        return (1, 0.0) if value is None or math.isnan(value) else (0, value)

    width = max(len(title), 5)
    return Column(
        f"score.{name}",
        title,
        width,
        lambda run, now, look: score_text(run.scores.get(name), look),
        sort,
        True,
        True,
    )


def _step_cell(run: Run, now: float, look: Look) -> Text:
    return Text(str(run.step)).append(f"/{run.total_steps}", style=look.faint)


def _eta_cell(run: Run, now: float, look: Look) -> Text:
    return Text("" if run.eta is None else short_duration(run.eta))


def _loss_cell(run: Run, now: float, look: Look) -> Text:
    return Text(trace(np.array(run.losses), _SPARK_CELLS), style=look.heading)


def _loss_sort(run: Run) -> SortKey:
    return (1, 0.0) if not run.losses or math.isnan(run.losses[-1]) else (0, run.losses[-1])


def _rank_cell(run: Run, now: float, look: Look) -> Text:
    if run.rank is None:
        return Text("–", style=look.faint)
    return Text(f"#{run.rank}", style=look.key if run.rank == 1 else "")


def _age_cell(run: Run, now: float, look: Look) -> Text:
    return Text(age_text(now - run.created), style=look.faint)


_STATUS = Column("status", "Status", 10, lambda run, now, look: status_text(run, look), lambda run: (0, run.status))
_NAME = Column("name", "Name", 16, lambda run, now, look: Text(clean(run.name)), lambda run: (0, run.name.lower()))
_STEP = Column("step", "Step", 13, _step_cell, lambda run: (0, run.step / max(run.total_steps, 1)), True, True)
_ETA = Column("eta", "ETA", 5, _eta_cell, lambda run: (int(run.eta is None), run.eta or 0.0), True)
_LOSS = Column("loss", "Loss", _SPARK_CELLS, _loss_cell, _loss_sort)
_RANK = Column("rank", "Rank", 4, _rank_cell, lambda run: (int(run.rank is None), float(run.rank or 0)), True)
_AGE = Column("age", "Age", 5, _age_cell, lambda run: (0, -run.created), True)
_METHOD = _word("method", "Method", 12, lambda run: run.method)
_DATA = _word("data", "Data", 12, lambda run: run.data)
_GROUP_WIDTHS = (6, 14)
_GROUP = Column("group", "Group", 6, lambda run, now, look: Text(clean(run.group)), lambda run: (0, run.group.lower()))
_DEVICE = _word("device", "Device", 7, lambda run: run.device)
_SEED = Column("seed", "Seed", 4, lambda run, now, look: Text(str(run.seed)), lambda run: (0, run.seed), True)
_ORDER = ("status", "name", "method", "data", "group", "seed", "step", "eta", "loss", "score", "rank", "device", "age")
"""From left to right."""


def all_columns(runs: Iterable[Run]) -> list[Column]:
    """Every column that these runs can fill, from left to right."""
    return sorted(_by_importance(runs), key=_place)


def choose_columns(
    runs: Iterable[Run], width: int, skip: int = 0, keep: str = "", name_width: int = _NAME.width
) -> list[Column]:
    """The most important columns that fit.

    Args:
        runs: what will be listed; decides which scores exist.
        width: cells the table may take.
        skip: how many of the most important columns to leave out, so that others fit; status and name always stay.
        keep: key of a column that is never left out.
        name_width: cells of the longest name; names come before other columns, within :data:`NAME_WIDTHS`.

    Returns:
        Columns from left to right; names take the remaining width, as far as they need it.
    """
    least, most = NAME_WIDTHS
    most = max(most, width // 4)
    name = replace(_NAME, width=min(max(name_width, least), most))
    ranked = [name if column is _NAME else column for column in _by_importance(runs)]
    others = ranked[_FROZEN:]
    kept = [column for column in others if column.key == keep]
    rest = [column for column in others[min(skip, max(len(others) - 1, 0)) :] if column.key != keep]
    wanted = [*ranked[:_FROZEN], *kept, *rest] if skip or keep else ranked
    chosen: list[Column] = []
    left = width
    for column in wanted:
        if column.width + PADDING <= left or len(chosen) < _FEWEST:
            chosen.append(column)
            left -= column.width + PADDING
    # Room that is left is for names, then for those of groups.
    spare = max(left, 0)
    widened = {"name": min(name.width + spare, max(name_width, _NAME_WIDEST))}
    group = next((column for column in chosen if column.key == "group"), None)
    if group is not None:
        longest = max((cell_len(clean(text)) for text in {run.group for run in runs}), default=0)
        spare -= widened["name"] - name.width
        widened["group"] = max(min(group.width + spare, longest), group.width)
    ordered = sorted(chosen, key=_place)
    return [replace(column, width=widened[column.key]) if column.key in widened else column for column in ordered]


def sort_runs(runs: Iterable[Run], column: Column, descending: bool) -> list[Run]:
    """Sort runs by a column. Runs without a value come last either way; of equal runs the newest comes first."""
    newest_first = sorted(runs, key=lambda run: (-run.created, run.id))
    keyed = [(column.sort(run), run) for run in newest_first]
    there = [(key[1], run) for key, run in keyed if key[0] == 0]
    there.sort(key=itemgetter(0), reverse=descending)
    return [run for _, run in there] + [run for key, run in keyed if key[0] != 0]


def _by_importance(runs: Iterable[Run]) -> Sequence[Column]:
    present = {name for run in runs for name in run.scores}
    scores = [_score(name) for name in (*SCORE_TITLES, *sorted(present - SCORE_TITLES.keys())) if name in present]
    first = scores[:1] or [_score("factor_vae")]
    # A group that all runs share says nothing about any of them.
    groups = {run.group for run in runs}
    least, most = _GROUP_WIDTHS
    group = replace(_GROUP, width=min(max([least, *(len(name) for name in groups)]), most))
    early, late = ([group], []) if len(groups) > 1 else ([], [group])
    return [
        *(_STATUS, _NAME, _STEP, *first, _ETA, *early, _LOSS, _AGE, _RANK, _METHOD, _SEED, _DATA, _DEVICE, *late),
        *scores[1:],
    ]


def _place(column: Column) -> int:
    return _ORDER.index(column.key.partition(".")[0])
