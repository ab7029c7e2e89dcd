"""The curves of runs as the series of a chart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cr_tui.dashboard.model.curves import Axis, Curve, RunCurves, ScalarKey, ShownRun
from cr_tui.render.cells import Rgb
from cr_tui.render.curves.chart import Series

_KIND_ORDER = ("train", "score", "system")
_LOSS = "loss_"


def scalar_keys(curves: Iterable[RunCurves]) -> list[ScalarKey]:
    """Every scalar that any of the runs has: training first and its losses before the rest, then scores and system."""
    keys = list(dict.fromkeys(key for of_run in curves for key in of_run.measured))
    losses_first = sorted(keys, key=lambda key: not key[1].startswith(_LOSS))
    return sorted(losses_first, key=lambda key: _KIND_ORDER.index(key[0]))


def title_of(key: ScalarKey) -> str:
    """A scalar's name in charts and filters: kind and name, without the kind ``train``."""
    kind, name = key
    return name if kind == "train" else f"{kind}.{name}"


def series_of(
    curve: Curve, name: str = "", axis: Axis = "step", colour: Rgb | None = None, *, faint: bool = False
) -> Series:
    """A curve as a line of a chart."""
    return Series(name, curve.along(axis), curve.levels.values, colour, curve.levels, faint=faint)


def overlay(
    runs: Sequence[ShownRun], key: ScalarKey, axis: Axis = "step", *, smooth: bool = False, band: bool = True
) -> tuple[Series, ...]:
    """One scalar of several runs, without names: a legend on the screen says which colour is whose.

    Args:
        runs: in their colours.
        key: the scalar; runs without it are left out.
        axis: what it runs over.
        smooth: draw the moving averages of the runs that have them.
        band: draw the measured values dimly behind the averages.
    """
    behind: list[Series] = []
    front: list[Series] = []
    for run in runs:
        measured, smoothed = run.curves.measured.get(key), run.curves.smoothed.get(key) if smooth else None
        if measured is None:
            continue
        front.append(series_of(smoothed or measured, "", axis, run.colour))
        if smoothed is not None and band:
            behind.append(series_of(measured, "", axis, run.colour, faint=True))
    return (*behind, *front)
