"""How a ranking is printed: a table with bars, the heat map of the matrix, and the pick in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len

from cr_tui.cli.output import cell_mode, put, stdout_console
from cr_tui.text import clean

if TYPE_CHECKING:
    from rich.table import Table

_BAR_CELLS = 16
_NUMBER_CELLS = 20
"""What rank, number and score take with the gaps behind them."""
_NAME_CELLS = 24
_GAP = 2
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
        import numpy as np

        from cr_tui.render.heatmap import heatmap

        put("row = encoder, column = generator whose codes it was scored on")
        matrix = np.array(result["matrix"], dtype=np.float64)
        console.print(heatmap(matrix, _names(result), width=console.width, mode=mode))
        put()
    for method, found in result["methods"].items():
        put(_sentence(method, found, result))
        for run_id, reason in found["excluded"].items():
            put(f"left out by {method}: {run_id}, because {reason}")


def _names(result: dict[str, Any]) -> list[str]:
    return [name or run_id for run_id, name in zip(result["runs"], result["names"], strict=True)]


def _table(found: dict[str, Any], result: dict[str, Any], width: int, blocks: bool) -> Table:
    """Best first, with the numbers that rows and columns of the heat map carry."""
    from rich.table import Table
    from rich.text import Text

    number_of = {run_id: index for index, run_id in enumerate(result["runs"])}
    names = [clean(name, _NAME_CELLS) for name in _names(result)]
    scores = {run_id: found["scores"][number_of[run_id]] for run_id in found["ranking"]}
    low, high = _span([score for score in scores.values() if score is not None])
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False)
    for title in ("Rank", "No.", "Name", "ID", "Score", ""):
        table.add_column(title, justify="left" if title in ("Name", "ID", "") else "right", no_wrap=True)
    taken = sum(max(map(cell_len, cells)) + _GAP for cells in (names, result["runs"])) + _NUMBER_CELLS
    bar_cells = min(max(width - taken, 0), _BAR_CELLS)
    for rank, (run_id, score) in enumerate(scores.items(), start=1):
        index = number_of[run_id]
        table.add_row(
            str(rank),
            Text(str(index + 1), style="dim"),
            Text(names[index], style="bold green" if run_id == found["pick"] else ""),
            Text(clean(run_id), style="dim"),
            "–" if score is None else f"{score:.3f}",
            "" if score is None else _bar((score - low) / (high - low), bar_cells, blocks),
        )
    return table


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
    return f"{method} picks {name} ({pick}) with {score:.3f}, the best of {ranked} models."
