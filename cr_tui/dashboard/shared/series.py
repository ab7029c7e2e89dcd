"""The curves of runs as the series of a chart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from cr_tui.dashboard.model.curves import Axis, Curve, RunCurves, ScalarKey, ShownRun
from cr_tui.render.cells import Rgb
from cr_tui.render.curves.series import Series

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


def series_of(curve: Curve, name: str = "", axis: Axis = "step", colour: Rgb | None = None) -> Series:
    """A curve as a line of a chart."""
    return Series(name, curve.along(axis), curve.levels.values, colour, curve.levels)


def drawn_series(
    curves: RunCurves,
    key: ScalarKey,
    name: str = "",
    axis: Axis = "step",
    colour: Rgb | None = None,
    *,
    smooth: bool = False,
    band: bool = True,
    dimmed: bool = False,
    pattern: int = 0,
) -> Series | None:
    """One scalar of a run as it is drawn; None where the run has none.

    Args:
        curves: what was read of the run.
        key: the scalar.
        name: as the legend writes it.
        axis: what it runs over.
        colour: of the line.
        smooth: draw its moving average, if it has one, over the span of what was measured.
        band: whether that span is drawn.
        dimmed: draw it behind the others.
        pattern: of the line, for terminals without colours.
    """
    measured = curves.measured.get(key)
    if measured is None:
        return None
    smoothed = curves.smoothed.get(key) if smooth else None
    series = series_of(measured, name, axis, colour)
    if smoothed is not None:
        series = replace(series_of(smoothed, name, axis, colour), measured=series, averaged=True)
    return replace(series, band=band, dimmed=dimmed, pattern=pattern)


def overlay(
    runs: Sequence[ShownRun], key: ScalarKey, axis: Axis = "step", *, smooth: bool = False, band: bool = True
) -> tuple[Series, ...]:
    """One scalar of several runs, without names: a legend on the screen says which colour is whose.

    Args:
        runs: in their colours; the first ones lie on top. Those without the scalar are left out.
        key: the scalar.
        axis: what it runs over.
        smooth: draw the moving averages of the runs that have them.
        band: draw the span of the measured values behind.
    """
    drawn = (
        drawn_series(run.curves, key, "", axis, run.colour, smooth=smooth, band=band, pattern=place)
        for place, run in enumerate(runs)
    )
    return tuple(series for series in drawn if series is not None)
