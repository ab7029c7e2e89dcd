"""What a grid of charts shows, as one value that can be given to a thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from cr_tui.dashboard.charts.parts import UNDIMMED, Part
from cr_tui.dashboard.charts.window import Window
from cr_tui.dashboard.model.curves import Axis, ScalarKey, ShownRun
from cr_tui.render.curves.chart import Scale
from cr_tui.render.curves.series import Curve, x_span

GUTTER = 2
_LEAST_WIDTH, _LEAST_HEIGHT = 36, 8
_NARROWEST, _LOWEST = 16, 4
"""Cells and lines of a chart, if somebody asks for more of them than are comfortable."""
_MOST_COLUMNS = 5
_SHORT = 0.5
"""Part of the common x axis below which curves have an axis of their own."""
WHOLE_HEIGHT = (0.0, 1.0)


@dataclass(frozen=True)
class ChartStyle:
    """How curves are drawn.

    Args:
        axis: the x axis.
        smooth: whether to draw moving averages.
        band: whether to draw the span of the measured values, or the deviation between runs.
        log_y: whether the y axis is logarithmic.
        clip: whether outliers are left outside.
        guides: whether there are faint lines at round values.
        across: charts side by side; 0 for as many as fit.
        down: charts one below the other; 0 for as many as fit.
    """

    axis: Axis = "step"
    smooth: bool = False
    band: bool = True
    log_y: bool = False
    clip: bool = False
    guides: bool = True
    across: int = 0
    down: int = 0


@dataclass(frozen=True)
class Scene:
    """The lines, their charts, the focused chart, and how all is drawn.

    Args:
        parts: what has a line in every chart, in the order of the legend. Earlier lines lie over later ones, that of
            the leading part over all.
        lead: id of the leading part; None for none.
        keys: the scalars; each has a chart.
        focus: the scalar whose chart obeys the keys; the first if it is not among ``keys``.
        alone: whether only the focused chart is shown.
        heights: the part of its height that a chart shows, as shares from the bottom, where it is not all.
    """

    parts: tuple[Part, ...] = ()
    lead: str | None = None
    keys: tuple[ScalarKey, ...] = ()
    focus: ScalarKey | None = None
    alone: bool = False
    style: ChartStyle = field(default_factory=ChartStyle)
    window: Window = field(default_factory=Window)
    heights: Mapping[ScalarKey, tuple[float, float]] = field(default_factory=dict)

    @cached_property
    def runs(self) -> tuple[ShownRun, ...]:
        """The runs of all parts."""
        return tuple(run for part in self.parts for run in part.runs)

    @cached_property
    def focused(self) -> ScalarKey | None:
        """The scalar whose chart obeys the keys."""
        return self.focus if self.focus in self.keys else next(iter(self.keys), None)

    @cached_property
    def whole(self) -> tuple[float, float]:
        """The first and last position of any curve."""
        return x_span([curve for key in self.keys for curve in self.curves(key)]) or (0.0, 1.0)

    @property
    def shown(self) -> tuple[float, float]:
        """The first and last position that is shown."""
        return self.window.shown(self.whole)

    def whole_of(self, key: ScalarKey | None) -> tuple[float, float]:
        """The first and last position of a scalar's chart: those of all charts, so that charts can be compared.

        Curves that all end in the first half have a shorter axis: on that of all they would be a corner of their chart.
        """
        start, end = self.whole
        own = x_span(self.curves(key)) if key is not None else None
        return (start, own[1]) if own is not None and start < own[1] < start + _SHORT * (end - start) else self.whole

    def shown_of(self, key: ScalarKey | None) -> tuple[float, float]:
        """The first and last position that is shown in a scalar's chart."""
        return self.window.shown(self.whole_of(key))

    def curves(self, key: ScalarKey, *, named: bool = False) -> tuple[Curve, ...]:
        """The lines of a scalar's chart, that of the leading part first. Where it has none, no other is dimmed."""
        ordered = sorted(self.parts, key=lambda part: (part.id != self.lead, not part.pinned))
        there = [part for part in ordered if self.curve_of(part, key) is not None]
        if self.lead is not None and all(part.id != self.lead for part in there):
            # Bands of many lines would hide the lines.
            there = [replace(part, dimmed=False, banded=len(there) <= UNDIMMED) for part in there]
        found = (self.curve_of(part, key, named=named) for part in there)
        return tuple(curve for curve in found if curve is not None)

    def curve_of(self, part: Part, key: ScalarKey, *, named: bool = False) -> Curve | None:
        """The line of one part in a scalar's chart; None where it has none."""
        style = self.style
        band = style.band and part.banded
        return part.curve(key, style.axis, smooth=style.smooth, band=band, named=named)

    def height_of(self, key: ScalarKey) -> tuple[float, float]:
        """The part of its height that a chart shows, as shares from the bottom."""
        return self.heights.get(key, WHOLE_HEIGHT)

    def scale(self, key: ScalarKey) -> Scale:
        """The y axis of a scalar's chart."""
        is_score = key[0] == "score" and not self.style.log_y and key not in self.heights
        bounds = (0.0, 1.0) if is_score else None
        return Scale(self.style.log_y, bounds, self.style.clip, self.height_of(key))

    def shape(self, width: int, height: int) -> tuple[int, int]:
        """How many charts to show across and down in so many cells and lines."""
        if self.alone:
            return 1, 1
        count = max(len(self.keys), 1)
        most_across = min(max((width + GUTTER) // (_LEAST_WIDTH + GUTTER), 1), _MOST_COLUMNS)
        if self.style.across:
            most_across = min(self.style.across, max((width + GUTTER) // (_NARROWEST + GUTTER), 1))
        most_down = max(height // _LEAST_HEIGHT, 1)
        if self.style.down:
            most_down = min(self.style.down, max(height // _LOWEST, 1))
        across = min(most_across, count)
        return across, min(most_down, -(-count // across))

    def page(self, width: int, height: int) -> tuple[ScalarKey, ...]:
        """The scalars whose charts are on the screen: the page with the focused one."""
        if self.focused is None:
            return ()
        if self.alone:
            return (self.focused,)
        across, down = self.shape(width, height)
        size = across * down
        first = self.keys.index(self.focused) // size * size
        return self.keys[first : first + size]

    def neighbour(self, across: int, down: int, columns: int) -> ScalarKey | None:
        """The scalar of a chart beside the focused one; the focused one if there is none."""
        if self.focused is None:
            return None
        at = self.keys.index(self.focused) + across + down * columns
        return self.keys[at] if 0 <= at < len(self.keys) else self.focused
