"""Finds and shows what differs between the settings of runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment

from cr_tui.dashboard.model.curves import ShownRun
from cr_tui.dashboard.theme import Look, rgb
from cr_tui.render.cells import Cells, style_of
from cr_tui.short_names import cut_in_the_middle, short_names
from cr_tui.text import clean

_NOT_SETTINGS = frozenset({"name", "priority", "retries"})
_KEY_WIDTH, _WIDE_KEY, _KEY_SHARE = 28, 44, 0.3
"""Cells of a key at most, those on a wide screen, and the part of a screen that is wide enough for them."""
_LEAST_WIDTH, _MOST_WIDTH = 6, 18
_MISSING = "–"
NOTHING = "the settings of these runs do not differ"
ONE = "mark two runs or more to see what differs between them"


def differences(settings: Sequence[Mapping[str, object]]) -> dict[str, list[object]]:
    """The keys whose values differ between runs, with the value of each run; None where a run has none.

    Args:
        settings: a specification by dotted key, one a run.
    """
    keys = dict.fromkeys(key for one in settings for key in one if key not in _NOT_SETTINGS)
    rows = {key: [one.get(key) for one in settings] for key in keys}
    return {key: values for key, values in rows.items() if any(value != values[0] for value in values)}


def differences_table(
    runs: Sequence[ShownRun], settings: Sequence[Mapping[str, object]], width: int, height: int, look: Look
) -> Cells:
    """A table with a row for each differing key and a column for each run, as many as fit."""
    faint = style_of(rgb(look.faint))
    rows = differences(settings)
    if not rows:
        return Cells(((Segment(clean(NOTHING if len(runs) > 1 else ONE, width), faint),),))
    key_width = min(
        max(cell_len(clean(key)) for key in rows) + 1,
        max(_KEY_WIDTH, min(int(width * _KEY_SHARE), _WIDE_KEY)),
        max(width // 2, 1),
    )
    cells = {key: [_shown(value) for value in values] for key, values in rows.items()}
    full = short_names([run.name for run in runs], _MOST_WIDTH, [run.group for run in runs])
    widest = max(cell_len(text) for texts in cells.values() for text in texts)
    widest = max(widest, *(cell_len(name) + 2 for name in full))
    column = min(max(widest, _LEAST_WIDTH), _MOST_WIDTH)
    names = short_names([run.name for run in runs], column - 2, [run.group for run in runs])
    count = _columns(width - key_width, column, len(runs))
    chosen = _unlike(list(zip(*cells.values(), strict=True)), count)
    header = [Segment(" " * key_width)]
    for number in chosen:
        header += [
            Segment("● ", style_of(runs[number].colour)),
            Segment(set_cell_size(names[number], column - 2), faint),
            Segment("  "),
        ]
    if count < len(runs):
        header.append(Segment(f"+{len(runs) - count}", style_of(rgb(look.alert))))
    lines = [tuple(header)]
    for key, texts in zip(short_names(list(cells), key_width - 1), cells.values(), strict=True):
        shown = (set_cell_size(cut_in_the_middle(texts[number], column), column) for number in chosen)
        lines.append((Segment(set_cell_size(key, key_width), faint), Segment("  ".join(shown))))
    del lines[max(height, 1) :]
    hidden = len(cells) - max(height - 1, 0)
    if hidden > 0 and height > 1:
        lines[-1] = (Segment(f"… and {hidden + 1} more", faint),)
    return Cells(tuple(lines))


def _unlike(runs: Sequence[Sequence[str]], count: int) -> list[int]:
    """The runs that are shown where not all fit: the first, then those that differ most from all before them.

    Args:
        runs: the values of each.
        count: how many fit.
    """
    if count >= len(runs):
        return list(range(len(runs)))
    chosen = [0]
    nearest = [_unequal(runs[0], values) for values in runs]
    while len(chosen) < count:
        chosen.append(max(range(len(runs)), key=lambda number: (nearest[number], -number)))
        nearest = [min(known, _unequal(runs[chosen[-1]], values)) for known, values in zip(nearest, runs, strict=True)]
    return sorted(chosen)


def _unequal(one: Sequence[str], other: Sequence[str]) -> int:
    return sum(here != there for here, there in zip(one, other, strict=True))


def _columns(width: int, column: int, runs: int) -> int:
    """How many runs fit side by side; where not all do, beside the count of the others."""
    fitting = max((width + 2) // (column + 2), 1)
    if fitting >= runs:
        return runs
    return max((width - len(f"+{runs}")) // (column + 2), 1)


def _shown(value: object) -> str:
    if value is None:
        return _MISSING
    return clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
