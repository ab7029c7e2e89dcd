"""What the selection screen says in words: which result this is, how sure it is, and what stands at the cursor."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from rich.cells import cell_len
from rich.text import Text

from cr_tui.dashboard.model.selections import Computation
from cr_tui.dashboard.selection.pools import PoolPage
from cr_tui.dashboard.selection.shown_selection import ShownSelection
from cr_tui.dashboard.theme import Look
from cr_tui.text import clean, short_duration
from engine.choosing.methods import CENTRALITY, SELECTION_METHODS
from engine.choosing.result import MethodResult

_BAR_CELLS = 16
_TITLE_CELLS, _NARROW_NAME, _WIDE = 40, 24, 110
"""Cells of a name in a sentence, on a narrow screen and on one of so many cells."""

NOTHING_TO_RANK = """\
There is no run yet.

A selection needs models: press  1  and there  n  to train some, for example one method with seeds 0-4 in a group."""
TOO_FEW = """\
This group has not been ranked yet.

A ranking needs at least 2 finished runs in the group, and says something from 3 on; this one has {finished}.

Press  {next}1  and there  n  to train more."""
NOT_RANKED = """\
This group has not been ranked yet.

Press  c  to do it in the background. ModelCentrality scores every encoder on images made by every generator:
the model that agrees best with all others, the medoid, is the one to take. No labels are needed.
The same from a shell:  crtui select --group {group}"""
NOT_RANKED_READ_ONLY = """\
This group has not been ranked yet.

This dashboard is read-only; from a shell:  crtui select --group {group}"""
NO_MATRIX = """\
Nothing was compared pair by pair in this result: only model-centrality makes a matrix.

Press  c  to compute it, or  ,  for an older result."""


COMPUTING = """\
This group is being ranked.

The matrix appears when the first models have been compared. The dashboard may be closed meanwhile."""


def empty_words(pool: PoolPage | None, pages: int, read_only: bool) -> str:
    """What to do on a page without a result, one of so many pages."""
    if pool is None:
        return NOTHING_TO_RANK
    if any(computation.running for computation in pool.computations):
        return COMPUTING
    if len(pool.finished) < 2 and pool.runs:
        return TOO_FEW.format(finished=len(pool.finished), next="]  for the next group, or  " if pages > 1 else "")
    words = NOT_RANKED_READ_ONLY if read_only else NOT_RANKED
    return words.format(group=clean(pool.key, _TITLE_CELLS) if pool.key else "NAME")


def headline(
    pool: PoolPage | None,
    place: tuple[int, int],
    result: int,
    shown: ShownSelection | None,
    damaged: int,
    now: float,
    width: int,
    look: Look,
) -> Text:
    """The group, and which of its results is shown. What has no room is left out, the details first.

    Args:
        pool: the page.
        place: number of the page, from 1, and how many there are.
        result: index of the result among those of the page.
        shown: what is shown; None for nothing.
        damaged: results of the store that cannot be read.
        now: seconds since 1970.
        width: cells.
        look: colours.
    """
    if pool is None:
        return Text()
    parts = [f"{place[0]} of {place[1]}"] if place[1] > 1 else []
    parts += [f"{len(pool.runs)} run{'s' if len(pool.runs) > 1 else ''}"] if pool.runs else []
    alerts = [f"{damaged} damaged"] if damaged else []
    if shown is not None:
        parts += _facts(pool, result, shown, now)
        newer = sum(not one.partial for one in pool.results[:result])
        alerts += [f"{newer} newer: ."] if newer else []
    line = Text().append("‹ ", style=look.faint).append(clean(pool.title, _TITLE_CELLS), style="bold")
    line.append(" ›", style=look.faint)
    warned = "".join(f"  {alert}" for alert in alerts)
    while parts and line.cell_len + 2 + cell_len(" · ".join(parts)) + cell_len(warned) > width:
        parts.pop()
    if parts:
        line.append("  " + " · ".join(parts), style=look.faint)
    return line.append(warned, style=look.alert)


def _facts(pool: PoolPage, result: int, shown: ShownSelection, now: float) -> list[str]:
    """What is said of a result, the most important first."""
    found = shown.result
    when = "so far" if found.partial else f"{short_duration(max(now - found.created, 0.0))} ago"
    parts = [f"{shown.ranked} ranked {when}"]
    parts += [f"{len(found.excluded)} left out"] if found.excluded else []
    parts += [f"result {result + 1} of {len(pool.results)}"] if len(pool.results) > 1 else []
    central = found.methods.get(CENTRALITY)
    if central is not None and central.similarity:
        votes = f", {found.votes} votes" if found.votes else ""
        parts.append(f"by {clean(central.similarity, 20)}{votes}")
    parts += [f"codes {clean(found.codes, 20)}"] if found.codes != "own" else []
    named = found.protocol is not None and found.protocol.name
    return parts + ([f"protocol {clean(named, 20)}"] if named else [])


def progress_line(computations: Sequence[Computation], now: float, width: int, look: Look) -> Text:
    """How far the computation is; where none runs, why the newest one ended early.

    Args:
        computations: of the page.
        now: seconds since 1970.
        width: cells; what has no room is left out, the details first.
        look: colours.
    """
    computation = next((one for one in computations if one.running), next(iter(computations), None))
    if computation is None:
        return Text()
    if not computation.running:
        line, keys = Text("✗ not ranked: ", style=look.error), "   c: go on, x: forget"
        room = max(width - line.cell_len - cell_len(keys), 1)
        return line.append(clean(computation.message, room), style=look.alert).append(keys, style=look.faint)
    line = Text("● ", style=look.statuses["running"][1]).append(clean(computation.message, 32))
    if computation.total > 0:
        share = min(computation.done / computation.total, 1.0)
        full = round(share * _BAR_CELLS)
        line.append(" ").append("━" * full, style=look.key).append("━" * (_BAR_CELLS - full), style=look.faint)
        line.append(f" {computation.done}/{computation.total}")
    if computation.eta is not None:
        line.append(f" · {short_duration(computation.eta)} left")
    others = sum(one.running for one in computations) - 1
    more = [f"and {others} more"] if others > 0 else []
    more += [f"begun {short_duration(max(now - computation.begun, 0.0))} ago"]
    more += ["by crtui select"] if computation.terminal else []
    for part in more:
        if line.cell_len + 3 + cell_len(part) <= width:
            line.append(f" · {part}", style=look.faint)
    return line


def verdict(shown: ShownSelection, width: int, look: Look) -> Text:
    """How sure the pick is, and what would settle it.

    Args:
        shown: what is shown.
        width: cells of the screen; on a narrow one names are shorter.
        look: colours.
    """
    if not shown.ranked:
        return Text("nothing can be ranked yet" if shown.result.partial else "nothing could be ranked", look.alert)
    names = shown.short(_TITLE_CELLS if width >= _WIDE else _NARROW_NAME)
    pick = names[shown.order[0]]
    if shown.result.partial:
        return (
            Text("so far ", style=look.alert)
            .append(pick, "bold")
            .append(" leads among the pairs compared; no verdict yet")
        )
    found, method = shown.found, SELECTION_METHODS.get(shown.order_by)
    if found is None or (method is not None and method.needs_labels):
        return (
            Text("by labels  ", style=look.heading)
            .append(pick, "bold")
            .append(" scores best, if labels are to be asked")
        )
    if not found.verdict:
        return (
            Text("pick  ", style=look.heading).append(pick, "bold").append("; this method does not say how sure it is")
        )
    return _centrality_verdict(shown, found, names, look)


def _centrality_verdict(shown: ShownSelection, found: MethodResult, names: Mapping[str, str], look: Look) -> Text:
    clear = found.verdict == "clear"
    text = Text(
        "✓ clear  " if clear else f"? {clean(found.verdict, 20)}  ",
        style=look.statuses["finished"][1] if clear else look.alert,
    )
    text.append(names[shown.order[0]], style="bold")
    share = shown.of(found.medoid_probability, shown.order[0])
    if isinstance(share, float) and math.isfinite(share):
        text.append(f" is the medoid in {share:.0%} of resampled votes")
    elif found.confidence is not None:
        text.append(f" stays ahead in {found.confidence:.0%} of other draws of votes and references")
    else:
        text.append(" is the most central")
    # What limits the pick comes next: where there is little room, the end is cut.
    for warning in found.warnings:
        text.append("\n" + clean(_with_short_names(warning, shown, names)), style=look.alert)
    if found.agreement is not None and found.agreement_by_chance is not None:
        text.append("\n" if found.warnings else "; ")
        text.append(f"agreement {found.agreement:.2f}, by chance up to {found.agreement_by_chance:.2f}", look.faint)
    return text


def _with_short_names(sentence: str, shown: ShownSelection, names: Mapping[str, str]) -> str:
    """A sentence of the result with names as they stand on the screen: at full length two may fill it."""
    by_title = {title: names[run_id] for run_id, title in zip(shown.result.runs, shown.result.titles, strict=True)}
    # A name may be the beginning of another one.
    titles = sorted(filter(None, by_title), key=len, reverse=True)
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, titles))})(?!\w)")
    return pattern.sub(lambda found: by_title[found.group()], sentence) if titles else sentence


def readout(shown: ShownSelection, cursor: tuple[int, int] | None, width: int, look: Look) -> Text:
    """Both runs at the cursor of the matrix, their scores on each other, and the interval of the encoder's centrality.

    Args:
        shown: what is shown.
        cursor: row and column of the matrix; None where there is none.
        width: cells a line.
        look: colours.
    """
    matrix, runs = shown.matrix, shown.compared
    if matrix is None or cursor is None or not runs:
        return Text()
    i, j = (min(at, len(runs) - 1) for at in cursor)
    forth, back = float(matrix[i, j]), float(matrix[j, i])
    text = Text()
    for at, part in ((i, "encoder of  "), (j, "on images of")):
        number = f"{at + 1:>3} "
        text.append(f"{part}{number}", style=look.faint)
        text.append(shown.short(max(width - len(part) - len(number), 1))[runs[at]] + "\n")
    text.append(_number(forth), style=look.key)
    if i == j:
        text.append(", on its own images", style=look.faint)
    else:
        text.append(", the other way ", style=look.faint).append(_number(back))
        text.append(", mean ", style=look.faint).append(_number((forth + back) / 2))
    found = shown.result.methods.get(CENTRALITY)
    interval = shown.of(found.intervals, runs[i]) if found else None
    if found is not None:
        score = shown.scores[CENTRALITY].get(runs[i], math.nan)
        text.append(f" · centrality of {i + 1} ", style=look.faint).append(_number(score))
        if isinstance(interval, tuple):
            text.append(f" [{interval[0]:.3f}, {interval[1]:.3f}]")
    return text


def left_out_words(name: str, reason: str, look: Look) -> Text:
    """Why the run under the cursor takes no part."""
    return Text(clean(name, 60), style="bold").append(" is left out: ", look.alert).append(clean(reason))


def copied(shown: ShownSelection, cursor: tuple[int, int]) -> str:
    """The pair at the cursor, a value a line."""
    matrix, runs = shown.matrix, shown.compared
    assert matrix is not None, "a cursor is on a matrix"
    i, j = cursor
    forth, back = float(matrix[i, j]), float(matrix[j, i])
    rows = (
        ("encoder", f"{clean(runs[i])}\t{clean(shown.names[runs[i]])}"),
        ("generator", f"{clean(runs[j])}\t{clean(shown.names[runs[j]])}"),
        (f"encoder of {i + 1} on images of {j + 1}", f"{forth:.12g}"),
        (f"encoder of {j + 1} on images of {i + 1}", f"{back:.12g}"),
        ("mean", f"{(forth + back) / 2:.12g}"),
    )
    return "\n".join(f"{name}\t{value}" for name, value in rows)


def _number(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "not compared"
