"""The line of marks: how many runs are marked, how many of these are not on the list, and which colour is whose."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.text import Text

from cr_tui.dashboard.model.curves import ShownRun
from cr_tui.dashboard.model.data import Run
from cr_tui.dashboard.theme import Look
from cr_tui.render.cells import style_of
from cr_tui.render.curves.plot import letter_of
from cr_tui.short_names import Shortener

MARK, SMALL_MARK = "●", "•"
"""Marks of runs with and without a colour."""
_LEAST_NAME, _ENOUGH = 6, 12
"""Cells of a name if all marked runs are to be named, and if some must be left out anyway."""
_AROUND = 4
"""Cells around a name: its mark and the gap behind it."""


def marks_of(shown: Sequence[ShownRun], letters: bool) -> dict[str, str]:
    """The mark of each run that has a colour, by id: a disc, or the letter of its line in charts without colours."""
    return {run.id: letter_of(place) if letters and len(shown) > 1 else MARK for place, run in enumerate(shown)}


def marks_line(
    marked: Sequence[Run],
    shown: Sequence[ShownRun],
    hidden: Collection[str],
    width: int,
    look: Look,
    *,
    letters: bool = False,
) -> Text:
    """The line, in at most ``width`` cells.

    Args:
        marked: every marked run, in the order of marking.
        shown: those of them that have a colour.
        hidden: ids of those that the filter hides; they are never acted on.
        width: cells.
        look: colours.
        letters: whether runs are known by the letters of their lines instead of their colours.
    """
    line = Text(f"{len(marked)} marked", style=look.heading)
    if hidden:
        line.append(f", {len(hidden)} hidden", style=look.alert)
    line.append("  ")
    colours = {run.id: run.colour for run in shown}
    marks = marks_of(shown, letters)
    room = width - line.cell_len
    left = room - len(f"+{len(marked)}")
    all_fit = len(marked) * (_LEAST_NAME + _AROUND) <= left
    most = len(marked) if all_fit else max(left // (_ENOUGH + _AROUND), 0)
    shortener = Shortener([run.name for run in marked], [run.group for run in marked])
    names: list[str] = []
    # Fewer names that can be told apart say more than many that cannot.
    for count in range(most, 0, -1):
        left_out = len(marked) - count
        cells = (room - (len(f"+{left_out}") if left_out else 0)) // count - _AROUND
        names = [shortener.short(number, cells) for number in range(count)]
        if len(set(names)) == len(set(shortener.full[:count])):
            break
    left_out = len(marked) - len(names)
    for run, name in zip(marked, names, strict=False):
        colour = colours.get(run.id)
        line.append(f"{marks.get(run.id, SMALL_MARK)} ", style=style_of(colour) if colour else look.faint)
        line.append(f"{name}  ", style=look.faint if run.id in hidden else "")
    return line.append(f"+{left_out}" if left_out else "", style=look.faint)
