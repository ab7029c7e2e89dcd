"""Which scalars share a chart, and the lines they become."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from cr_tui.dashboard.feeds import Feed
from cr_tui.dashboard.history import Axis, ScalarKey
from cr_tui.render.cells import Rgb
from cr_tui.render.chart import Series

_LOSS, _SCHEDULES, _PROBABILITY = "loss_", ("lambda_", "gap", "learning_rate"), "_probability"
_ACCURACY = "_accuracy"
_KIND_ORDER = ("train", "score", "system")


@dataclass(frozen=True)
class ShownRun:
    """A run whose curves are drawn.

    Args:
        name: as it stands in legends.
        colour: its colour everywhere.
        feed: what was read of it.
    """

    id: str
    name: str
    colour: Rgb
    feed: Feed


@dataclass(frozen=True)
class ChartGroup:
    """The lines of one chart."""

    title: str
    series: tuple[Series, ...] = ()


GROUPS: dict[str, Callable[[ScalarKey], bool]] = {
    "losses": lambda key: key[0] == "train" and key[1].startswith(_LOSS),
    "scores": lambda key: key[0] == "score" or (key[0] == "train" and key[1].endswith(_ACCURACY)),
    "schedules": lambda key: key[0] == "train" and key[1].startswith(_SCHEDULES),
    "probabilities": lambda key: key[0] == "train" and key[1].endswith(_PROBABILITY),
}
"""The charts that a glance at a run shows. Rates and other numbers without a common scale are left out."""


def overview(runs: Sequence[ShownRun]) -> dict[str, ChartGroup]:
    """The lines of each chart of :data:`GROUPS`.

    Of one run, all the scalars that belong there; of several, the first of them from each run.
    """
    keys = scalar_keys(run.feed for run in runs)
    groups: dict[str, ChartGroup] = {}
    for title, belongs in GROUPS.items():
        found = [key for key in keys if belongs(key)]
        if len(runs) == 1:
            lines = [line for key in found for line in [_line(runs[0].feed, key, _short(key))] if line]
            groups[title] = ChartGroup(title, tuple(lines))
        else:
            groups[title] = ChartGroup(title_of(found[0]), overlay(runs, found[0])) if found else ChartGroup(title)
    return groups


def scalar_keys(feeds: Iterable[Feed]) -> list[ScalarKey]:
    """Every scalar that any of the runs has: training first, then scores, then what the system said."""
    keys = list(dict.fromkeys(key for feed in feeds for key in feed.tracks))
    losses_first = sorted(keys, key=lambda key: not key[1].startswith(_LOSS))
    return sorted(losses_first, key=lambda key: _KIND_ORDER.index(key[0]))


def title_of(key: ScalarKey) -> str:
    """A scalar's name as charts and filters know it."""
    kind, name = key
    return name if kind == "train" else f"{kind}.{name}"


def overlay(
    runs: Sequence[ShownRun], key: ScalarKey, axis: Axis = "step", *, smooth: bool = False, band: bool = True
) -> tuple[Series, ...]:
    """One scalar of several runs, by their colours alone: the screen says once whose they are.

    Args:
        runs: in their colours.
        key: the scalar; runs without it are left out.
        axis: what it runs over.
        smooth: draw the moving averages, as far as they have been made.
        band: draw what was measured dimly behind them.
    """
    behind: list[Series] = []
    front: list[Series] = []
    for run in runs:
        measured = _line(run.feed, key, "", axis, run.colour)
        levels = run.feed.smoothed.get(key) if smooth else None
        if measured is None:
            continue
        if levels is None:
            front.append(measured)
            continue
        front.append(Series("", measured.x, levels.values, run.colour, levels))
        if band:
            behind.append(Series("", measured.x, measured.y, run.colour, measured.levels, faint=True))
    return (*behind, *front)


def _line(feed: Feed, key: ScalarKey, name: str, axis: Axis = "step", colour: Rgb | None = None) -> Series | None:
    track = feed.tracks.get(key)
    if track is None:
        return None
    return Series(name, track.along(axis), track.levels.values, colour, track.levels)


def _short(key: ScalarKey) -> str:
    return key[1].removeprefix(_LOSS).removesuffix(_PROBABILITY)
