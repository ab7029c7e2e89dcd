"""How a ranking is printed: a table with bars, the heat map of the matrix, and the pick in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len

from cr_tui.cli.output import cell_mode, put, stdout_console
from cr_tui.text import clean

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from cr_tui.render.cells import CellMode

_BAR_CELLS = 16
_LEAST_BAR_CELLS = 5
_NAME_CELLS = 24
_LEAST_NAME_CELLS = 6
_GAP = 2
_MOST_DRAWN = 40
"""Models in the heat map: more would not fit 80 columns a cell each, and a printed picture cannot be scrolled."""
_TIE = 1e-9
_FULL, _EIGHTHS = "█", " ▏▎▍▌▋▊▉"


def put_ranking(result: dict[str, Any]) -> None:
    """Print the JSON object of ``crtui select``."""
    console = stdout_console()
    mode = cell_mode(console)
    for method, found in result["methods"].items():
        put(f"ranked by {method}")
        console.print(_table(found, result, console.width, blocks=mode == "blocks"))
        put()
    if "matrix" in result:
        _put_matrix(console, result, mode)
    for method, found in result["methods"].items():
        put(_sentence(method, found, result))
        for warning in found.get("warnings", []):
            put(f"careful: {warning}")
        for run_id, reason in found["excluded"].items():
            put(f"left out by {method}: {run_id}, because {reason}")


def _put_matrix(console: Console, result: dict[str, Any], mode: CellMode) -> None:
    """The cross-scores, best model first."""
    import numpy as np

    from cr_tui.render.heatmap import heatmap

    found = result["methods"]["model-centrality"]
    place = {run_id: index for index, run_id in enumerate(result["runs"])}
    left_out = [run_id for run_id in result["runs"] if run_id not in set(found["ranking"])]
    order = [place[run_id] for run_id in [*found["ranking"], *left_out]]
    put(f"{found.get('similarity', 'factor-vae')} score of the row's encoder on the column's generator, by rank")
    if len(order) > _MOST_DRAWN:
        put(f"the best {_MOST_DRAWN} of {len(order)} models; --save keeps them all")
        order = order[:_MOST_DRAWN]
    matrix = np.array(result["matrix"], dtype=np.float64)[np.ix_(order, order)]
    names = _names(result)
    console.print(heatmap(matrix, [names[index] for index in order], width=console.width, mode=mode))
    put()


def _names(result: dict[str, Any]) -> list[str]:
    return [name or run_id for run_id, name in zip(result["runs"], result["names"], strict=True)]


def _table(found: dict[str, Any], result: dict[str, Any], width: int, blocks: bool) -> Table:
    """Best first; the ranks are the numbers that rows and columns of the heat map carry."""
    from rich.table import Table
    from rich.text import Text

    index_of = {run_id: index for index, run_id in enumerate(result["runs"])}
    names = _names(result)
    ranked = [(run_id, index_of[run_id]) for run_id in found["ranking"]]
    columns: dict[str, list[Text]] = {
        "Rank": [Text(str(rank)) for rank in range(1, len(ranked) + 1)],
        "Name": [],
        "ID": [Text(clean(run_id), style="dim") for run_id, _ in ranked],
        "Score": [Text(_number(found["scores"][index])) for _, index in ranked],
    }
    if any(found.get("intervals") or []):
        columns["95 %"] = [Text(_interval(found["intervals"][index]), style="dim") for _, index in ranked]
    if any(share is not None for share in found.get("medoid_probability") or []):
        columns["Medoid"] = [Text(_percentage(found["medoid_probability"][index])) for _, index in ranked]
    taken = sum(max(map(cell_len, (title, *map(str, cells)))) + _GAP for title, cells in columns.items() if cells)
    spare = width - taken - _GAP - _LEAST_BAR_CELLS
    name_cells = min(_NAME_CELLS, max(spare, _LEAST_NAME_CELLS))
    columns["Name"] = [
        Text(clean(names[index], name_cells), style="bold green" if run_id == found["pick"] else "")
        for run_id, index in ranked
    ]
    bar_cells = min(width - taken - _GAP - max(4, *map(cell_len, map(str, columns["Name"]))), _BAR_CELLS)
    low, high = _span([found["scores"][index] for _, index in ranked if found["scores"][index] is not None])
    columns[""] = [_drawn(found["scores"][index], low, high, max(bar_cells, 0), blocks) for _, index in ranked]
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False)
    for title in columns:
        table.add_column(title, justify="left" if title in ("Name", "ID", "") else "right", no_wrap=True)
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    return table


def _number(score: float | None) -> str:
    return "–" if score is None else f"{score:.3f}"


def _interval(interval: Sequence[float] | None) -> str:
    return "–" if interval is None else f"{interval[0]:.3f}–{interval[1]:.3f}"


def _percentage(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def _drawn(score: float | None, low: float, high: float, cells: int, blocks: bool) -> Text:
    from rich.text import Text

    return Text("" if score is None else _bar((score - low) / (high - low), cells, blocks))


def _span(scores: Sequence[float]) -> tuple[float, float]:
    """Where bars begin and end: zero to the best, closer where scores lie together, so that they can be told apart."""
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


def _sentence(method: str, found: dict[str, Any], result: dict[str, Any]) -> str:
    pick = found["pick"]
    index = result["runs"].index(pick)
    name, score = _names(result)[index], found["scores"][index]
    ranked = len(found["ranking"])
    if score is None:
        return f"{method} picks {name} ({pick}): there is nothing to compare it with."
    tied = sum(other is not None and abs(other - score) < _TIE for other in found["scores"])
    if tied > 1:
        return f"{method} cannot tell {tied} of {ranked} models apart at {score:.3f} and takes {name} ({pick})."
    if found.get("verdict") == "cannot tell":
        return f"{method} takes {name} ({pick}) with {score:.3f}, but cannot tell whether it is the best of {ranked}."
    sure = found.get("confidence") or _share_of(found, index)
    with_confidence = f", with a confidence of {sure:.0%}" if sure is not None else ""
    return f"{method} picks {name} ({pick}) with {score:.3f}, the best of {ranked} models{with_confidence}."


def _share_of(found: dict[str, Any], index: int) -> float | None:
    shares = found.get("medoid_probability")
    return None if shares is None else shares[index]
