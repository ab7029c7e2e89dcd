"""How a ranking is printed: a table with bars, the heat map of the matrix, and the pick in a sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len

from cr_tui.cli.output import cell_mode, put, stdout_console
from cr_tui.short_names import short_names
from cr_tui.text import clean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from cr_tui.render.cells import CellMode
    from engine.choosing.result import MethodResult, SelectionResult

_BAR_CELLS = 16
_LEAST_BAR_CELLS = 5
_NAME_CELLS = 24
_LEAST_NAME_CELLS = 6
_GAP = 2
_MOST_DRAWN = 40
"""Most models in a heat map. More would not fit into 80 columns, and printed lines cannot be scrolled sideways."""
_TIE = 1e-9
_FULL, _EIGHTHS = "█", " ▏▎▍▌▋▊▉"


def put_ranking(result: SelectionResult) -> None:
    """Print a selection's tables, its matrix and its picks. Doubts come first: a table names a pick as well."""
    console = stdout_console()
    mode = cell_mode(console)
    for method, found in result.methods.items():
        for warning in found.warnings:
            put(f"careful: {warning}")
        put(f"ranked by {method}")
        console.print(_table(found, result, console.width, blocks=mode == "blocks"))
        put()
    if result.matrix is not None:
        _put_matrix(console, result, result.matrix, mode)
    if result.codes != "own":
        put("of the models with independent components in their codes' place, not of the runs as they are")
    if result.protocol and result.protocol.name:
        images = f", {result.protocol.images:,} images a generator" if result.protocol.images else ""
        put(f"compared by the protocol {clean(result.protocol.name, 20)}{images}")
    for method, found in result.methods.items():
        put(pick_sentence(method, found, result))
        for run_id, reason in found.excluded.items():
            put(f"left out by {method}: {run_id}, because {reason}")


def _put_matrix(console: Console, result: SelectionResult, matrix: NDArray[np.float64], mode: CellMode) -> None:
    """The cross-scores, best model first."""
    import numpy as np

    from cr_tui.render.matrices.heatmap import heatmap

    _, found = result.in_order[0]
    place = {run_id: index for index, run_id in enumerate(result.runs)}
    left_out = [run_id for run_id in result.runs if run_id not in set(found.ranking)]
    order = [place[run_id] for run_id in [*found.ranking, *left_out]]
    put(f"{found.similarity or 'factor-vae'} score of the row's encoder on the column's generator, by rank")
    if len(order) > _MOST_DRAWN:
        put(f"the best {_MOST_DRAWN} of {len(order)} models; --save keeps them all")
        order = order[:_MOST_DRAWN]
    names = [result.titles[index] for index in order]
    console.print(heatmap(matrix[np.ix_(order, order)], names, width=console.width, mode=mode))
    put()


def _table(found: MethodResult, result: SelectionResult, width: int, blocks: bool) -> Table:
    """The runs, best first, numbered as the rows and columns of the heat map.

    A rank is a range where the noise leaves it open, so that no table ranks finer than the scores are known.
    """
    from rich.table import Table
    from rich.text import Text

    index_of = {run_id: index for index, run_id in enumerate(result.runs)}
    ranked = [(run_id, index_of[run_id]) for run_id in found.ranking]
    columns: dict[str, list[Text]] = {
        "#": [Text(str(number)) for number in range(1, len(ranked) + 1)],
        "Name": [],
        "ID": [Text(clean(run_id), style="dim") for run_id, _ in ranked],
        "Score": [Text(_number(found.scores[index])) for _, index in ranked],
    }
    if any(found.intervals):
        columns["Rank"] = [Text(_range(found.rank_ranges[index])) for _, index in ranked]
        columns["95 %"] = [Text(_interval(found.intervals[index]), style="dim") for _, index in ranked]
    if not all(map(math.isnan, found.medoid_probability)):
        columns["Medoid"] = [Text(_percentage(found.medoid_probability[index])) for _, index in ranked]
    taken = sum(max(map(cell_len, (title, *map(str, cells)))) + _GAP for title, cells in columns.items() if cells)
    spare = width - taken - _GAP - _LEAST_BAR_CELLS
    name_cells = min(_NAME_CELLS, max(spare, _LEAST_NAME_CELLS))
    names = short_names(result.titles, name_cells)
    columns["Name"] = [
        Text(names[index], style="bold green" if run_id == found.pick else "") for run_id, index in ranked
    ]
    bar_cells = min(width - taken - _GAP - max(4, *map(cell_len, map(str, columns["Name"]))), _BAR_CELLS)
    low, high = _span([found.scores[index] for _, index in ranked if not math.isnan(found.scores[index])])
    columns[""] = [_drawn(found.scores[index], low, high, max(bar_cells, 0), blocks) for _, index in ranked]
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False)
    for title in columns:
        table.add_column(title, justify="left" if title in ("Name", "ID", "") else "right", no_wrap=True)
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    return table


def _number(score: float) -> str:
    return "–" if math.isnan(score) else f"{score:.3f}"


def _interval(interval: Sequence[float] | None) -> str:
    return "–" if interval is None else f"{interval[0]:.3f}–{interval[1]:.3f}"


def _range(ranks: tuple[int, int] | None) -> str:
    if ranks is None:
        return "–"
    best, worst = ranks
    return str(best) if best == worst else f"{best}–{worst}"


def _percentage(share: float) -> str:
    return "–" if math.isnan(share) else f"{share:.0%}"


def _drawn(score: float, low: float, high: float, cells: int, blocks: bool) -> Text:
    from rich.text import Text

    return Text("" if math.isnan(score) else _bar((score - low) / (high - low), cells, blocks))


def _span(scores: Sequence[float]) -> tuple[float, float]:
    """Where bars begin and end: from zero to the best, or from closer if the bars would look alike."""
    if not scores:
        return 0.0, 1.0
    low, high = min(scores), max(scores)
    start = low - (high - low) / 2 if low > high / 2 else min(low, 0.0)
    return (start, high) if high > start else (start - 1.0, high)


def _bar(share: float, cells: int, blocks: bool) -> str:
    eighths = round(share * cells * 8)
    if not blocks:
        return "#" * round(eighths / 8)
    return (_FULL * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


def pick_sentence(method: str, found: MethodResult, result: SelectionResult) -> str:
    """What a method picks, and how sure it is."""
    pick, index = found.pick, result.runs.index(found.pick)
    name, score = result.titles[index], found.scores[index]
    ranked = len(found.ranking)
    if math.isnan(score):
        return f"{method} picks {name} ({pick}): there is nothing to compare it with."
    if not found.agrees:
        return f"No consensus: {method} takes {name} ({pick}) with {score:.3f}, but these {ranked} models do not agree."
    tied = sum(abs(other - score) < _TIE for other in found.scores)
    if tied > 1:
        return f"{method} cannot tell {tied} of {ranked} models apart at {score:.3f} and takes {name} ({pick})."
    if found.verdict == "cannot tell":
        return f"{method} cannot tell which of {ranked} models is the best and takes {name} ({pick}) with {score:.3f}."
    # A pick by part of the pairs also depends on which models they were compared with.
    drawn = "votes" if found.confidence is None else "votes and references"
    sure = found.confidence or (found.medoid_probability[index] if found.medoid_probability else math.nan)
    resampled = "" if math.isnan(sure) else f"; other draws of its {drawn} pick it {sure:.0%} of the time"
    return f"{method} picks {name} ({pick}) with {score:.3f}, the best of {ranked} models{resampled}."
